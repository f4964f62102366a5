/** A sink task on its own: a driver that records what it reports, and the rules every sink task obeys. */

import { describe, expect, test } from 'vitest';
import type { TopicPartition } from '../../connectors/contract/record.ts';
import type { SinkPosition, SinkTask, SinkTaskContext } from '../../connectors/contract/sink.ts';
import { type Clock, systemClock } from '../../core/base/clock.ts';
import { type Logger, silentLogger } from '../../core/base/logger.ts';
import { type PlainRecord, RunOfRecords } from '../fakes/run-of-records.ts';

export interface DriverOptions {
  readonly task: SinkTask;
  readonly settings: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** What becomes of records that cannot be written; they are tolerated unless given. */
  readonly onBad?: (offset: number, reason: Error) => Promise<void>;
}

/** Runs one task as the runtime does. */
export class SinkDriver {
  readonly task: SinkTask;
  readonly gauges = new Map<string, number>();
  /** The last offset reported for each `topic-partition`. */
  readonly committable = new Map<string, number>();
  readonly bad: { offset: number; reason: Error }[] = [];
  failure: unknown;
  readonly #options: DriverOptions;

  constructor(options: DriverOptions) {
    this.task = options.task;
    this.#options = options;
  }

  /** Opens the task and gives it the partitions; returns where it wants to start. */
  async start(partitions: readonly TopicPartition[]): Promise<readonly SinkPosition[]> {
    await this.task.open(this.#context());
    return this.task.assigned(partitions);
  }

  put(at: TopicPartition, records: readonly PlainRecord[]): Promise<void> {
    return this.task.put(new RunOfRecords(at.topic, at.partition, records));
  }

  #context(): SinkTaskContext {
    const { settings, clock = systemClock, logger = silentLogger, onBad } = this.#options;
    return {
      connector: settings['name']!,
      taskIndex: 0,
      settings,
      clock,
      logger,
      gauges: {
        add: (name, delta) => void this.gauges.set(name, (this.gauges.get(name) ?? 0) + delta),
        set: (name, value) => void this.gauges.set(name, value),
      },
      committable: (positions) => {
        for (const { topic, partition, offset } of positions) this.committable.set(`${topic}-${partition}`, offset);
      },
      badRecord: async ({ offset }, reason) => {
        await onBad?.(offset, reason);
        this.bad.push({ offset, reason });
      },
      failed: (error) => {
        this.failure ??= error;
      },
    };
  }
}

/** A target that starts empty, made anew for each rule. */
export interface SinkUnderTest {
  readonly settings: Readonly<Record<string, string>>;
  createTask(): SinkTask;
  /** The `n` of every visible record of a partition, in an order that respects the order within each unit of the target. */
  visible(at: TopicPartition): Promise<number[]>;
  /** Whether a second task on the same target shuts the first one out. */
  readonly fences: boolean;
  close(): Promise<void>;
}

const one: TopicPartition = { topic: 'kit', partition: 0 };
const two: TopicPartition = { topic: 'kit', partition: 1 };

/** Records whose values are JSON objects with their offset as `n`. */
export function numbered(from: number, count: number, step = 1): PlainRecord[] {
  return Array.from({ length: count }, (_, i) => {
    const offset = from + i * step;
    return {
      offset,
      timestampMs: Date.UTC(2026, 0, 1) + offset,
      value: JSON.stringify({ n: offset, text: 'x'.repeat(20) }),
    };
  });
}

export function sinkKit(name: string, open: () => Promise<SinkUnderTest>): void {
  const rule = (title: string, body: (target: SinkUnderTest) => Promise<void>) => {
    test(title, async () => {
      const target = await open();
      try {
        await body(target);
      } finally {
        await target.close();
      }
    });
  };
  const drive = (target: SinkUnderTest, onBad?: DriverOptions['onBad']) =>
    new SinkDriver({ task: target.createTask(), settings: target.settings, ...(onBad === undefined ? {} : { onBad }) });
  const offsets = (records: readonly PlainRecord[]) => records.map(({ offset }) => offset);

  describe(`${name} as a sink task`, () => {
    rule('makes drained records visible once, in order, and reports them', async (target) => {
      const driver = drive(target);
      await driver.start([one, two]);
      await driver.put(one, numbered(0, 50));
      await driver.put(two, numbered(7, 20));
      await driver.put(one, numbered(50, 50));
      await driver.task.drain();
      expect(await target.visible(one)).toEqual(offsets(numbered(0, 100)));
      expect(await target.visible(two)).toEqual(offsets(numbered(7, 20)));
      expect(driver.committable.get('kit-0')).toBe(100);
      expect(driver.committable.get('kit-1')).toBe(27);
      await driver.task.close();
    });

    rule('takes offsets with gaps (52)', async (target) => {
      const driver = drive(target);
      await driver.start([one]);
      await driver.put(one, numbered(3, 10, 5));
      await driver.task.drain();
      expect(await target.visible(one)).toEqual(offsets(numbered(3, 10, 5)));
      expect(driver.committable.get('kit-0')).toBe(3 + 9 * 5 + 1);
      await driver.task.close();
    });

    rule('drains and closes without records (37)', async (target) => {
      const driver = drive(target);
      await driver.start([one]);
      await driver.task.drain();
      await driver.task.close();
      expect(await target.visible(one)).toEqual([]);
      expect(driver.failure).toBeUndefined();
    });

    rule('goes on where the task before ended', async (target) => {
      const first = drive(target);
      await first.start([one]);
      await first.put(one, numbered(0, 30));
      await first.task.drain();
      await first.put(one, numbered(30, 10));
      await first.task.close();
      const second = drive(target);
      const [position] = await second.start([one]);
      const from = position?.offset ?? first.committable.get('kit-0')!;
      expect(from).toBeGreaterThanOrEqual(first.committable.get('kit-0')!);
      await second.put(one, numbered(from, 60 - from));
      await second.task.drain();
      expect(await target.visible(one)).toEqual(offsets(numbered(0, 60)));
      await second.task.close();
    });

    rule('leaves nothing visible of a partition that was lost', async (target) => {
      const driver = drive(target);
      await driver.start([one, two]);
      await driver.put(one, numbered(0, 10));
      await driver.put(two, numbered(0, 10));
      await driver.task.revoked([one], true);
      await driver.task.drain();
      expect(await target.visible(one)).toEqual([]);
      expect(await target.visible(two)).toHaveLength(10);
      await driver.task.close();
    });

    rule('hands a revoked partition to the next owner without gap or duplicate (12)', async (target) => {
      const first = drive(target);
      await first.start([one]);
      await first.put(one, numbered(0, 25));
      await first.task.revoked([one], false);
      const second = drive(target);
      const [position] = await second.start([one]);
      const from = position?.offset ?? first.committable.get('kit-0') ?? 0;
      await second.put(one, numbered(from, 50 - from));
      await second.task.drain();
      expect(await target.visible(one)).toEqual(offsets(numbered(0, 50)));
      await first.task.close();
      await second.task.close();
    });

    rule('shuts an older owner out (13, 14)', async (target) => {
      if (!target.fences) return;
      const older = drive(target);
      await older.start([one]);
      await older.put(one, numbered(0, 20));
      const newer = drive(target);
      const [position] = await newer.start([one]);
      const from = position?.offset ?? 0;
      await newer.put(one, numbered(from, 40 - from));
      await newer.task.drain();
      await expect(older.task.drain()).rejects.toBeInstanceOf(Error);
      expect(await target.visible(one)).toEqual(offsets(numbered(0, 40)));
      expect(older.committable.get('kit-0') ?? 0).toBeLessThanOrEqual(from);
      await older.task.close();
      await newer.task.close();
    });

    rule('reads the bytes only while the call lasts', async (target) => {
      const driver = drive(target);
      await driver.start([one]);
      const run = new RunOfRecords('kit', 0, numbered(0, 200));
      await driver.task.put(run);
      run.bytes.fill(0);
      await driver.task.drain();
      expect(await target.visible(one)).toHaveLength(200);
      await driver.task.close();
    });

    rule('closes after an open that failed, and twice', async (target) => {
      const driver = new SinkDriver({ task: target.createTask(), settings: { name: 'broken' } });
      await expect(driver.start([one])).rejects.toBeInstanceOf(Error);
      await driver.task.close();
      await driver.task.close();
    });
  });
}
