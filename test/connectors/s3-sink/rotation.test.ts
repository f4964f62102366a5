/** When files close and why, what is left in memory, and which records go where. */

import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { TopicPartition } from '../../../connectors/contract/record.ts';
import { TimeZone } from '../../../connectors/s3-sink/partitioners/time-zone.ts';
import { nextBoundaryMs } from '../../../connectors/s3-sink/rotation.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import type { PlainRecord } from '../../fakes/run-of-records.ts';
import { numbered, SinkDriver } from '../../kits/sink-kit.ts';
import { type BucketTarget, bucketTarget, folderTarget } from './targets.ts';

const at: TopicPartition = { topic: 'kit', partition: 0 };
const noonMs = Date.UTC(2026, 0, 1, 12);

interface Scene {
  readonly target: BucketTarget;
  readonly driver: SinkDriver;
  readonly clock: FakeClock;
  /** Why each object was closed, by its name. */
  reasons(): string[];
}

async function scene(settings: Record<string, string>, body: (scene: Scene) => Promise<void>): Promise<void> {
  const target = await bucketTarget(settings);
  const clock = new FakeClock(noonMs);
  const driver = new SinkDriver({ task: target.createTask(), settings: target.settings, clock });
  const reasons = () =>
    target.server.buckets
      .list('bucket', 'lake/kit/')
      .map(({ key, headers }) => `${key.slice('lake/kit/'.length)} ${headers['x-amz-meta-millrace-closed-by']}`);
  try {
    await driver.start([at]);
    await body({ target, driver, clock, reasons });
    expect(driver.failure).toBeUndefined();
  } finally {
    await driver.task.close();
    await target.close();
  }
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** A record at so many seconds after noon. */
function timed(offset: number, seconds: number): PlainRecord {
  return { offset, timestampMs: noonMs + seconds * 1000, value: JSON.stringify({ n: offset }) };
}

describe('files close', () => {
  test('by records', async () => {
    await scene({ 'flush.size': '4' }, async ({ driver, reasons }) => {
      await driver.put(at, numbered(0, 10));
      await until(() => driver.gauges.get('objects_total') === 2);
      expect(reasons()).toEqual([
        'partition=0/kit+0+0000000000.jsonl records',
        'partition=0/kit+0+0000000004.jsonl records',
      ]);
      expect(driver.committable.get('kit-0')).toBe(8);
      expect(driver.gauges.get('objects_closed_by_records_total')).toBe(2);
    });
  });

  test('by age, without new records (38)', async () => {
    await scene({ 'max.age.ms': '60s' }, async ({ driver, clock, reasons }) => {
      await driver.put(at, numbered(0, 3));
      await clock.advance(59_000);
      expect(reasons()).toEqual([]);
      await clock.advance(1000);
      await until(() => driver.committable.get('kit-0') === 3);
      expect(reasons()).toEqual(['partition=0/kit+0+0000000000.jsonl age']);
    });
  });

  test('by the schedule', async () => {
    await scene({ 'rotate.schedule.interval.ms': '15m', 'max.age.ms': '1d' }, async ({ driver, clock, reasons }) => {
      await clock.advance(100_000);
      await driver.put(at, numbered(0, 3));
      await clock.advance(799_000);
      expect(reasons()).toEqual([]);
      await clock.advance(1000);
      await until(() => driver.committable.get('kit-0') === 3);
      await driver.put(at, numbered(3, 3));
      await clock.advance(900_000);
      await until(() => driver.committable.get('kit-0') === 6);
      expect(reasons()).toEqual([
        'partition=0/kit+0+0000000000.jsonl schedule',
        'partition=0/kit+0+0000000003.jsonl schedule',
      ]);
    });
  });

  test('by the time of records', async () => {
    const settings = { 'rotate.interval.ms': '60s', 'timestamp.extractor': 'Record', 'max.age.ms': '1d' };
    await scene(settings, async ({ driver, reasons }) => {
      await driver.put(at, [timed(0, 0), timed(1, 59), timed(2, 60), timed(3, 10), timed(4, 121)]);
      await until(() => driver.committable.get('kit-0') === 4);
      expect(reasons()).toEqual([
        'partition=0/kit+0+0000000000.jsonl event_time',
        'partition=0/kit+0+0000000002.jsonl event_time',
      ]);
    });
  });

  test('when records have passed their folder, with one file for stragglers (47, 48)', async () => {
    const settings = { 'partitioner.class': 'hourly', 'timestamp.extractor': 'Record', 'partition.grace.ms': '60s' };
    await scene(settings, async ({ driver, clock, reasons }) => {
      await clock.advance(7_200_000);
      await driver.put(at, [timed(0, 3590), timed(1, 3605), timed(2, 3599), timed(3, 3620), timed(4, 3580)]);
      expect(driver.gauges.get('open_files')).toBe(2);
      await driver.put(at, [timed(5, 3661)]);
      await driver.put(at, [timed(6, 3000), timed(7, 3700), timed(8, 3001)]);
      await driver.task.drain();
      expect(reasons()).toEqual([
        'year=2026/month=01/day=01/hour=12/kit+0+0000000000.jsonl partition_change',
        'year=2026/month=01/day=01/hour=12/kit+0+0000000006.jsonl drain',
        'year=2026/month=01/day=01/hour=13/kit+0+0000000001.jsonl drain',
      ]);
    });
  });

  test('when the clock moves to another folder', async () => {
    const settings = { 'partitioner.class': 'hourly', 'max.age.ms': '1d' };
    await scene(settings, async ({ driver, clock, reasons }) => {
      await driver.put(at, numbered(0, 2));
      await clock.advance(3_600_000);
      await driver.put(at, numbered(2, 2));
      await driver.task.drain();
      expect(reasons()).toEqual([
        'year=2026/month=01/day=01/hour=12/kit+0+0000000000.jsonl partition_change',
        'year=2026/month=01/day=01/hour=13/kit+0+0000000002.jsonl drain',
      ]);
    });
  });

  test('when too many are open', async () => {
    const settings = { 'partitioner.class': 'field', 'partition.field.name': 'n', 'max.open.files': '10' };
    await scene(settings, async ({ driver, reasons }) => {
      await driver.put(at, numbered(0, 50));
      expect(driver.gauges.get('open_files')).toBeLessThanOrEqual(11);
      await driver.task.drain();
      expect(reasons()).toHaveLength(50);
      expect(driver.gauges.get('objects_closed_by_open_files_total')).toBeGreaterThan(30);
    });
  });
});

describe('schedules', () => {
  test('count from local midnight', () => {
    const berlin = new TimeZone('Europe/Berlin');
    expect(nextBoundaryMs(noonMs + 1, 900_000, berlin)).toBe(noonMs + 900_000);
    expect(nextBoundaryMs(noonMs, 86_400_000, berlin)).toBe(Date.UTC(2026, 0, 1, 23));
    expect(nextBoundaryMs(Date.UTC(2026, 0, 1, 22), 7 * 3_600_000, berlin)).toBe(Date.UTC(2026, 0, 1, 23));
    expect(nextBoundaryMs(Date.UTC(2026, 2, 28, 23), 86_400_000, berlin)).toBe(Date.UTC(2026, 2, 29, 22));
  });
});

describe('sizes', () => {
  const noise = (offset: number, bytes: number): PlainRecord => ({
    offset,
    value: JSON.stringify({ n: offset, noise: randomBytes(bytes / 2).toString('hex') }),
  });

  test('are met within ten percent, compressed (55)', async () => {
    const settings = { 'flush.bytes': '2MiB', 's3.compression.type': 'zstd' };
    await scene(settings, async ({ driver, target }) => {
      for (let i = 0; i < 90; i++) {
        await driver.put(
          at,
          Array.from({ length: 100 }, (_, k) => noise(i * 100 + k, 1200)),
        );
        await new Promise((resolve) => setImmediate(resolve));
      }
      await driver.task.drain();
      const sizes = target.server.buckets.list('bucket', 'lake/kit/').map(({ sizeBytes }) => sizeBytes);
      expect(sizes.length).toBeGreaterThan(2);
      for (const size of sizes.slice(0, -1)) expect(Math.abs(size / (2 * 2 ** 20) - 1)).toBeLessThan(0.1);
    });
  });

  test('of records may exceed chunk, part and budget (39)', async () => {
    const settings = { 's3.part.size': '5MiB', 'memory.budget.bytes': '16MiB' };
    await scene(settings, async ({ driver, target }) => {
      const huge: PlainRecord = { offset: 1, value: JSON.stringify({ n: 1, pad: 'x'.repeat(20 * 2 ** 20) }) };
      await driver.put(at, [noise(0, 100), huge, noise(2, 100)]);
      await driver.task.drain();
      expect(await target.visible(at)).toEqual([0, 1, 2]);
      expect(driver.gauges.get('parts_total')).toBeGreaterThanOrEqual(5);
    });
  });

  test('of all open files stay inside the budget, with many folders (45, 56)', async () => {
    const budget = 16 * 2 ** 20;
    const settings = {
      'partitioner.class': 'field',
      'partition.field.name': 'k',
      's3.part.size': '5MiB',
      'memory.budget.bytes': String(budget),
    };
    const target = await folderTarget(settings);
    const driver = new SinkDriver({ task: target.createTask(), settings: target.settings });
    await driver.start([at]);
    let most = 0;
    for (let round = 0; round < 10; round++) {
      const run = Array.from({ length: 1000 }, (_, i): PlainRecord => {
        const n = round * 1000 + i;
        return { offset: n, value: JSON.stringify({ n, k: `folder-${n % 300}`, pad: 'x'.repeat(3000) }) };
      });
      await driver.put(at, run);
      most = Math.max(most, driver.gauges.get('buffered_bytes')!);
    }
    await driver.task.drain();
    expect(most).toBeLessThanOrEqual(budget);
    expect((await target.visible(at)).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 10_000 }, (_, n) => n));
    expect(driver.gauges.get('objects_closed_by_memory_total')).toBeGreaterThan(0);
    expect(driver.gauges.get('objects_total')).toBeLessThan(3000);
    await driver.task.close();
    await target.close();
  }, 60_000);
});

describe('records', () => {
  test('that are no JSON are reported one by one, their neighbours stay (43)', async () => {
    await scene({}, async ({ driver, target }) => {
      const records = numbered(0, 6).map((record) =>
        record.offset % 3 === 1 ? { ...record, value: '{"n":' } : record,
      );
      await driver.put(at, records);
      await driver.task.drain();
      expect(await target.visible(at)).toEqual([0, 2, 3, 5]);
      expect(driver.bad.map(({ offset, reason }) => [offset, (reason as { code?: string }).code])).toEqual([
        [1, 's3/bad-json'],
        [4, 's3/bad-json'],
      ]);
      expect(driver.committable.get('kit-0')).toBe(6);
    });
  });

  test('that nobody tolerates stop the task before anything behind them is committed', async () => {
    const target = await bucketTarget();
    const onBad = () => Promise.reject(new Error('not tolerated'));
    const driver = new SinkDriver({ task: target.createTask(), settings: target.settings, onBad });
    await driver.start([at]);
    const records = [...numbered(0, 3), { offset: 3, value: 'text' }, ...numbered(4, 3)];
    await expect(driver.put(at, records)).rejects.toThrow('not tolerated');
    await driver.task.close();
    expect(driver.committable.get('kit-0') ?? 0).toBeLessThanOrEqual(3);
    await target.close();
  });

  test('without value are refused, skipped or written (41)', async () => {
    const records: PlainRecord[] = [...numbered(0, 1), { offset: 1, value: null }, ...numbered(2, 1)];
    const outcome = async (setting: string) => {
      let text = '';
      let bad: number[] = [];
      await scene({ 'behavior.on.null.values': setting }, async ({ driver, target }) => {
        await driver.put(at, records);
        await driver.task.drain();
        text = (await target.text((await target.keys())[0]!)).replaceAll(/,"text":"x+"/g, '');
        bad = driver.bad.map(({ offset }) => offset);
        expect(driver.committable.get('kit-0')).toBe(3);
      });
      return [text, bad];
    };
    expect(await outcome('fail')).toEqual(['{"n":0}\n{"n":2}\n', [1]]);
    expect(await outcome('ignore')).toEqual(['{"n":0}\n{"n":2}\n', []]);
    expect(await outcome('write')).toEqual(['{"n":0}\nnull\n{"n":2}\n', []]);
  });

  test('that all needed no file are recorded after a while, and at a drain', async () => {
    await scene({ 'behavior.on.null.values': 'ignore', 'max.age.ms': '60s' }, async ({ driver, clock, target }) => {
      const empty = (from: number) =>
        Array.from({ length: 5 }, (_, i): PlainRecord => ({ offset: from + i, value: null }));
      await driver.put(at, empty(0));
      await clock.advance(61_000);
      await until(() => driver.committable.get('kit-0') === 5);
      await driver.put(at, empty(5));
      await driver.task.drain();
      expect(driver.committable.get('kit-0')).toBe(10);
      expect(await target.keys()).toEqual([]);
    });
  });

  test('by the wall clock are left out of a replay, whatever folder they would get now', async () => {
    const settings = { 'partitioner.class': 'hourly', 'max.age.ms': '1d', 'flush.size': '2' };
    await scene(settings, async ({ driver, clock, target }) => {
      target.server.faults.add({ operations: ['UploadPart'], keyPart: 'hour=12', effect: { kind: 'hang' } });
      await driver.put(at, numbered(0, 2));
      await clock.advance(3_600_000);
      await driver.put(at, numbered(2, 2));
      await until(() => driver.gauges.get('objects_total') === 1);
      expect(driver.committable.get('kit-0')).toBe(0);
      await clock.advance(3_600_000);
      const next = new SinkDriver({ task: target.createTask(), settings: target.settings, clock });
      expect(await next.start([at])).toEqual([{ ...at, offset: 0 }]);
      await next.put(at, numbered(0, 6));
      await next.task.drain();
      expect((await target.visible(at)).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5]);
      expect(next.gauges.get('replayed_records_skipped_total')).toBe(2);
      await next.task.close();
    });
  });

  test('keep their place when the layout changes between two runs (60)', async () => {
    const before = { 'partitioner.class': 'field', 'partition.field.name': 'k' };
    const records = Array.from(
      { length: 30 },
      (_, n): PlainRecord => ({ offset: n, value: JSON.stringify({ n, k: n % 3 === 0 ? 'slow' : 'fast' }) }),
    );
    await scene(before, async ({ driver, target }) => {
      const settings = { ...target.settings, 'flush.size': '5' };
      await driver.task.close();
      const first = new SinkDriver({ task: target.createTask(), settings });
      await first.start([at]);
      await first.put(at, records.slice(0, 13));
      await until(() => first.gauges.get('objects_total') === 2);
      await first.task.close();
      const second = new SinkDriver({
        task: target.createTask(),
        settings: { ...settings, 'partition.field.name': 'n' },
      });
      const [position] = await second.start([at]);
      expect(position?.offset).toBe(8);
      await second.put(at, records.slice(position!.offset));
      await second.task.drain();
      expect((await target.visible(at)).toSorted((a, b) => a - b)).toEqual(records.map(({ offset }) => offset));
      await second.task.close();
    });
  });
});
