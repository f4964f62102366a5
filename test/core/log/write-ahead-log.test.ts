/** The write-ahead log at work: when it is used, what its failures mean, and what a replay must not touch. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { diskErrors } from '../../../core/base/error-codes.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import { type Logs, openLogs } from '../../../core/log/log-manager.ts';
import type { LogsOptions } from '../../../core/log/logs-options.ts';
import type { AppendResult } from '../../../core/log/partition-log.ts';
import { decodeFrame, decodeFrameHeader, encodeFrame, frameHeaderBytes } from '../../../core/log/wal-format.ts';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { FakeDisk } from '../../fakes/fake-disk.ts';
import { batchOf, dataDir, readAll, testConfig } from './fixtures.ts';

const isWal = /write-ahead/;

class Many {
  readonly disk = new FakeDisk();
  readonly clock = new FakeClock();
  readonly #count: number;
  readonly #options: Partial<LogsOptions>;
  logs!: Logs;

  constructor(count: number, options: Partial<LogsOptions> = {}) {
    this.#count = count;
    this.#options = options;
  }

  async start(topicId = 'id'): Promise<void> {
    const { disk, clock } = this;
    const fixed = {
      disk,
      clock,
      logger: silentLogger,
      dataDir,
      durability: 'default' as const,
      walFileBytes: 512 * 1024,
    };
    this.logs = await openLogs({ ...fixed, ...this.#options });
    await this.create(topicId);
  }

  async create(topicId: string): Promise<void> {
    for (let partition = 0; partition < this.#count; partition += 1) {
      await this.logs.createPartition({ topic: 't', partition, topicId, config: testConfig() });
    }
  }

  /** One batch to each partition at the same time. */
  appendAll(value: string, count = this.#count): Promise<AppendResult[]> {
    return Promise.all(
      Array.from({ length: count }, (_, partition) =>
        this.logs.partition('t', partition)!.append(batchOf([value]), { acks: -1, origin: 'client' }),
      ),
    );
  }

  async warm(): Promise<void> {
    await this.appendAll('warm');
    await this.clock.advance(0);
  }

  async values(): Promise<(string | null)[][]> {
    const all: (string | null)[][] = [];
    for (let partition = 0; partition < this.#count; partition += 1) {
      all.push((await readAll(this.logs.partition('t', partition)!)).map((record) => record.value));
    }
    return all;
  }
}

const codes = (results: readonly AppendResult[]) => [...new Set(results.map((result) => result.errorCode))];
const eio = () => diskErrors.error('failed', { message: 'EIO', where: 'the device' });

test('a few syncs make a hundred partitions durable, and a power loss takes none of it', async () => {
  const m = new Many(100);
  await m.start();
  await m.warm();
  const before = m.disk.counts.get('sync')!;
  expect(codes(await m.appendAll('a'))).toEqual([kafkaErrors.NONE]);
  expect(m.disk.counts.get('sync')! - before).toBeLessThan(12);
  m.disk.crash({ kind: 'power' });
  await m.start();
  expect(await m.values()).toEqual(Array(100).fill(['warm', 'a']));
  expect(m.disk.files().filter((file) => isWal.test(file))).toEqual([]);
});

test('few partitions and large batches are synced by themselves', async () => {
  const m = new Many(8);
  await m.start();
  await m.warm();
  const walWrites = () => m.disk.counts.get('write')!;
  const before = walWrites();
  await m.appendAll('few', 3);
  expect(walWrites() - before).toBe(3);
  await m.appendAll('x'.repeat(300_000));
  expect(walWrites() - before).toBe(3 + 8);
});

test('a failed sync of it is nobody’s acknowledgement, and is not repeated into one', async () => {
  const m = new Many(8, { maxConcurrentSyncs: 1 });
  await m.start();
  await m.warm();
  m.disk.fail('sync', eio(), { path: isWal });
  const results = await m.appendAll('a');
  expect(codes(results)).toContain(kafkaErrors.KAFKA_STORAGE_ERROR);
  expect(m.logs.failed.aborted).toBe(true);
  expect(codes(await m.appendAll('b'))).toEqual([kafkaErrors.KAFKA_STORAGE_ERROR]);
  await m.logs.close();
  m.disk.crash({ kind: 'power' });
  await m.start();
  for (const [index, values] of (await m.values()).entries()) {
    expect(values.slice(0, 1)).toEqual(['warm']);
    if (results[index]!.errorCode === kafkaErrors.NONE) expect(values).toEqual(['warm', 'a']);
    expect(values).not.toContain('b');
  }
});

test('a failed sync of a segment behind it stops the log, and the next start has everything', async () => {
  const m = new Many(8, { checkpointIntervalMs: 1000, maxConcurrentSyncs: 1 });
  await m.start();
  await m.warm();
  expect(codes(await m.appendAll('a'))).toEqual([kafkaErrors.NONE]);
  m.disk.fail('sync', eio(), { path: /\.log$/ });
  await m.clock.advance(1000);
  expect(m.logs.failed.aborted).toBe(true);
  await m.logs.close();
  m.disk.crash({ kind: 'power' });
  await m.start();
  expect(await m.values()).toEqual(Array(8).fill(['warm', 'a']));
});

test('where there is no room for it, each partition is synced by itself', async () => {
  const m = new Many(8);
  await m.start();
  m.disk.capacityBytes = m.disk.usedBytes + 100_000;
  for (const value of ['a', 'b', 'c']) expect(codes(await m.appendAll(value))).toEqual([kafkaErrors.NONE]);
  expect(m.disk.files().filter((file) => isWal.test(file))).toEqual([]);
  m.disk.crash({ kind: 'power' });
  m.disk.capacityBytes = Number.POSITIVE_INFINITY;
  await m.start();
  expect(await m.values()).toEqual(Array(8).fill(['a', 'b', 'c']));
});

test('a frame that the disk has no room for is no failure', async () => {
  const m = new Many(8, { maxConcurrentSyncs: 1 });
  await m.start();
  await m.warm();
  m.disk.fail('write', diskErrors.error('full', { message: 'ENOSPC', where: 'the device' }), { path: isWal });
  expect(codes(await m.appendAll('a'))).toEqual([kafkaErrors.NONE]);
  m.disk.crash({ kind: 'power' });
  await m.start();
  expect(await m.values()).toEqual(Array(8).fill(['warm', 'a']));
});

test('what was written for a topic does not come back into one of the same name', async () => {
  const m = new Many(8, { maxConcurrentSyncs: 1 });
  await m.start('old');
  await m.warm();
  await m.appendAll('of the old one');
  await m.logs.deleteTopic('t');
  await m.create('new');
  await m.appendAll('n', 1);
  m.disk.crash({ kind: 'power' });
  await m.start('new');
  expect(await m.values()).toEqual([['n'], ...Array(7).fill([])]);
});

test('deleted records stay deleted, and a restart without a crash leaves no file of it', async () => {
  const m = new Many(8, { maxConcurrentSyncs: 1 });
  await m.start();
  await m.warm();
  await m.appendAll('a');
  await m.logs.partition('t', 2)!.deleteBefore(1);
  m.disk.crash({ kind: 'power' });
  await m.start();
  expect((await m.values())[2]).toEqual(['a']);
  await m.logs.close();
  expect(m.disk.files().filter((file) => isWal.test(file))).toEqual([]);
});

test('frames are read back as they were written, and any changed byte is noticed', () => {
  const entry = fc.record({
    origin: fc.record({
      partition: fc.string({ unit: 'grapheme', maxLength: 40 }),
      topicId: fc.string({ maxLength: 22 }),
      segmentBase: fc.nat({ max: 2 ** 48 - 1 }),
    }),
    position: fc.nat({ max: 2 ** 48 - 1 }),
    nextOffset: fc.nat({ max: 2 ** 48 - 1 }),
    buffers: fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 3 }),
  });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 5 }), fc.nat(), fc.integer({ min: 1, max: 255 }), (entries, at, flip) => {
      const into = Buffer.alloc(4096);
      const size = encodeFrame(into, { generation: 3, sequence: 9 }, entries);
      const frame = into.subarray(0, size);
      const header = decodeFrameHeader(frame, size)!;
      expect(header).toMatchObject({ generation: 3, sequence: 9, sizeBytes: size, entryCount: entries.length });
      expect(decodeFrame(frame, header)).toEqual(
        entries.map(({ buffers, ...rest }) => ({ ...rest, buffers: [Buffer.concat(buffers)] })),
      );
      expect(size).toBeGreaterThanOrEqual(frameHeaderBytes);
      frame[at % size]! ^= flip;
      const changed = decodeFrameHeader(frame, size);
      expect(changed === undefined || decodeFrame(frame, changed) === undefined).toBe(true);
    }),
  );
});
