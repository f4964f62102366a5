/** The source runner over a scripted task and a producer that can be held up and can fail. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SourceRecord } from '../../../connectors/contract/record.ts';
import { RecordCursor } from '../../../core/protocol/record-cursor.ts';
import { BatchOutput } from '../../../workers/task-thread/batch-output.ts';
import type { TransactionBoundary } from '../../../workers/task-thread/transaction-boundary.ts';
import { count, later, passTime, SourceHarness, type Step, testErrors } from './source-harness.ts';

describe('the source runner', () => {
  test('makes records durable, then offsets, then tells the source (promise 1)', async () => {
    const harness = new SourceHarness([count(0, 3)]);
    expect(await harness.runner.run()).toBe('finished');
    expect(harness.events).toEqual([
      'open []',
      'running',
      'poll',
      'send numbers',
      'durable numbers',
      'send offsets',
      'durable offsets',
      'committed [{"count":3}]',
      'close',
    ]);
    expect(harness.topics.get('numbers')).toEqual(['0', '1', '2']);
    expect(harness.topics.get('offsets')).toEqual(['{"count":3}']);
  });

  test('builds the next poll while one is in flight, and sends it only after that one is done', async () => {
    const harness = new SourceHarness([count(0, 1), count(1, 2), count(2, 3)]);
    const held = Promise.withResolvers<void>();
    harness.sends.push(() => held.promise);
    const running = harness.runner.run();
    for (let turns = 0; turns < 10; turns++) await new Promise((resolve) => setImmediate(resolve));
    expect(harness.events).toEqual(['open []', 'running', 'poll', 'send numbers', 'poll']);
    held.resolve();
    await running;
    expect(harness.events.filter((event) => event !== 'poll').slice(2)).toEqual(
      [1, 2, 3]
        .flatMap((to) => [
          'send numbers',
          'durable numbers',
          'send offsets',
          'durable offsets',
          `committed [{"count":${to}}]`,
        ])
        .concat('close'),
    );
  });

  test('tells a poll for how long the one before is in flight', async () => {
    const held = Promise.withResolvers<void>();
    const told: string[] = [];
    const looking =
      (name: string, step: Step): Step =>
      (output) => {
        told.push(`${name} ${output.busy === undefined ? 'alone' : 'behind'}`);
        void output.busy?.then(() => told.push(`${name} free`));
        return step(output);
      };
    const harness = new SourceHarness([looking('first', count(0, 1)), looking('second', count(1, 2))]);
    harness.sends.push(() => held.promise);
    const running = harness.runner.run();
    for (let turns = 0; turns < 10; turns++) await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual(['first alone', 'second behind']);
    held.resolve();
    await running;
    expect(told).toEqual(['first alone', 'second behind', 'second free']);
  });

  test('waits out retriable failures of either send; the source hears nothing before', async () => {
    const harness = new SourceHarness([count(0, 2)]);
    const fail = () => Promise.reject(later());
    harness.sends.push(fail, fail, async () => {}, fail);
    await harness.runner.run();
    expect(harness.events.filter((event) => event.startsWith('committed'))).toEqual(['committed [{"count":2}]']);
    expect(harness.events.indexOf('committed [{"count":2}]')).toBeGreaterThan(
      harness.events.indexOf('durable offsets'),
    );
    // Offsets that had to be sent again did not double their records.
    expect(harness.topics.get('numbers')).toEqual(['0', '1']);
  });

  test('any other failure of a send fails the task, and the source hears nothing', async () => {
    const harness = new SourceHarness([count(0, 2), count(2, 4)]);
    harness.sends.push(() => Promise.reject(new Error('refused')));
    await expect(harness.runner.run()).rejects.toThrow('refused');
    expect(harness.events.some((event) => event.startsWith('committed'))).toBe(false);
    expect(harness.events.at(-1)).toBe('close');
    expect(harness.topics.has('offsets')).toBe(false);
  });

  test('polls again after a retriable failure that came before anything was appended', async () => {
    const harness = new SourceHarness([count(0, 1), () => later(), count(1, 2)]);
    await harness.runner.run();
    expect(harness.opens).toBe(1);
    expect(harness.topics.get('numbers')).toEqual(['0', '1']);
  });

  test('opens the task anew at what is stored when it failed with half a poll appended', async () => {
    const half: Step = (output) => {
      count(1, 2)(output);
      return later();
    };
    const harness = new SourceHarness([count(0, 1), half, count(1, 3)]);
    await harness.runner.run();
    expect(harness.events.filter((event) => event.startsWith('open'))).toEqual(['open []', 'open [{"count":1}]']);
    expect(harness.topics.get('numbers')).toEqual(['0', '1', '2']);
  });

  test('a stop delivers what was appended', async () => {
    const harness: SourceHarness = new SourceHarness([
      (output) => {
        count(0, 2)(output);
        harness.gate.stop();
        return 'more';
      },
    ]);
    expect(await harness.runner.run()).toBe('stopped');
    expect(harness.topics.get('numbers')).toEqual(['0', '1']);
    expect(harness.stored).toHaveLength(1);
  });

  test('a pause delivers what was appended and polls no more until the resume', async () => {
    const harness: SourceHarness = new SourceHarness([
      (output) => {
        count(0, 2)(output);
        harness.gate.pause();
        return 'more';
      },
      count(2, 3),
    ]);
    const running = harness.runner.run();
    for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
    expect(harness.topics.get('numbers')).toEqual(['0', '1']);
    expect(harness.events.filter((event) => event === 'poll')).toHaveLength(1);
    harness.gate.resume();
    await running;
    expect(harness.topics.get('numbers')).toEqual(['0', '1', '2']);
  });

  test('a position that is gone is removed', async () => {
    const harness = new SourceHarness([
      count(0, 1),
      (output) => {
        output.position({ task: 0 }, null);
        return 'more';
      },
      () => new Error('end'),
    ]);
    await expect(harness.runner.run()).rejects.toThrow('end');
    expect(harness.events).toContain('committed [null]');
  });
});

describe('the source runner in transactions', () => {
  const turns = async (count = 10) => {
    for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  const testFenced = testErrors.error('fenced', { message: 'somebody else has the task' });

  test('writes records and offsets together, commits, and only then tells the source (promise 1)', async () => {
    const harness = new SourceHarness([count(0, 3)], {}, { kind: 'poll' });
    expect(await harness.runner.run()).toBe('finished');
    expect(harness.events).toEqual([
      'open []',
      'running',
      'poll',
      'send numbers',
      'durable numbers',
      'commit',
      'committed transaction',
      'committed [{"count":3}]',
      'close',
    ]);
    expect(harness.topics.get('numbers')).toEqual(['0', '1', '2']);
    expect(harness.topics.get('offsets')).toEqual(['{"count":3}']);
  });

  test('polls that are ready before the one before is written share its transaction', async () => {
    const harness = new SourceHarness([count(0, 1), count(1, 2), count(2, 3)], {}, { kind: 'poll' });
    const held = Promise.withResolvers<void>();
    harness.sends.push(() => held.promise);
    const running = harness.runner.run();
    await turns();
    held.resolve();
    await running;
    expect(harness.topics.get('numbers')).toEqual(['0', '1', '2']);
    const firstCommit = harness.events.indexOf('commit');
    expect(harness.events.slice(0, firstCommit).filter((event) => event === 'durable numbers').length).toBeGreaterThan(
      1,
    );
    expect(harness.stored.at(-1)).toEqual({ partition: { task: 0 }, offset: { count: 3 } });
  });

  test('an interval keeps the transaction open over polls, and a stop ends it', async () => {
    const harness = new SourceHarness([count(0, 1), count(1, 2)], {}, { kind: 'interval', intervalMs: 1_000 });
    await harness.runner.run();
    expect(harness.events.filter((event) => event !== 'poll')).toEqual([
      'open []',
      'running',
      'send numbers',
      'durable numbers',
      'send numbers',
      'durable numbers',
      'commit',
      'committed transaction',
      'committed [{"count":2}]',
      'close',
    ]);
  });

  test('an interval that is over ends the transaction after the next poll, also an empty one', async () => {
    const waited: Step = () => {
      passTime(1_500);
      return 'more';
    };
    const harness = new SourceHarness(
      [count(0, 1), waited, () => 'more', count(1, 2)],
      {},
      { kind: 'interval', intervalMs: 1_000 },
    );
    await harness.runner.run();
    expect(harness.events.filter((event) => event.startsWith('committed ['))).toEqual([
      'committed [{"count":1}]',
      'committed [{"count":2}]',
    ]);
  });

  test('a pause commits what is open', async () => {
    const pausing: Step = (output) => {
      harness.gate.pause();
      return count(1, 2)(output);
    };
    const harness: SourceHarness = new SourceHarness(
      [count(0, 1), pausing],
      {},
      { kind: 'interval', intervalMs: 1_000_000 },
    );
    const running = harness.runner.run();
    await turns(20);
    expect(harness.stored.at(-1)).toEqual({ partition: { task: 0 }, offset: { count: 2 } });
    harness.gate.resume();
    await running;
  });

  test('a poll that fails for good fails the task, after what came before it is committed', async () => {
    const broken: Step = (output) => {
      count(5, 6)(output);
      return new Error('the poll failed');
    };
    const harness = new SourceHarness([count(0, 2), count(2, 5), broken], {}, { kind: 'interval', intervalMs: 60_000 });
    await expect(harness.runner.run()).rejects.toThrow('the poll failed');
    expect(harness.stored.at(-1)?.offset).toEqual({ count: 5 });
    expect(harness.topics.get('numbers')).toEqual(['0', '1', '2', '3', '4']);
  });

  test('a failed commit fails the task; the source hears nothing, and nothing is written again', async () => {
    const harness = new SourceHarness([count(0, 1), count(1, 2)], {}, { kind: 'poll' });
    harness.commits.push(() => Promise.reject(later()));
    await expect(harness.runner.run()).rejects.toMatchObject({ code: 'source-runner-test/later' });
    expect(harness.stored).toEqual([]);
    expect(harness.events.at(-1)).toBe('close');
  });

  test('a write that a newer owner refused is counted (promise 4)', async () => {
    const harness = new SourceHarness([count(0, 1)], {}, { kind: 'poll' });
    harness.sends.push(() => Promise.reject(testFenced));
    await expect(harness.runner.run()).rejects.toBe(testFenced);
    expect(harness.gauges.takeChanged()?.totals).toMatchObject({ fenced_writes_total: 1 });
  });

  test('opens the task anew at what is committed, everything written before included', async () => {
    const half: Step = (output) => {
      count(1, 2)(output);
      return later();
    };
    const harness = new SourceHarness([count(0, 1), half, count(1, 3)], {}, { kind: 'interval', intervalMs: 1_000 });
    await harness.runner.run();
    expect(harness.events.filter((event) => event.startsWith('open'))).toEqual(['open []', 'open [{"count":1}]']);
    expect(harness.topics.get('numbers')).toEqual(['0', '1', '2']);
  });

  test('the same property whatever the timing: each number once, and never committed before it is written', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(3), fc.nat(4), fc.nat(4), fc.nat(60)), { minLength: 1, maxLength: 12 }),
        fc.constantFrom<TransactionBoundary>({ kind: 'poll' }, { kind: 'interval', intervalMs: 100 }),
        async (polls, boundary) => {
          let next = 0;
          const steps = polls.map(([size, , , waitMs]): Step => {
            const [from, to] = [next, next + size];
            next = to;
            return (output) => {
              passTime(waitMs);
              return count(from, to)(output);
            };
          });
          const harness = new SourceHarness(steps, {}, boundary);
          for (const [, sendTurns, commitTurns] of polls) {
            harness.sends.push(() => turns(sendTurns));
            harness.commits.push(() => turns(commitTurns));
          }
          await harness.runner.run();
          expect(harness.topics.get('numbers') ?? []).toEqual(Array.from({ length: next }, (_, i) => String(i)));
          const told = harness.stored.map(({ offset }) => Number(offset?.['count']));
          expect(told).toEqual(told.toSorted((a, b) => a - b));
          expect(told.at(-1) ?? 0).toBe(next);
          const open = harness.events.filter((event) => /^(durable|commit$|committed \[)/.test(event));
          for (const [index, event] of open.entries()) {
            if (event.startsWith('committed [')) expect(open[index - 1]).toBe('commit');
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

test('a record larger than the batches aimed at goes alone, as far as its topic takes it', async () => {
  const topicFacts = async () => ({ partitionCount: 1, maxBatchBytes: 1_500 });
  const refused: number[] = [];
  const onOversized = (...[, , sizeBytes]: [string, SourceRecord, number, number]) => void refused.push(sizeBytes);
  const output = new BatchOutput({
    pollBytes: 9_000,
    batchBytes: 1_000,
    compression: 'none',
    producerSeals: false,
    topicFacts,
    onOversized,
  });
  await output.prepare('large');
  for (const size of [10, 1_300, 10, 1_600]) output.partition('large', 0).append(Buffer.alloc(size), 0, size, 1);
  const { batches } = await output.take();
  expect(batches.map(({ batch }) => batch.length > 1_000)).toEqual([false, true, false]);
  expect(refused).toHaveLength(1);
});

describe('a record that no batch can hold', () => {
  const tooLarge: Step = (output) => {
    const appender = output.partition('numbers', 0);
    const record = (value: string): SourceRecord => ({ key: null, value: Buffer.from(value), timestampMs: 1 });
    appender.appendRecord(record('before'));
    appender.appendRecord(record('x'.repeat(2_000)));
    appender.append(Buffer.from('y'.repeat(2_000)), 0, 2_000, 1);
    appender.appendRecord(record('after'));
    output.position({ task: 0 }, { count: 4 });
    return 'more';
  };

  test('fails the task under tolerance none, and nothing of its poll is stored', async () => {
    const harness = new SourceHarness([tooLarge]);
    await expect(harness.runner.run()).rejects.toMatchObject({ code: 'worker/record-too-large', retriable: false });
    expect(harness.topics.size).toBe(0);
  });

  test('is kept in the dead letter topic first where there is one', async () => {
    const harness = new SourceHarness([tooLarge], { deadLetterTopic: 'dlq' });
    await expect(harness.runner.run()).rejects.toMatchObject({ code: 'worker/record-too-large' });
    expect(harness.topics.get('dlq')?.map((value) => value.length)).toEqual([2_000, 2_000]);
    expect(harness.topics.has('offsets')).toBe(false);
  });

  test('is skipped and counted apart under tolerance all (promise 9)', async () => {
    const harness = new SourceHarness([tooLarge], { tolerance: 'all' });
    await harness.runner.run();
    expect(harness.topics.get('numbers')).toEqual(['before', 'after']);
    const totals = harness.gauges.takeChanged()?.totals;
    expect(totals).toMatchObject({ records_skipped_total: 2, source_records_total: 2 });
  });

  test('is dead-lettered with its context before the offsets pass it', async () => {
    const harness = new SourceHarness([tooLarge], { tolerance: 'all', deadLetterTopic: 'dlq' });
    await harness.runner.run();
    expect(harness.topics.get('dlq')).toHaveLength(2);
    expect(harness.headers[0]).toHaveLength(10);
    expect(harness.topics.get('offsets')).toEqual(['{"count":4}']);
  });
});

describe('the batches of a poll', () => {
  test('are split below their limit, in order, and a spread stays in its partition', async () => {
    const output = new BatchOutput({
      producerSeals: false,
      pollBytes: 100_000,
      batchBytes: 1_000,
      compression: 'none',
      topicFacts: async () => ({ partitionCount: 4, maxBatchBytes: 1_500 }),
      onOversized: () => {},
    });
    const fill = () => {
      for (let number = 0; number < 200; number++) {
        const value = Buffer.from(`${number % 7}:${number}`.padEnd(50));
        output.partition('spread', number % 7).append(value, 0, value.length, number);
      }
    };
    const partitionOf = new Map<string, number>();
    // The first poll does not know the partition count yet, the second does.
    for (let poll = 0; poll < 2; poll++) {
      fill();
      const built = await output.take();
      const numbers = new Map<string, number[]>();
      for (const { partition, batch } of built.batches) {
        expect(batch.length).toBeLessThanOrEqual(1_000);
        const cursor = new RecordCursor();
        cursor.reset(batch);
        while (cursor.next()) {
          const [spread, number] = cursor.bytes.toString('utf8', cursor.valueStart, cursor.valueEnd).trim().split(':');
          expect(partitionOf.get(spread!) ?? partition).toBe(partition);
          partitionOf.set(spread!, partition);
          numbers.set(spread!, [...(numbers.get(spread!) ?? []), Number(number)]);
        }
      }
      for (const list of numbers.values()) expect(list).toEqual(list.toSorted((a, b) => a - b));
      expect([...numbers.values()].flat()).toHaveLength(200);
      built.release();
    }
    expect(new Set(partitionOf.values()).size).toBeGreaterThan(1);
  });
});
