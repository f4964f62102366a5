/** Who compacts: a thread of its own does what this thread does, ends when told, and reports damage; aborted records go at once. */

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../../core/base/clock.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import { nodeDisk } from '../../../core/base/node-disk.ts';
import { filterBatch } from '../../../core/log/batch-filter.ts';
import { IoPace } from '../../../core/log/io-pace.ts';
import { KeyOffsets } from '../../../core/log/key-offsets.ts';
import { type Logs, openLogs } from '../../../core/log/log-manager.ts';
import type { LogsOptions } from '../../../core/log/logs-options.ts';
import type { PartitionLog } from '../../../core/log/partition-log.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { batchOf, readAll, recordsOf, testConfig } from './fixtures.ts';

const folders: string[] = [];
const opened: Logs[] = [];

afterEach(async () => {
  for (const logs of opened.splice(0)) await logs.close();
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

const config = testConfig({ isCompacted: true, isDeleted: false, segmentBytes: 2000, minCleanableDirtyRatio: 0.01 });

async function start(dataDir: string, options: Partial<LogsOptions> = {}): Promise<{ logs: Logs; log: PartitionLog }> {
  const fixed = { disk: nodeDisk, clock: systemClock, logger: silentLogger, durability: 'os' as const, dataDir };
  const logs = await openLogs({
    ...fixed,
    compactsInThread: true,
    compactionIntervalMs: 20,
    tailCacheBytes: 0,
    ...options,
  });
  opened.push(logs);
  return { logs, log: await logs.createPartition({ topic: 't', partition: 0, topicId: 'id', config }) };
}

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'millrace-cleaner-'));
  folders.push(made);
  return made;
}

async function fill(log: PartitionLog, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    const records = Array.from({ length: 5 }, (_, key) => ({ key: `k${key}`, value: `${round}:${'x'.repeat(50)}` }));
    expect((await log.append(batchOf(records), { acks: -1, origin: 'client' })).errorCode).toBe(0);
  }
}

async function until(isTrue: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isTrue())) await systemClock.sleep(5);
}

test('the thread compacts, what is read is what this thread would have left, and a restart finds the same', async () => {
  const dataDir = await folder();
  const { logs, log } = await start(dataDir);
  await fill(log, 100);
  await until(() => log.sizeBytes < 6000);
  const newest = Array.from({ length: 5 }, (_, key) => [495 + key, `k${key}`, `99:${'x'.repeat(50)}`]);
  const last = async (from: PartitionLog) =>
    (await readAll(from)).slice(-5).map(({ offset, key, value }) => [offset, key, value]);
  expect(await last(log)).toEqual(newest);
  expect(log.logEndOffset).toBe(500);
  await logs.close();
  const again = await start(dataDir, { compactionIntervalMs: 1_000_000 });
  expect(await last(again.log)).toEqual(newest);
  expect((await readAll(again.log)).length).toBeLessThan(100);
});

test('a job that is under way ends when the log closes', async () => {
  const dataDir = await folder();
  const { logs, log } = await start(dataDir, { compactionBytesPerSecond: 8000 });
  await fill(log, 100);
  await until(async () => (await readdir(join(dataDir, 't-0'))).some((name) => name.endsWith('.cleaned')));
  await logs.close();
  expect((await readdir(join(dataDir, 't-0'))).filter((name) => name.endsWith('.cleaned'))).toEqual([]);
});

test('damage that the thread meets is reported, nothing is lost, and other work goes on', async () => {
  const dataDir = await folder();
  const errors: string[] = [];
  const logger = { ...silentLogger, error: (fields: object) => void errors.push(JSON.stringify(fields)) };
  const { log } = await start(dataDir, { logger, compactionIntervalMs: 300 });
  await fill(log, 20);
  const first = join(dataDir, 't-0', '00000000000000000000.log');
  const bytes = await readFile(first);
  bytes[100]! ^= 1;
  await writeFile(first, bytes);
  await until(() => errors.length > 0);
  expect(errors[0]).toContain('checksum');
  expect(log.failure).toBeUndefined();
  expect(await readFile(first)).toEqual(bytes);
  await fill(log, 1);
});

test('records of an aborted transaction go at once, those of another stay', () => {
  const producer = { producerId: 3, producerEpoch: 0, baseSequence: 0, isTransactional: true };
  const batch = batchOf([{ key: 'a', value: 'b' }], { producer, isTransactional: true });
  batch.writeBigInt64BE(10n, 0);
  const rules = {
    newest: new KeyOffsets({ maxKeys: 4, maxBytes: 1000 }),
    ...{ nowMs: 0, horizonMs: 0, keepsEmpty: false, maxDecompressedBytes: 1000 },
    producers: new Map(),
  };
  const range = { producerId: 3, firstOffset: 10, lastOffset: 12 };
  expect(filterBatch(batch, { ...rules, aborted: [range] })).toBeUndefined();
  expect(filterBatch(batch, { ...rules, aborted: [{ ...range, producerId: 4 }] })).toBe(batch);
  expect(filterBatch(batch, { ...rules, aborted: [{ ...range, firstOffset: 11 }] })).toBe(batch);
  const emptied = filterBatch(batch, { ...rules, aborted: [range], keepsEmpty: true })!;
  expect(recordsOf(emptied)).toEqual([]);
});

test('the pace is kept over time, after a burst', async () => {
  const clock = new FakeClock();
  const pace = new IoPace(clock, 1000);
  let spent = 0;
  const work = (async () => {
    for (let turn = 0; turn < 100; turn += 1) {
      await pace.spend(100);
      spent += 100;
    }
  })();
  await clock.advance(0);
  expect(spent).toBe(1000);
  await clock.advance(4500);
  expect(spent).toBeGreaterThanOrEqual(5300);
  expect(spent).toBeLessThanOrEqual(5600);
  await clock.advance(10_000);
  await work;
});
