/** Appending: what is checked, what is patched, what is answered, and when. */

import { describe, expect, test } from 'vitest';
import { diskErrors } from '../../../core/base/error-codes.ts';
import {
  batchBaseOffset,
  batchCrc,
  batchLeaderEpoch,
  computeBatchCrc,
  sealCrc,
} from '../../../core/protocol/batch-header.ts';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';
import { batchOf, readAll, TestMachine } from './fixtures.ts';

async function machine(options: ConstructorParameters<typeof TestMachine>[0] = {}) {
  const made = new TestMachine(options);
  await made.start();
  return made;
}

const producer = (baseSequence: number, producerEpoch = 0) => ({
  producer: { producerId: 7, producerEpoch, baseSequence },
});

describe('a batch that is fine', () => {
  test('gets the next offset and the leader epoch, and is read back as it was sent', async () => {
    const m = await machine();
    const batch = batchOf(['a', 'b']);
    const crc = batchCrc(batch, 0);
    expect(await m.append(['x'])).toMatchObject({
      errorCode: 0,
      baseOffset: 0,
      logAppendTimeMs: -1,
      logStartOffset: 0,
    });
    expect(await m.log.append(batch, { acks: -1, origin: 'client' })).toMatchObject({ errorCode: 0, baseOffset: 1 });
    const read = await m.log.read(1, { maxBytes: 1e6, minOneBatch: true });
    expect(batchBaseOffset(read, 0)).toBe(1);
    expect(batchLeaderEpoch(read, 0)).toBe(0);
    expect(batchCrc(read, 0)).toBe(crc);
    expect((await readAll(m.log)).map((record) => record.value)).toEqual(['x', 'a', 'b']);
    expect(m.log.sizeBytes).toBe(m.disk.bytesOf(m.path('00000000000000000000.log')).length);
  });

  test('of a topic with LogAppendTime gets the time and a new checksum', async () => {
    const m = await machine({ config: { messageTimestampType: 'LogAppendTime' } });
    await m.clock.advance(5000);
    const batch = batchOf([{ value: 'a', timestampMs: 17 }]);
    const result = await m.log.append(batch, { acks: -1, origin: 'client' });
    expect(result.logAppendTimeMs).toBe(m.clock.nowMs());
    expect(batchCrc(batch, 0)).toBe(computeBatchCrc(batch, 0));
    expect((await readAll(m.log))[0]?.timestampMs).toBe(m.clock.nowMs());
  });
});

describe('a batch that is refused leaves no trace', () => {
  const flip = (batch: Buffer, at: number) => {
    batch[at]! ^= 1;
    return batch;
  };
  const sealed = (change: (batch: Buffer) => void) => {
    const batch = batchOf(['a', 'b']);
    change(batch);
    sealCrc(batch, 0);
    return batch;
  };
  const now = Date.UTC(2026, 0, 1);

  test.each<[string, Buffer, number, object]>([
    ['wrong checksum', flip(batchOf(['a']), 65), kafkaErrors.CORRUPT_MESSAGE, {}],
    ['cut off', batchOf(['a', 'b']).subarray(0, 70), kafkaErrors.CORRUPT_MESSAGE, {}],
    ['two batches', Buffer.concat([batchOf(['a']), batchOf(['b'])]), kafkaErrors.INVALID_RECORD, {}],
    ['wrong count', sealed((b) => b.writeInt32BE(3, 57)), kafkaErrors.INVALID_RECORD, {}],
    ['control', sealed((b) => b.writeInt16BE(0x30, 21)), kafkaErrors.INVALID_RECORD, {}],
    ['transactional', sealed((b) => b.writeInt16BE(0x10, 21)), kafkaErrors.INVALID_TXN_STATE, {}],
    ['delete horizon', sealed((b) => b.writeInt16BE(0x40, 21)), kafkaErrors.INVALID_RECORD, {}],
    ['append time', sealed((b) => b.writeInt16BE(0x08, 21)), kafkaErrors.INVALID_TIMESTAMP, {}],
    ['too large', batchOf(['x'.repeat(200)]), kafkaErrors.MESSAGE_TOO_LARGE, { maxMessageBytes: 200 }],
    ['larger than a segment', batchOf(['x'.repeat(200)]), kafkaErrors.RECORD_LIST_TOO_LARGE, { segmentBytes: 200 }],
    ['future', batchOf([{ value: 'a', timestampMs: now + 3_600_001 }]), kafkaErrors.INVALID_TIMESTAMP, {}],
    [
      'past',
      batchOf([{ value: 'a', timestampMs: now - 11 }]),
      kafkaErrors.INVALID_TIMESTAMP,
      { messageTimestampBeforeMaxMs: 10 },
    ],
    ['no key, compacted', batchOf([{ key: 'k', value: 'a' }, 'b']), kafkaErrors.INVALID_RECORD, { isCompacted: true }],
    [
      'no key, compacted, zstd',
      batchOf(['b'], { compression: 'zstd' }),
      kafkaErrors.INVALID_RECORD,
      { isCompacted: true },
    ],
    ['no sequence', batchOf(['a'], producer(-1)), kafkaErrors.INVALID_RECORD, {}],
  ])('%s', async (_, batch, errorCode, config) => {
    const m = await machine({ config });
    const result = await m.log.append(batch, { acks: -1, origin: 'client' });
    expect(result).toMatchObject({ errorCode, baseOffset: -1 });
    expect(result.errorMessage).toBeTruthy();
    expect(m.log.logEndOffset).toBe(0);
    expect(await m.append([{ key: 'k', value: 'ok' }])).toMatchObject({ baseOffset: 0 });
  });
});

describe('an idempotent producer', () => {
  test('is answered its five last batches with their first offsets, and refused what is out of order', async () => {
    const m = await machine();
    for (let n = 0; n < 6; n += 1)
      expect(await m.append(['a', 'b'], producer(2 * n))).toMatchObject({ baseOffset: 2 * n });
    for (let n = 1; n < 6; n += 1)
      expect(await m.append(['a', 'b'], producer(2 * n))).toMatchObject({ baseOffset: 2 * n });
    expect(await m.append(['a', 'b'], producer(0))).toMatchObject({
      errorCode: kafkaErrors.OUT_OF_ORDER_SEQUENCE_NUMBER,
    });
    expect(await m.append(['a'], producer(13))).toMatchObject({ errorCode: kafkaErrors.OUT_OF_ORDER_SEQUENCE_NUMBER });
    expect(await m.append(['a', 'b', 'c'], producer(10))).toMatchObject({
      errorCode: kafkaErrors.OUT_OF_ORDER_SEQUENCE_NUMBER,
    });
    expect(m.log.logEndOffset).toBe(12);
  });

  test('starts a new epoch at sequence 0 and fences the old one', async () => {
    const m = await machine();
    await m.append(['a'], producer(0));
    expect(await m.append(['b'], producer(1, 1))).toMatchObject({
      errorCode: kafkaErrors.OUT_OF_ORDER_SEQUENCE_NUMBER,
    });
    expect(await m.append(['b'], producer(0, 1))).toMatchObject({ errorCode: 0, baseOffset: 1 });
    expect(await m.append(['c'], producer(1, 0))).toMatchObject({ errorCode: kafkaErrors.INVALID_PRODUCER_EPOCH });
  });

  test('may start anywhere when it is not known, and wraps from the largest sequence to 0', async () => {
    const m = await machine();
    expect(await m.append(['a', 'b', 'c'], producer(0x7fff_fffe))).toMatchObject({ baseOffset: 0 });
    expect(await m.append(['d'], producer(1))).toMatchObject({ errorCode: 0, baseOffset: 3 });
    expect(await m.append(['a', 'b', 'c'], producer(0x7fff_fffe))).toMatchObject({ errorCode: 0, baseOffset: 0 });
  });

  test('gets the answer to a repetition only when the original is durable', async () => {
    const m = await machine();
    const release = m.disk.hold('sync');
    let answered = 0;
    const first = m.append(['a'], producer(0)).then((result) => [++answered, result.baseOffset]);
    const again = m.append(['a'], producer(0)).then((result) => [++answered, result.baseOffset]);
    await m.settle();
    expect(answered).toBe(0);
    release();
    expect(await Promise.all([first, again])).toEqual([
      [1, 0],
      [2, 0],
    ]);
    expect(m.log.logEndOffset).toBe(1);
  });

  test('is remembered with all five batches after a clean stop and after a crash', async () => {
    for (const stop of ['clean', 'process', 'power'] as const) {
      const m = await machine({ config: { segmentBytes: 300 } });
      for (let n = 0; n < 7; n += 1) await m.append(['a'.repeat(60)], producer(n));
      if (stop === 'clean') await m.logs.close();
      else m.disk.crash({ kind: stop });
      await m.start();
      for (let n = 2; n < 7; n += 1) {
        expect(await m.append(['a'.repeat(60)], producer(n))).toMatchObject({ errorCode: 0, baseOffset: n });
      }
      expect(await m.append(['b'], producer(7))).toMatchObject({ errorCode: 0, baseOffset: 7 });
    }
  });

  test('is forgotten after a day of silence', async () => {
    const m = await machine({ producerExpirationMs: 1000, retentionIntervalMs: 600 });
    await m.append(['a'], producer(0));
    await m.clock.advance(600);
    expect(await m.append(['b'], producer(5))).toMatchObject({ errorCode: kafkaErrors.OUT_OF_ORDER_SEQUENCE_NUMBER });
    await m.clock.advance(1200);
    expect(await m.append(['b'], producer(5))).toMatchObject({ errorCode: 0 });
  });
});

describe('when an append is answered', () => {
  test.each([
    ['strict', -1, 'durable'],
    ['strict', 1, 'durable'],
    ['default', -1, 'durable'],
    ['default', 1, 'written'],
    ['default', 0, 'written'],
    ['os', -1, 'written'],
    ['os', 1, 'written'],
  ] as const)('%s, acks=%i: %s', async (durability, acks, when) => {
    const m = await machine({ durability });
    const release = m.disk.hold('sync');
    let isAnswered = false;
    const answer = m.log.append(batchOf(['a']), { acks, origin: 'client' }).then(() => {
      isAnswered = true;
    });
    await m.settle();
    expect(isAnswered).toBe(when === 'written');
    expect(m.log.highWatermark).toBe(durability === 'os' ? 1 : 0);
    await m.clock.advance(100);
    release();
    await answer;
    await m.settle();
    expect(m.log.highWatermark).toBe(1);
  });

  test('many appends share syncs and writes', async () => {
    const m = await machine();
    await m.append(['warm']);
    const writes = m.disk.counts.get('write')!;
    const syncs = m.disk.counts.get('sync')!;
    await Promise.all(Array.from({ length: 500 }, (_, n) => m.append([`v${n}`])));
    expect(m.disk.counts.get('write')! - writes).toBeLessThanOrEqual(3);
    expect(m.disk.counts.get('sync')! - syncs).toBeLessThanOrEqual(3);
    expect((await readAll(m.log)).length).toBe(501);
  });

  test('listeners hear that the high watermark moved', async () => {
    const m = await machine();
    const seen: number[] = [];
    const stop = m.log.onAdvance(() => seen.push(m.log.highWatermark));
    await m.append(['a']);
    await m.append(['b']);
    stop();
    await m.append(['c']);
    expect(seen).toEqual([1, 2]);
  });
});

describe('a full disk', () => {
  test('refuses for the time being, shows nothing of it, and goes on when there is room', async () => {
    const m = await machine();
    await m.append(['a'], producer(0));
    const size = m.disk.bytesOf(m.path('00000000000000000000.log')).length;
    m.disk.capacityBytes = m.disk.usedBytes + 100;
    const results = await Promise.all([
      m.append(['b'.repeat(200)], producer(1)),
      m.append(['c'], producer(2)),
      m.append(['b'.repeat(200)], producer(1)),
    ]);
    expect(results.map((result) => result.errorCode)).toEqual(Array(3).fill(kafkaErrors.KAFKA_STORAGE_ERROR));
    expect(m.disk.bytesOf(m.path('00000000000000000000.log')).length).toBe(size);
    expect(m.log.logEndOffset).toBe(1);
    expect((await readAll(m.log)).map((record) => record.value)).toEqual(['a']);
    expect(m.logs.failed.aborted).toBe(false);
    m.disk.capacityBytes = Number.POSITIVE_INFINITY;
    expect(await m.append(['b'.repeat(200)], producer(1))).toMatchObject({ errorCode: 0, baseOffset: 1 });
    expect(await m.append(['c'], producer(2))).toMatchObject({ errorCode: 0, baseOffset: 2 });
    await m.restart();
    expect((await readAll(m.log)).length).toBe(3);
  });

  test('while a segment is rolled: the old one stays active', async () => {
    const m = await machine({ config: { segmentBytes: 200 } });
    await m.append(['a'.repeat(100)]);
    for (const call of ['open', 'syncFolder', 'write', 'truncate'] as const) {
      m.disk.fail(call, diskErrors.error('full', { message: 'full' }), { path: /0001\.|t-0$|index/ });
      expect((await m.append(['b'.repeat(100)])).errorCode).toBe(kafkaErrors.KAFKA_STORAGE_ERROR);
      expect(m.disk.files().filter((file) => file.endsWith('.log'))).toHaveLength(1);
    }
    expect(await m.append(['b'.repeat(100)])).toMatchObject({ errorCode: 0, baseOffset: 1 });
    expect(await m.append(['c'.repeat(100)])).toMatchObject({ errorCode: 0, baseOffset: 2 });
    await m.restart();
    expect((await readAll(m.log)).length).toBe(3);
  });
});

describe('a disk that fails', () => {
  const worn = () => diskErrors.error('failed', { message: 'worn out' });

  test('at a sync: nothing is acknowledged, ever, and the broker hears of it', async () => {
    const m = await machine();
    await m.append(['a']);
    m.disk.fail('sync', worn());
    const results = await Promise.all([m.append(['b']), m.append(['c'])]);
    expect(results.map((result) => result.errorCode)).toEqual([56, 56]);
    expect(m.logs.failed.aborted).toBe(true);
    expect(m.logs.failed.reason).toMatchObject({ code: 'log/storage' });
    expect((await m.append(['d'])).errorCode).toBe(kafkaErrors.KAFKA_STORAGE_ERROR);
    const recoveryPoints = () => m.disk.readFile('/data/recovery-point-offset-checkpoint');
    const before = await recoveryPoints();
    await m.clock.advance(60_000);
    expect(await recoveryPoints()).toEqual(before);
    await expect(m.log.read(0, { maxBytes: 100, minOneBatch: true })).rejects.toMatchObject({ code: 'log/storage' });
    await m.logs.close();
    expect(await m.disk.readFile('/data/.kafka_cleanshutdown')).toBeUndefined();
  });

  test.each(['write', 'truncate'] as const)('at a %s: the log stops and keeps what was acknowledged', async (call) => {
    const m = await machine();
    await m.append(['a']);
    m.disk.fail(call, worn());
    if (call === 'truncate') m.disk.capacityBytes = m.disk.usedBytes + 10;
    expect((await m.append(['b'])).errorCode).toBe(kafkaErrors.KAFKA_STORAGE_ERROR);
    expect(m.logs.failed.aborted).toBe(true);
    m.disk.capacityBytes = Number.POSITIVE_INFINITY;
    await m.logs.close();
    await m.start();
    expect((await readAll(m.log)).map((record) => record.value)).toEqual(['a']);
    expect(await m.append(['b'])).toMatchObject({ errorCode: 0, baseOffset: 1 });
  });
});
