/** The checker is checked: each anomaly in the smallest history that has it, and none in histories of an ideal broker. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stronglyConnected } from './anomalies/strongly-connected.ts';
import type { AnomalyKind } from './anomaly.ts';
import { type CheckOptions, check } from './check.ts';
import {
  type Operation,
  type OperationKind,
  type Outcome,
  type Poll,
  Recorder,
  type SeenRecord,
  type Send,
} from './history.ts';
import { simulateHistory } from './simulated-log.ts';

interface Sketch {
  readonly process?: string;
  readonly outcome?: Outcome;
  readonly sends?: readonly Send[];
  readonly polls?: readonly Poll[];
  readonly transactionalId?: string;
}

/** Operations one after the other. */
function history(...sketches: readonly (readonly [OperationKind, Sketch])[]): Operation[] {
  const recorder = new Recorder();
  for (const [kind, sketch] of sketches) end(recorder, begin(recorder, kind, sketch), sketch);
  return recorder.operations;
}

function begin(recorder: Recorder, kind: OperationKind, sketch: Sketch): Operation {
  const operation = recorder.begin(sketch.process ?? 'p', kind, sketch.transactionalId);
  operation.sends.push(...(sketch.sends ?? []));
  operation.polls.push(...(sketch.polls ?? []));
  return operation;
}

function end(recorder: Recorder, operation: Operation, { outcome = 'ok' }: Sketch): void {
  if (operation.kind === 'transaction' && outcome !== 'fail') recorder.committing(operation);
  recorder.end(operation, outcome);
}

/** `at(3, 'a', 'b')`: a at 3 and b at 4; a gap is an empty name. */
function poll(partition: string, fromOffset: number, ...values: readonly string[]): Poll {
  const records = values.map((value, index) => ({ offset: fromOffset + index, value }));
  const toOffset = fromOffset + values.length;
  return { partition, fromOffset, toOffset, records: records.filter(({ value }) => value !== '') };
}

const send = (partition: string, value: string, offset?: number, from?: string): Send => ({
  ...{ partition, value },
  ...(offset === undefined ? {} : { offset }),
  ...(from === undefined ? {} : { from }),
});

const kinds = (operations: readonly Operation[], options?: CheckOptions): AnomalyKind[] =>
  [...new Set(check(operations, options).map(({ kind }) => kind))].sort();

describe('the smallest history with', () => {
  test('a lost write', () => {
    const sends = [send('x-0', 'a', 0), send('x-0', 'b', 1)];
    expect(kinds(history(['send', { sends }], ['read-all', { polls: [poll('x-0', 0, '', 'b')] }]))).toEqual([
      'lost-write',
    ]);
  });
  test('a lost write whose place is not known', () => {
    const sends = [send('x-0', 'a'), send('x-0', 'b')];
    expect(kinds(history(['send', { sends }], ['read-all', { polls: [poll('x-0', 0, 'b')] }]))).toEqual(['lost-write']);
  });
  test('a write that is acknowledged and cannot be seen', () => {
    const sends = [send('x-0', 'a', 0), send('x-0', 'b', 1)];
    expect(kinds(history(['send', { sends }], ['read-all', { polls: [poll('x-0', 0, 'a')] }]))).toEqual(['unseen']);
  });
  test('a write that can be seen only later', () => {
    const operations = history(
      ['send', { sends: [send('x-0', 'a', 0)] }],
      ['read-all', { polls: [poll('x-0', 0)] }],
      ['read-all', { polls: [poll('x-0', 0, 'a')] }],
    );
    expect(kinds(operations)).toEqual(['unseen']);
  });
  test('a duplicate', () => {
    const polls = [poll('x-0', 0, 'a', 'a')];
    expect(kinds(history(['send', { outcome: 'info', sends: [send('x-0', 'a')] }], ['poll', { polls }]))).toEqual([
      'duplicate',
    ]);
  });
  test('a duplicate in another partition', () => {
    const polls = [poll('x-0', 0, 'a'), poll('x-1', 0, 'a')];
    expect(kinds(history(['send', { outcome: 'info', sends: [send('x-0', 'a')] }], ['poll', { polls }]))).toEqual([
      'duplicate',
    ]);
  });
  test('an inconsistent offset', () => {
    const operations = history(
      ['send', { sends: [send('x-0', 'a', 0)] }],
      ['send', { process: 'q', outcome: 'info', sends: [send('x-0', 'b')] }],
      ['poll', { process: 'r', polls: [poll('x-0', 0, 'b')] }],
    );
    expect(kinds(operations)).toEqual(['inconsistent-offset']);
  });
  test('a value nobody sent', () => {
    expect(kinds(history(['poll', { polls: [poll('x-0', 0, 'a')] }]))).toEqual(['phantom-read']);
  });
  test('an aborted read', () => {
    const operations = history(
      ['transaction', { outcome: 'fail', sends: [send('x-0', 'a', 0)] }],
      ['poll', { polls: [poll('x-0', 0, 'a')] }],
    );
    expect(kinds(operations)).toEqual(['aborted-read']);
  });
  test('a torn transaction of unknown outcome', () => {
    const operations = history(
      ['transaction', { outcome: 'info', sends: [send('x-0', 'a', 0), send('x-1', 'b', 0)] }],
      ['read-all', { polls: [poll('x-0', 0, 'a'), poll('x-1', 0, '')] }],
    );
    expect(kinds(operations)).toEqual(['torn-transaction']);
  });
  test('a torn transaction that was committed', () => {
    const operations = history(
      ['transaction', { sends: [send('x-0', 'a', 0), send('x-1', 'b', 0)] }],
      ['read-all', { polls: [poll('x-0', 0, 'a'), poll('x-1', 0, '')] }],
    );
    expect(kinds(operations)).toEqual(['lost-write', 'torn-transaction']);
  });

  const three = ['send', { sends: ['a', 'b', 'c'].map((value, offset) => send('x-0', value, offset)) }] as const;
  const all = ['read-all', { process: 'all', polls: [poll('x-0', 0, 'a', 'b', 'c')] }] as const;
  test('a skip within a poll', () => {
    expect(kinds(history(three, ['poll', { polls: [poll('x-0', 0, 'a', '', 'c')] }], all))).toEqual([
      'internal-poll-skip',
    ]);
  });
  test('a skip between polls', () => {
    const operations = history(
      three,
      ['poll', { polls: [poll('x-0', 0, 'a')] }],
      ['poll', { polls: [poll('x-0', 2, 'c')] }],
      all,
    );
    expect(kinds(operations)).toEqual(['poll-skip']);
  });
  test('a poll that goes back within itself', () => {
    const records = [
      { offset: 1, value: 'b' },
      { offset: 0, value: 'a' },
    ];
    const polls = [{ partition: 'x-0', fromOffset: 0, toOffset: 2, records }];
    expect(kinds(history(three, ['poll', { polls }]))).toEqual(['internal-nonmonotonic-poll']);
  });
  test('a poll that goes back behind another', () => {
    const twice = ['poll', { polls: [poll('x-0', 0, 'a')] }] as const;
    expect(kinds(history(three, twice, twice))).toEqual(['nonmonotonic-poll']);
    expect(kinds(history(three, twice, ['assign', {}], twice))).toEqual([]);
  });
  test('a send before the one before it', () => {
    const operations = history(
      ['send', { sends: [send('x-0', 'b', 1)] }],
      ['send', { sends: [send('x-0', 'a', 0)] }],
      ['read-all', { polls: [poll('x-0', 0, 'a', 'b')] }],
    );
    expect(kinds(operations)).toEqual(['nonmonotonic-send', 'realtime-order']);
  });
  test('sends of a transaction out of order', () => {
    const sends = [send('x-0', 'b', 1), send('x-0', 'a', 0)];
    expect(kinds(history(['transaction', { sends }]))).toEqual(['internal-nonmonotonic-send']);
  });
  test('a write of another process that stands before what was acknowledged first', () => {
    const operations = history(
      ['send', { process: 'p', sends: [send('x-0', 'b')] }],
      ['send', { process: 'q', sends: [send('x-0', 'a')] }],
      ['read-all', { polls: [poll('x-0', 0, 'a', 'b')] }],
    );
    expect(kinds(operations)).toEqual(['realtime-order']);
  });
  test('a read of what was not sent yet', () => {
    const operations = history(
      ['poll', { process: 'r', polls: [poll('x-0', 0, 'a')] }],
      ['send', { sends: [send('x-0', 'a', 0)] }],
    );
    expect(kinds(operations)).toEqual(['realtime-order']);
  });
  test('a fence that was ignored', () => {
    const transactionalId = 't';
    const operations = history(
      ['init', { process: 'old', transactionalId }],
      ['init', { process: 'new', transactionalId }],
      ['transaction', { process: 'old', transactionalId, sends: [send('x-0', 'a', 0)] }],
    );
    expect(kinds(operations)).toEqual(['fence-ignored']);
    const refused = history(
      ['init', { process: 'old', transactionalId }],
      ['init', { process: 'new', transactionalId }],
      ['transaction', { process: 'new', transactionalId, sends: [send('x-0', 'a', 0)] }],
      ['transaction', { process: 'old', transactionalId, outcome: 'info', sends: [send('x-0', 'b', 2)] }],
    );
    expect(kinds(refused)).toEqual([]);
  });
  test('a record that was transformed twice, and one that never was', () => {
    const operations = history(
      ['send', { sends: [send('x-0', 'a', 0), send('x-0', 'b', 1)] }],
      ['transaction', { sends: [send('y-0', 'a1', 0, 'a')] }],
      ['transaction', { process: 'q', sends: [send('y-0', 'a2', 2, 'a')] }],
      ['read-all', { polls: [poll('x-0', 0, 'a', 'b'), poll('y-0', 0, 'a1', '', 'a2')] }],
    );
    expect(kinds(operations, { drained: new Map([['x-0', ['y']]]) })).toEqual([
      'never-transformed',
      'transformed-twice',
    ]);
  });

  /** Two transactions at the same time. */
  function overlapping(a: Sketch, b: Sketch, ...after: readonly (readonly [OperationKind, Sketch])[]): Operation[] {
    const recorder = new Recorder();
    const first = begin(recorder, 'transaction', { process: 'a', ...a });
    const second = begin(recorder, 'transaction', { process: 'b', ...b });
    end(recorder, first, a);
    end(recorder, second, b);
    for (const [kind, sketch] of after) end(recorder, begin(recorder, kind, { process: 'c', ...sketch }), sketch);
    return recorder.operations;
  }
  test('a write cycle, which is one only where writes are isolated', () => {
    const operations = overlapping(
      { sends: [send('x-0', 'a0', 0), send('x-1', 'a1', 1)] },
      { sends: [send('x-0', 'b0', 1), send('x-1', 'b1', 0)] },
      ['read-all', { polls: [poll('x-0', 0, 'a0', 'b0'), poll('x-1', 0, 'b1', 'a1')] }],
    );
    expect(kinds(operations, { isWriteIsolated: true })).toEqual(['write-cycle']);
    expect(kinds(operations)).toEqual([]);
  });
  test('an information cycle', () => {
    const operations = overlapping(
      { sends: [send('x-0', 'a', 0)], polls: [poll('x-1', 0, 'b')] },
      { sends: [send('x-1', 'b', 0)], polls: [poll('x-0', 0, 'a')] },
    );
    expect(kinds(operations)).toEqual(['information-cycle']);
  });
});

test('an ideal broker has no anomalies', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 400 }), (seed, steps) => {
      expect(check(simulateHistory(seed, steps))).toEqual([]);
    }),
    { numRuns: 100 },
  );
});

/** What one broken thing in an otherwise clean history must be called. */
const breakages: readonly (readonly [
  AnomalyKind,
  (operations: Operation[], pick: (count: number) => number) => boolean,
])[] = [
  ['lost-write', (operations, pick) => changeLastRead(operations, pick, (records, at) => records.toSpliced(at, 1))],
  [
    'duplicate',
    (operations, pick) =>
      changeLastRead(operations, pick, (records, at) => [
        ...records,
        { ...records[at]!, offset: records.at(-1)!.offset + 5 },
      ]),
  ],
  [
    'inconsistent-offset',
    (operations, pick) =>
      changeLastRead(operations, pick, (records, at) => records.with(at, { ...records[at]!, value: 'another' })),
  ],
  [
    'aborted-read',
    (operations, pick) => {
      const visible = new Set(operations.at(-1)!.polls.flatMap(({ records }) => records.map(({ value }) => value)));
      const committed = operations.filter(
        ({ kind, sends }) => kind === 'transaction' && sends.some(({ value }) => visible.has(value)),
      );
      if (committed.length === 0) return false;
      committed[pick(committed.length)]!.outcome = 'fail';
      return true;
    },
  ],
];

/** Changes one acknowledged record that is not the last of its partition; false when there is none. */
function changeLastRead(
  operations: Operation[],
  pick: (count: number) => number,
  change: (records: readonly SeenRecord[], at: number) => readonly SeenRecord[],
): boolean {
  const acknowledged = new Set(
    operations.filter(({ outcome }) => outcome === 'ok').flatMap(({ sends }) => sends.map(({ value }) => value)),
  );
  const { polls } = operations.at(-1)!;
  const places = polls.flatMap(({ records }, poll) =>
    records.slice(0, -1).flatMap(({ value }, at) => (acknowledged.has(value) ? [{ poll, at }] : [])),
  );
  const place = places[pick(Math.max(places.length, 1))];
  if (place === undefined) return false;
  const poll = polls[place.poll]!;
  polls[place.poll] = { ...poll, records: change(poll.records, place.at) };
  return true;
}

test.each(breakages)('one %s in a long history is found', (kind, breakOne) => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 50, max: 300 }), fc.nat(), (seed, steps, choice) => {
      const operations = [...simulateHistory(seed, steps)];
      fc.pre(breakOne(operations, (count) => choice % count));
      expect(kinds(operations)).toContain(kind);
    }),
    { numRuns: 50 },
  );
});

test('the simulated histories hold what is to be judged', () => {
  const operations = Array.from({ length: 20 }, (_, seed) => simulateHistory(seed, 300)).flat();
  const count = (kind: OperationKind, outcome: Outcome) =>
    operations.filter((operation) => operation.kind === kind && operation.outcome === outcome).length;
  for (const outcome of ['ok', 'fail', 'info'] as const) expect(count('transaction', outcome)).toBeGreaterThan(50);
  expect(operations.flatMap(({ polls }) => polls).flatMap(({ records }) => records).length).toBeGreaterThan(1000);
});

test('sets of nodes that reach each other are those a search from every node finds', () => {
  const graph = fc.array(fc.array(fc.nat(11), { maxLength: 3 }), { minLength: 12, maxLength: 12 });
  fc.assert(
    fc.property(graph, (edges) => {
      const reach = edges.map((_, from) => reachable(edges, from));
      const expected = edges.map((__, a) =>
        edges.flatMap((___, b) => (reach[a]!.has(b) && reach[b]!.has(a) ? [b] : [])),
      );
      const found = stronglyConnected(edges);
      for (const component of found) {
        component.sort((a, b) => a - b);
        for (const node of component)
          expect([...new Set([...expected[node]!, node])].sort((a, b) => a - b)).toEqual(component);
      }
      const inOne = new Set(found.flat());
      for (const [node, others] of expected.entries()) {
        expect(inOne.has(node)).toBe(others.some((other) => other !== node));
      }
    }),
  );
});

function reachable(edges: readonly (readonly number[])[], from: number): Set<number> {
  const seen = new Set<number>();
  const todo = [...edges[from]!];
  for (let node = todo.pop(); node !== undefined; node = todo.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    todo.push(...edges[node]!);
  }
  return seen;
}
