/** `transaction.boundary=connector`: no transaction of the source is ever seen in part, whatever ends the task within one. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { count, later, SourceHarness, type Step, testErrors } from './source-harness.ts';

const connector = { kind: 'connector' } as const;

/** Numbers that end a transaction of the source. */
const whole = (from: number, to: number): Step => {
  return (output) => {
    count(from, to)(output);
    output.transactionEnds();
    return 'more';
  };
};

const commits = (harness: SourceHarness) =>
  harness.events.filter((event) => /^(send|commit$|abort|committed \[|open|close)/.test(event));

describe('transactions of the source', () => {
  test('of several polls are committed together', async () => {
    const harness = new SourceHarness([count(0, 1), count(1, 2), whole(2, 3)], {}, connector);
    expect(await harness.runner.run()).toBe('finished');
    expect(commits(harness)).toEqual([
      'open []',
      'send numbers',
      'send numbers',
      'send numbers',
      'commit',
      'committed [{"count":3}]',
      'close',
    ]);
  });

  test('are not over when more was appended after their end', async () => {
    const more: Step = (output) => {
      whole(0, 1)(output);
      return count(1, 2)(output);
    };
    const harness = new SourceHarness([more, whole(2, 3)], {}, connector);
    await harness.runner.run();
    expect(commits(harness).filter((event) => event === 'commit')).toHaveLength(1);
  });

  test('are whole where a bounded run ends', async () => {
    const last: Step = (output) => {
      count(0, 2)(output);
      return 'finished';
    };
    const harness = new SourceHarness([last], {}, connector);
    await harness.runner.run();
    expect(harness.topics.get('numbers')).toEqual(['0', '1']);
  });

  test('that are told in part are given up at a stop', async () => {
    const stopping: Step = (output) => {
      harness.gate.stop();
      return count(1, 3)(output);
    };
    const harness: SourceHarness = new SourceHarness([whole(0, 1), stopping], {}, connector);
    expect(await harness.runner.run()).toBe('stopped');
    expect(harness.topics.get('numbers')).toEqual(['0']);
    expect(harness.stored.map(({ offset }) => offset)).toEqual([{ count: 1 }]);
    expect(harness.gauges.takeChanged()?.totals).toMatchObject({ source_aborts_total: 1, source_commits_total: 1 });
  });

  test('that are told in part are given up at a pause, and read again after it', async () => {
    const pausing: Step = (output) => {
      harness.gate.pause();
      setImmediate(() => setImmediate(() => harness.gate.resume()));
      return count(1, 3)(output);
    };
    const harness: SourceHarness = new SourceHarness([whole(0, 1), pausing, whole(1, 4)], {}, connector);
    await harness.runner.run();
    expect(commits(harness).filter((event) => /^(open|close|abort)/.test(event))).toEqual([
      'open []',
      'abort',
      'close',
      'open [{"count":1}]',
      'close',
    ]);
    expect(harness.topics.get('numbers')).toEqual(['0', '1', '2', '3']);
  });

  test('that are told in part are given up when the task fails', async () => {
    const failure = testErrors.error('fenced', { message: 'somebody else has the task' });
    const harness = new SourceHarness([whole(0, 1), count(1, 2), () => failure], {}, connector);
    await expect(harness.runner.run()).rejects.toBe(failure);
    expect(harness.topics.get('numbers')).toEqual(['0']);
  });

  test('a record that fails the task gives up the transaction it is in, and is dead-lettered all the same', async () => {
    const large: Step = (output) => {
      const value = Buffer.alloc(2_000);
      output.partition('numbers', 0).append(value, 0, value.length, 1);
      return 'more';
    };
    const policy = { tolerance: 'none', deadLetterTopic: 'dlq' } as const;
    const harness = new SourceHarness([whole(0, 1), count(1, 2), large], policy, connector);
    await expect(harness.runner.run()).rejects.toMatchObject({ code: 'worker/record-too-large' });
    expect(harness.topics.get('numbers')).toEqual(['0']);
    expect(harness.topics.get('dlq')).toHaveLength(1);
  });

  test('are seen whole, once and in order, however polls cut them and whatever interrupts', async () => {
    const kinds = fc.constantFrom('more', 'more', 'more', 'fail', 'fail late', 'pause');
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 8 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), kinds), { minLength: 1, maxLength: 30 }),
        async (sizes, polls) => {
          const ends = [0];
          for (const size of sizes) ends.push(size + (ends.at(-1) ?? 0));
          const total = ends.at(-1) ?? 0;
          let next = 0;
          const step = (size: number, kind: string): Step => {
            return (output) => {
              if (kind === 'fail') return later();
              const to = Math.min(next + size, total);
              count(next, to)(output);
              next = to;
              if (ends.includes(next)) output.transactionEnds();
              if (kind === 'pause') {
                harness.gate.pause();
                setImmediate(() => harness.gate.resume());
              }
              return kind === 'fail late' ? later() : 'more';
            };
          };
          const steps = polls.map(([size, kind]) => step(size, kind));
          // What is left, in one.
          steps.push((output) => {
            count(next, total)(output);
            return 'finished';
          });
          const harness: SourceHarness = new SourceHarness(steps, {}, connector);
          harness.onOpen = (storedCount) => {
            next = storedCount;
          };
          harness.onCommit = () => expect(ends).toContain(harness.topics.get('numbers')?.length ?? 0);
          await harness.runner.run();
          expect(harness.topics.get('numbers')).toEqual(Array.from({ length: total }, (_, i) => String(i)));
        },
      ),
      { numRuns: 200 },
    );
  });
});
