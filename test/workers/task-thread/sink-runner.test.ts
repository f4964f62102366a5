/** The sink runner over a scripted task and a fetcher in memory. */

import { describe, expect, test } from 'vitest';
import type { SinkRecords, TopicPartition } from '../../../connectors/contract/record.ts';
import type { SinkPosition, SinkTaskContext } from '../../../connectors/contract/sink.ts';
import type { Clock } from '../../../core/base/clock.ts';
import { systemClock } from '../../../core/base/clock.ts';
import { defineErrors } from '../../../core/base/errors.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import { BatchBuilder } from '../../../core/protocol/batch-builder.ts';
import { setBaseOffset } from '../../../core/protocol/batch-header.ts';
import { RecordCursor } from '../../../core/protocol/record-cursor.ts';
import { CommitTracker } from '../../../workers/task-thread/commit-tracker.ts';
import type { DeadLetters } from '../../../workers/task-thread/dead-letter-port.ts';
import { DeadLetterWriter } from '../../../workers/task-thread/dead-letter-writer.ts';
import type { TopicBatch } from '../../../workers/task-thread/delivery.ts';
import { Gate } from '../../../workers/task-thread/gate.ts';
import { SinkErrors } from '../../../workers/task-thread/sink-errors.ts';
import { type FetchedRun, type RunFetcher, SinkRunner } from '../../../workers/task-thread/sink-runner.ts';
import { TaskGauges } from '../../../workers/task-thread/task-gauges.ts';
import type { ErrorPolicy } from '../../../workers/tolerance.ts';

const testErrors = defineErrors('sink-runner-test', {
  later: { meaning: 'It may work later.', fix: 'Wait.', retriable: true },
});

const later = () => testErrors.error('later', { message: 'not now' });

const impatientClock: Clock = { ...systemClock, sleep: () => new Promise((resolve) => setImmediate(resolve)) };

const turns = async (count = 20) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** Topics in memory: each partition a list of values; hands out three records at a time. */
class FakeFetcher implements RunFetcher {
  readonly logs = new Map<string, string[]>();
  /** Offsets below are gone. */
  firstOffset = 0;
  #positions: SinkPosition[] = [];

  assign(positions: readonly SinkPosition[]): void {
    this.#positions = positions.map((position) => ({ ...position }));
  }

  async next(signal: AbortSignal): Promise<readonly FetchedRun[]> {
    for (;;) {
      if (signal.aborted) throw signal.reason;
      for (const position of this.#positions) {
        const { topic, partition } = position;
        const fetchOffset = Math.max(position.offset, this.firstOffset);
        const values = (this.logs.get(`${topic}-${partition}`) ?? []).slice(fetchOffset, fetchOffset + 3);
        if (values.length === 0) continue;
        const builder = new BatchBuilder();
        for (const value of values) {
          builder.appendRecord({ key: Buffer.from('k'), value: Buffer.from(value), timestampMs: 7 });
        }
        const records = builder.build();
        setBaseOffset(records, 0, fetchOffset);
        const nextOffset = fetchOffset + values.length;
        this.#positions = this.#positions.map((each) => (each === position ? { ...each, offset: nextOffset } : each));
        // What is released too early is read as rubbish.
        const release = () => void records.fill(0xff);
        return [{ topic, partition, records, fetchOffset, nextOffset, release }];
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

const place = { topic: 'logs', partition: 0 };

class Harness {
  readonly events: string[] = [];
  readonly commits: SinkPosition[] = [];
  readonly fetcher = new FakeFetcher();
  readonly gate = new Gate();
  readonly gauges = new TaskGauges();
  readonly deadLetters: { value: string; headers: string[] }[] = [];
  context!: SinkTaskContext;
  /** What the target knows of its positions. */
  known: SinkPosition[] = [];
  /** Called for each put with its values; may throw. */
  onPut: (values: string[], records: SinkRecords) => Promise<void> | void = () => {};
  onDeadLetter: () => Promise<void> = async () => {};
  /** Reports everything taken after each put. */
  commitsAtOnce = true;
  readonly runner: SinkRunner;
  readonly #taken = new Map<number, SinkPosition>();

  constructor(policy: Partial<ErrorPolicy> = {}) {
    const { gate, gauges, events } = this;
    const tracker = new CommitTracker();
    const commit = (positions: readonly SinkPosition[]) => void this.commits.push(...positions);
    const fail = (error: unknown) => this.runner.fail(error);
    const full: ErrorPolicy = {
      tolerance: 'none',
      deadLetterTopic: undefined,
      contextHeaders: true,
      logEnabled: false,
    };
    const errorPolicy = { ...full, ...policy };
    const errors = new SinkErrors({
      connector: 'c',
      taskIndex: 0,
      connectorName: 'scripted',
      policy: errorPolicy,
      deadLetters:
        errorPolicy.deadLetterTopic === undefined ? undefined : this.#deadLetters(errorPolicy.deadLetterTopic),
      tracker,
      gauges,
      logger: silentLogger,
      commit,
      fail,
    });
    this.runner = new SinkRunner({
      task: {
        open: async (context) => {
          this.context = context;
          events.push('open');
        },
        assigned: async (partitions) => {
          events.push(`assigned ${partitions.map(({ partition }) => partition).join()}`);
          return this.known;
        },
        put: (records) => this.#put(records),
        drain: async () => {
          events.push('drain');
          this.context.committable([...this.#taken.values()]);
        },
        revoked: async (partitions, lost) => {
          events.push(`revoked ${partitions.map(({ partition }) => partition).join()}${lost ? ' lost' : ''}`);
          if (!lost) this.context.committable([...this.#taken.values()]);
        },
        close: async () => {
          events.push('close');
        },
      },
      context: {
        connector: 'c',
        taskIndex: 0,
        settings: {},
        clock: impatientClock,
        logger: silentLogger,
        gauges,
        committable: (positions) => commit(tracker.reported(positions)),
        badRecord: (records, reason) => errors.badRecord(records, reason),
        failed: fail,
      },
      fetcher: this.fetcher,
      createCursor: (partition) => new RecordCursor(partition),
      tracker,
      gate,
      clock: impatientClock,
      logger: silentLogger,
      gauges,
      longestRetryDelayMs: 10,
      startOffsets: async (partitions) => partitions.map((partition) => ({ ...partition, offset: 0 })),
      commit,
      onRunning: () => events.push('running'),
    });
  }

  get committed(): number[] {
    return this.commits.map(({ offset }) => offset);
  }

  assign(committed?: number, partition: TopicPartition = place): void {
    this.runner.assigned([{ ...partition, committed }]);
  }

  async #put(records: SinkRecords): Promise<void> {
    const values: string[] = [];
    let last = -1;
    const probe: SinkRecords = records;
    while (probe.next()) {
      const value = probe.bytes.toString('utf8', probe.valueStart, probe.valueEnd);
      values.push(value);
      last = probe.offset;
      if (value.startsWith('bad')) this.context.badRecord(probe, new Error(`cannot write ${value}`)).catch(() => {});
    }
    this.events.push(`put ${values.join()}`);
    await this.onPut(values, records);
    const { topic, partition } = records;
    this.#taken.set(partition, { topic, partition, offset: last + 1 });
    if (this.commitsAtOnce) this.context.committable([...this.#taken.values()]);
  }

  #deadLetters(topic: string): Pick<DeadLetters, 'write'> {
    const writer = new DeadLetterWriter({
      topic,
      prepare: async () => 1,
      send: async (batches: readonly TopicBatch[]) => {
        await this.onDeadLetter();
        for (const { batch } of batches) {
          const cursor = new RecordCursor();
          cursor.reset(batch);
          while (cursor.next()) {
            const value = cursor.bytes.toString('utf8', cursor.valueStart, cursor.valueEnd);
            this.deadLetters.push({ value, headers: cursor.headers().map((each) => `${each.key}=${each.value}`) });
          }
        }
      },
      batchBytes: 10_000,
      mostPendingBytes: 100_000,
    });
    return { write: (_at, _offset, record) => writer.write(record) };
  }
}

const log = (harness: Harness, values: string[]) => harness.fetcher.logs.set('logs-0', values);

describe('the sink runner', () => {
  test('puts, commits what is reported, drains and closes at a stop', async () => {
    const harness = new Harness();
    log(harness, ['a', 'b', 'c', 'd']);
    const running = harness.runner.run();
    harness.assign();
    await turns();
    harness.gate.stop();
    await running;
    expect(harness.events).toEqual(['open', 'running', 'assigned 0', 'put a,b,c', 'put d', 'drain', 'close']);
    expect(harness.committed).toEqual([3, 4]);
  });

  test('starts where the target stands, else where the group stands, else at the beginning', async () => {
    for (const [known, committed, first, commits] of [
      [[{ ...place, offset: 2 }], 1, 'c', [2]],
      [[], 1, 'b', []],
      [[], undefined, 'a', []],
    ] as const) {
      const harness = new Harness();
      harness.known = [...known];
      harness.commitsAtOnce = false;
      log(harness, ['a', 'b', 'c']);
      const running = harness.runner.run();
      harness.assign(committed);
      await turns();
      expect(harness.events.find((event) => event.startsWith('put'))).toContain(`put ${first}`);
      expect(harness.committed).toEqual(commits);
      harness.gate.stop();
      await running;
    }
  });

  test('gives the same records again after a retriable failure, and commits nothing of them before', async () => {
    const harness = new Harness();
    log(harness, ['a', 'b', 'c', 'd']);
    let failures = 3;
    harness.onPut = () => {
      if (failures-- > 0) throw later();
    };
    const running = harness.runner.run();
    harness.assign();
    await turns(40);
    harness.gate.stop();
    await running;
    const puts = harness.events.filter((event) => event.startsWith('put'));
    expect(puts).toEqual(['put a,b,c', 'put a,b,c', 'put a,b,c', 'put a,b,c', 'put d']);
    expect(harness.committed).toEqual([3, 4]);
    expect(harness.gauges.takeChanged()?.totals).toMatchObject({ sink_put_retries_total: 3, sink_offsets_total: 4 });
  });

  test('gives partitions away while it waits to try again', async () => {
    const harness = new Harness();
    log(harness, ['a']);
    harness.onPut = () => {
      throw later();
    };
    const running = harness.runner.run();
    harness.assign();
    await turns();
    await harness.runner.revoked([place], false);
    const { length } = harness.events;
    await turns();
    expect(harness.events.slice(length)).toEqual([]);
    harness.gate.stop();
    await running;
    expect(harness.committed).toEqual([]);
  });

  test('any other failure ends the task; it is closed', async () => {
    const harness = new Harness();
    log(harness, ['a']);
    harness.onPut = () => {
      throw new Error('no such bucket');
    };
    const running = harness.runner.run();
    harness.assign();
    await expect(running).rejects.toThrow('no such bucket');
    expect(harness.events.at(-1)).toBe('close');
    expect(harness.committed).toEqual([]);
  });

  test('work of its own that failed ends the task, too', async () => {
    const harness = new Harness();
    const running = harness.runner.run();
    harness.assign();
    await turns();
    harness.context.failed(new Error('upload failed'));
    await expect(running).rejects.toThrow('upload failed');
    expect(harness.events.at(-1)).toBe('close');
  });

  test('commits before partitions are given away in good order, and not when they are lost', async () => {
    for (const lost of [false, true]) {
      const harness = new Harness();
      harness.commitsAtOnce = false;
      log(harness, ['a', 'b']);
      const running = harness.runner.run();
      harness.assign();
      await turns();
      await harness.runner.revoked([place], lost);
      expect(harness.committed).toEqual(lost ? [] : [2]);
      // What belongs to somebody else is not committed later either.
      harness.context.committable([{ ...place, offset: 2 }]);
      expect(harness.committed).toEqual(lost ? [] : [2]);
      harness.gate.stop();
      await running;
    }
  });

  test('never has two calls of the task at a time', async () => {
    const harness = new Harness();
    log(harness, ['a', 'b', 'c', 'd', 'e', 'f']);
    let inPut = false;
    harness.onPut = async () => {
      inPut = true;
      await turns(5);
      inPut = false;
    };
    const running = harness.runner.run();
    harness.assign();
    await turns(3);
    const revoking = harness.runner.revoked([place], false).then(() => expect(inPut).toBe(false));
    harness.assign(1);
    await revoking;
    await turns(60);
    harness.gate.stop();
    await running;
    expect(harness.events).toContain('put b,c,d');
  });

  test('drains when it has put everything up to the ends it was told', async () => {
    const harness = new Harness();
    harness.commitsAtOnce = false;
    log(harness, ['a', 'b', 'c', 'd']);
    const running = harness.runner.run();
    harness.assign();
    await harness.runner.drainTo([
      { ...place, offset: 4 },
      { topic: 'other', partition: 1, offset: 9 },
    ]);
    expect(harness.events.slice(-3)).toEqual(['put a,b,c', 'put d', 'drain']);
    expect(harness.committed).toEqual([4]);
    harness.gate.stop();
    await running;
  });

  test('a pause keeps the partitions and puts nothing', async () => {
    const harness = new Harness();
    const running = harness.runner.run();
    harness.assign();
    await turns();
    harness.gate.pause();
    log(harness, ['a']);
    await turns();
    expect(harness.events).not.toContain('put a');
    harness.gate.resume();
    await turns();
    expect(harness.events).toContain('put a');
    harness.gate.stop();
    await running;
  });

  test('records that were deleted before it read them are counted (promise 9)', async () => {
    const harness = new Harness();
    log(harness, ['a', 'b', 'c', 'd']);
    harness.fetcher.firstOffset = 3;
    const running = harness.runner.run();
    harness.assign(1);
    await turns();
    harness.gate.stop();
    await running;
    expect(harness.events).toContain('put d');
    expect(harness.gauges.takeChanged()?.totals).toMatchObject({ sink_offsets_lost_total: 2 });
  });
});

describe('bad records', () => {
  test('under tolerance none the task fails, even if the sink swallows the answer', async () => {
    const harness = new Harness();
    log(harness, ['a', 'bad', 'c']);
    const running = harness.runner.run();
    harness.assign();
    await expect(running).rejects.toMatchObject({ code: 'worker/bad-record', where: 'logs-0@1' });
    expect(Math.max(0, ...harness.committed)).toBeLessThanOrEqual(1);
  });

  test('with a dead letter topic it is kept before the task fails', async () => {
    const harness = new Harness({ deadLetterTopic: 'dlq' });
    log(harness, ['bad one']);
    const running = harness.runner.run();
    harness.assign();
    await expect(running).rejects.toMatchObject({ code: 'worker/bad-record' });
    expect(harness.deadLetters.map(({ value }) => value)).toEqual(['bad one']);
  });

  test('tolerated ones are counted as skipped and passed', async () => {
    const harness = new Harness({ tolerance: 'all' });
    log(harness, ['a', 'bad', 'c']);
    const running = harness.runner.run();
    harness.assign();
    await turns();
    harness.gate.stop();
    await running;
    expect(harness.committed.at(-1)).toBe(3);
    expect(harness.gauges.takeChanged()?.totals).toMatchObject({ records_skipped_total: 1 });
  });

  test('no commit passes one until its dead letter is durable (promise 2)', async () => {
    const harness = new Harness({ tolerance: 'all', deadLetterTopic: 'dlq' });
    log(harness, ['a', 'bad', 'c']);
    const held = Promise.withResolvers<void>();
    harness.onDeadLetter = () => held.promise;
    const running = harness.runner.run();
    harness.assign();
    await turns();
    expect(harness.committed).toEqual([1]);
    held.resolve();
    await turns();
    expect(harness.committed).toEqual([1, 3]);
    harness.gate.stop();
    await running;
    const [letter] = harness.deadLetters;
    expect(letter?.headers).toHaveLength(10);
    expect(letter?.headers).toEqual(
      expect.arrayContaining([
        '__connect.errors.topic=logs',
        '__connect.errors.partition=0',
        '__connect.errors.offset=1',
        '__connect.errors.connector.name=c',
        '__connect.errors.task.id=0',
        '__connect.errors.stage=TASK_PUT',
        '__connect.errors.exception.message=cannot write bad',
      ]),
    );
    expect(harness.gauges.takeChanged()?.totals).toMatchObject({ records_dead_lettered_total: 1 });
  });

  test('a dead letter that cannot be written fails the task', async () => {
    const harness = new Harness({ tolerance: 'all', deadLetterTopic: 'dlq' });
    log(harness, ['bad']);
    harness.onDeadLetter = () => Promise.reject(new Error('no such topic'));
    const running = harness.runner.run();
    harness.assign();
    await expect(running).rejects.toThrow('no such topic');
    expect(harness.committed).toEqual([]);
  });
});
