/** What a sink task may commit, by example and for any order of events. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CommitTracker } from '../../../workers/task-thread/commit-tracker.ts';

const place = { topic: 'logs', partition: 3 };
const at = (offset: number) => ({ ...place, offset });

function tracker(from: number, given: number): CommitTracker {
  const made = new CommitTracker();
  made.assigned(at(from));
  made.given(at(given));
  return made;
}

describe('what a sink may commit (promise 2)', () => {
  test('is what it reported, as far as it was given', () => {
    const made = tracker(10, 20);
    expect(made.reported([at(15)])).toEqual([at(15)]);
    expect(made.reported([at(99)])).toEqual([at(20)]);
  });

  test('never goes back', () => {
    const made = tracker(10, 20);
    made.reported([at(18)]);
    expect(made.reported([at(12)])).toEqual([]);
  });

  test('stops before a bad record until that is dealt with', () => {
    const made = tracker(0, 10);
    made.badRecord(at(4));
    made.badRecord(at(6));
    expect(made.reported([at(10)])).toEqual([at(4)]);
    expect(made.resolved(at(6))).toEqual([]);
    expect(made.resolved(at(4))).toEqual([at(10)]);
  });

  test('is nothing for a partition of somebody else, or of an assignment that is over', () => {
    const made = tracker(0, 10);
    expect(made.reported([{ topic: 'logs', partition: 4, offset: 1 }])).toEqual([]);
    made.badRecord(at(4));
    made.revoked(place);
    expect(made.reported([at(9)])).toEqual([]);
    expect(made.resolved(at(4))).toEqual([]);
  });

  test('holds for any order of events', () => {
    const event = fc.oneof(
      fc.record({ type: fc.constant('give' as const), offset: fc.nat(50) }),
      fc.record({ type: fc.constant('report' as const), offset: fc.nat(60) }),
      fc.record({ type: fc.constant('bad' as const), offset: fc.nat(50) }),
      fc.record({ type: fc.constant('resolve' as const), offset: fc.nat(50) }),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const made = new CommitTracker();
        made.assigned(at(0));
        const undecided: number[] = [];
        let given = 0;
        let reported = 0;
        let committed = 0;
        const check = (ready: { offset: number }[]) => {
          for (const { offset } of ready) {
            expect(offset).toBeGreaterThan(committed);
            committed = offset;
          }
          const barrier = Math.min(...undecided, Number.POSITIVE_INFINITY);
          expect(committed).toBe(Math.max(committed, Math.min(reported, barrier)));
          expect(committed).toBeLessThanOrEqual(given);
        };
        for (const { type, offset } of events) {
          if (type === 'give') {
            given = Math.max(given, offset);
            made.given(at(offset));
          } else if (type === 'report') {
            reported = Math.max(reported, Math.min(offset, given));
            check(made.reported([at(offset)]));
          } else if (type === 'bad' && offset >= committed) {
            undecided.push(offset);
            made.badRecord(at(offset));
          } else if (type === 'resolve') {
            const index = undecided.indexOf(offset);
            if (index >= 0) undecided.splice(index, 1);
            check(made.resolved(at(offset)));
          }
        }
      }),
    );
  });
});
