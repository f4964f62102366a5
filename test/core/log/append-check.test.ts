/** What a batch must be to enter a log: every way to be wrong has its own error code, and leaves no trace. */

import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AppendOrigin, checkBatch } from '../../../core/log/append-check.ts';
import type { LogConfig } from '../../../core/log/log-config.ts';
import { BatchBuilder } from '../../../core/protocol/batch-builder.ts';
import {
  BATCH_HEADER_BYTES,
  BATCH_PREFIX_BYTES,
  batchCrc,
  batchMaxTimestampMs,
  computeBatchCrc,
  sealCrc,
} from '../../../core/protocol/batch-header.ts';
import { type Codec, codecIds } from '../../../core/protocol/compression.ts';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';
import { batchOf, type TestRecord, testConfig } from './fixtures.ts';

const nowMs = Date.UTC(2026, 0, 1);
const codecs = Object.keys(codecIds).filter((codec) => codec !== 'none') as Codec[];
const {
  CORRUPT_MESSAGE,
  INVALID_RECORD,
  INVALID_TIMESTAMP,
  MESSAGE_TOO_LARGE,
  RECORD_LIST_TOO_LARGE,
  UNSUPPORTED_FOR_MESSAGE_FORMAT,
} = kafkaErrors;

function check(batch: Buffer, config: Partial<LogConfig> = {}, origin: AppendOrigin = 'client') {
  return checkBatch(batch, { config: testConfig(config), origin, nowMs });
}

/** A batch of three records with bytes changed and the checksum made anew. */
function changed(change: (batch: Buffer) => void, records: (TestRecord | string)[] = ['a', 'b', 'c']): Buffer {
  const batch = batchOf(records);
  change(batch);
  sealCrc(batch, 0);
  return batch;
}

/** The header of a batch of one record over these bytes. */
function withBody(body: Buffer, codec: Codec): Buffer {
  const batch = Buffer.concat([batchOf(['x']).subarray(0, BATCH_HEADER_BYTES), body]);
  batch.writeInt32BE(batch.length - BATCH_PREFIX_BYTES, 8);
  batch.writeInt16BE(codecIds[codec], 21);
  sealCrc(batch, 0);
  return batch;
}

test('batches as producers send them are taken, with every codec, compacted or not', () => {
  for (const compression of ['none', ...codecs] as const) {
    for (const isCompacted of [false, true]) {
      expect(check(batchOf([{ key: 'k', value: 'v' }], { compression }), { isCompacted })).toBeUndefined();
    }
  }
});

describe('the header', () => {
  test.each<[string, Buffer, number]>([
    ['shorter than a header', Buffer.alloc(60), CORRUPT_MESSAGE],
    ['cut off', batchOf(['a']).subarray(0, -1), CORRUPT_MESSAGE],
    ['a length below its header', changed((b) => b.writeInt32BE(48, 8)), CORRUPT_MESSAGE],
    ['a negative length', changed((b) => b.writeInt32BE(-1, 8)).subarray(0), CORRUPT_MESSAGE],
    ['two batches', Buffer.concat([batchOf(['a']), batchOf(['b'])]), INVALID_RECORD],
    ['bytes behind it', Buffer.concat([batchOf(['a']), Buffer.alloc(1)]), INVALID_RECORD],
    ['magic 0', changed((b) => b.writeInt8(0, 16)), UNSUPPORTED_FOR_MESSAGE_FORMAT],
    ['magic 1', changed((b) => b.writeInt8(1, 16)), UNSUPPORTED_FOR_MESSAGE_FORMAT],
    ['magic 3', changed((b) => b.writeInt8(3, 16)), INVALID_RECORD],
    ['no records', changed((b) => b.writeInt32BE(0, 57)), INVALID_RECORD],
    ['a negative count', changed((b) => b.writeInt32BE(-1, 57)), INVALID_RECORD],
    ['a last offset delta that does not fit', changed((b) => b.writeInt32BE(3, 23)), INVALID_RECORD],
    ['a codec that does not exist', changed((b) => b.writeInt16BE(7, 21)), INVALID_RECORD],
    ['control', changed((b) => b.writeInt16BE(0x20, 21)), INVALID_RECORD],
    ['a delete horizon', changed((b) => b.writeInt16BE(0x40, 21)), INVALID_RECORD],
    ['an attribute of the future', changed((b) => b.writeInt16BE(0x80, 21)), INVALID_RECORD],
    ['LogAppendTime', changed((b) => b.writeInt16BE(0x08, 21)), INVALID_TIMESTAMP],
    ['a producer without a sequence', changed((b) => b.writeBigInt64BE(7n, 43)), INVALID_RECORD],
  ])('%s', (_, batch, errorCode) => {
    const problem = check(batch);
    expect(problem?.errorCode).toBe(errorCode);
    expect(problem?.message).toMatch(/\w+ \w+/);
  });

  test('a changed byte anywhere under the checksum', () => {
    const batch = batchOf(['a', 'b']);
    for (let at = 21; at < batch.length; at++) {
      batch[at]! ^= 1;
      expect(check(batch)?.errorCode).toBe(CORRUPT_MESSAGE);
      batch[at]! ^= 1;
    }
  });

  test('sizes', () => {
    const batch = batchOf(['x'.repeat(200)]);
    expect(check(batch, { maxMessageBytes: batch.length })).toBeUndefined();
    expect(check(batch, { maxMessageBytes: batch.length - 1 })?.errorCode).toBe(MESSAGE_TOO_LARGE);
    expect(check(batch, { segmentBytes: batch.length - 1 })?.errorCode).toBe(RECORD_LIST_TOO_LARGE);
    // The broker's own records are bound by the segment alone.
    expect(check(batch, { maxMessageBytes: 1 }, 'coordinator')).toBeUndefined();
  });
});

describe('the records', () => {
  const first = BATCH_HEADER_BYTES;

  test.each<[string, Buffer]>([
    ['one more than announced', changed((b) => b.writeInt32BE(2, 57) && b.writeInt32BE(1, 23))],
    ['one less than announced', changed((b) => b.writeInt32BE(4, 57) && b.writeInt32BE(3, 23))],
    ['an offset delta that repeats', changed((b) => b.writeInt8(2, first + 3))],
    ['a length beyond the batch', changed((b) => b.writeInt8(126, first))],
    ['a negative length', changed((b) => b.writeInt8(1, first))],
    ['a value beyond its record', changed((b) => b.writeInt8(20, first + 5))],
    ['a header count beyond its record', changed((b) => b.writeInt8(20, first + 7))],
  ])('%s', (_, batch) => {
    expect(check(batch)?.errorCode).toBe(INVALID_RECORD);
  });

  test.each(codecs)('%s in a compacted topic: opened and checked like the others', (codec) => {
    expect(check(withBody(Buffer.from('no such thing'), codec), { isCompacted: true })?.errorCode).toBe(INVALID_RECORD);
    const batch = batchOf([{ key: 'k', value: 'v' }, 'no key'], { compression: codec });
    const problem = check(batch, { isCompacted: true });
    expect(problem).toMatchObject({ errorCode: INVALID_RECORD, recordErrors: [{ index: 1 }] });
    const odd = batchOf([{ key: 'k', value: 'v' }], { compression: codec });
    odd.writeInt32BE(2, 57);
    odd.writeInt32BE(1, 23);
    sealCrc(odd, 0);
    expect(check(odd, { isCompacted: true })?.errorCode).toBe(INVALID_RECORD);
  });

  test('each record without a key is named, up to a hundred', () => {
    const some = batchOf([{ key: 'k', value: 'v' }, 'b', { key: '', value: 'v' }, 'd']);
    expect(check(some)).toBeUndefined();
    expect(check(some, { isCompacted: true })?.recordErrors?.map(({ index }) => index)).toEqual([1, 3]);
    const many = batchOf(Array.from({ length: 5_000 }, (_, index) => `${index}`));
    expect(check(many, { isCompacted: true })?.recordErrors).toHaveLength(100);
  });
});

test('records with headers of every kind, ten thousand of them', () => {
  const headers = [
    { key: 'null', value: null },
    { key: 'twice', value: Buffer.from('1') },
    { key: 'twice', value: Buffer.from('2') },
    { key: '', value: Buffer.alloc(0) },
    ...Array.from({ length: 10_000 }, (_, index) => ({ key: `h${index}`, value: Buffer.from(`${index}`) })),
  ];
  for (const compression of ['none', ...codecs] as const) {
    const builder = new BatchBuilder();
    builder.appendRecord({ key: Buffer.from('k'), value: null, headers, timestampMs: nowMs });
    expect(check(builder.build({ compression }), { isCompacted: true })).toBeUndefined();
  }
});

test.each(codecs)('%s: damage under a checksum that fits is refused or harmless, and never thrown', (codec) => {
  const lines = Array.from({ length: 30 }, (_, index) => ({ key: `k${index}`, value: `value ${index % 3}`.repeat(9) }));
  const whole = batchOf(lines, { compression: codec });
  const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(edits, fc.nat(), (changes, cut) => {
      const bodyBytes = whole.length - BATCH_HEADER_BYTES;
      const body = Buffer.from(whole.subarray(BATCH_HEADER_BYTES));
      for (const [at, byte] of changes) body[at % bodyBytes] = byte;
      const batch = withBody(cut % 3 === 0 ? body.subarray(0, cut % bodyBytes) : body, codec);
      batch.writeInt32BE(30, 57);
      batch.writeInt32BE(29, 23);
      sealCrc(batch, 0);
      const problem = check(batch, { isCompacted: true });
      const codes = [undefined, INVALID_RECORD, MESSAGE_TOO_LARGE, INVALID_TIMESTAMP];
      expect(codes).toContain(problem?.errorCode);
    }),
    { numRuns: 300 },
  );
});

describe('decompression bombs in a compacted topic', () => {
  test.each(codecs)('%s: refused with the size, so that a producer sends less at once', (codec) => {
    const builder = new BatchBuilder();
    builder.appendRecord({ key: Buffer.from('k'), value: Buffer.alloc(17 * 1024 * 1024), timestampMs: nowMs });
    const batch = builder.build({ compression: codec });
    expect(batch.length).toBeLessThan(1_048_588);
    expect(check(batch, { isCompacted: true })?.errorCode).toBe(MESSAGE_TOO_LARGE);
    expect(check(batch)).toBeUndefined();
    // Where larger batches are allowed, more is opened.
    expect(check(batch, { isCompacted: true, maxMessageBytes: 8_000_000 })).toBeUndefined();
  });

  test('a gigabyte in a megabyte does not take the memory', () => {
    const member = gzipSync(Buffer.alloc(16 * 1024 * 1024));
    const batch = withBody(Buffer.concat(Array.from({ length: 62 }, () => member)), 'gzip');
    expect(batch.length).toBeLessThan(1_048_588);
    const beforeKib = process.resourceUsage().maxRSS;
    expect(check(batch, { isCompacted: true })?.errorCode).toBe(MESSAGE_TOO_LARGE);
    expect(process.resourceUsage().maxRSS - beforeKib).toBeLessThan(150 * 1024);
  });
});

describe('timestamps', () => {
  const at = (...times: number[]) => batchOf(times.map((timestampMs) => ({ value: 'v', timestampMs })));
  const limits = { messageTimestampBeforeMaxMs: 1_000, messageTimestampAfterMaxMs: 500 };

  test('each record must lie within the limits, and is named when it does not', () => {
    expect(check(at(nowMs - 1_000, nowMs, nowMs + 500), limits)).toBeUndefined();
    const problem = check(at(nowMs, nowMs - 1_001, nowMs + 500, nowMs + 501, nowMs), limits);
    expect(problem?.errorCode).toBe(INVALID_TIMESTAMP);
    expect(problem?.recordErrors?.map(({ index }) => index)).toEqual([1, 3]);
    expect(problem?.message).toContain('in the past');
  });

  test('a record without a time is taken, and hides no other', () => {
    expect(check(at(-1, -1), limits)).toBeUndefined();
    expect(check(at(-1, nowMs - 2_000, nowMs), limits)?.recordErrors).toMatchObject([{ index: 1 }]);
  });

  test('the header of what is compressed is believed, and checked', () => {
    const zipped = (timestampMs: number) => batchOf([{ value: 'v', timestampMs }], { compression: 'gzip' });
    expect(check(zipped(nowMs), limits)).toBeUndefined();
    expect(check(zipped(nowMs - 1_001), limits)?.errorCode).toBe(INVALID_TIMESTAMP);
    expect(check(zipped(nowMs + 501), limits)?.errorCode).toBe(INVALID_TIMESTAMP);
  });

  test.each(['none', 'zstd'] as const)('%s: a largest time that no record has is set right', (compression) => {
    const records = [nowMs - 5, nowMs, nowMs - 3].map((timestampMs) => ({ key: 'k', value: 'v', timestampMs }));
    for (const wrong of [-1, nowMs - 100, nowMs + 100]) {
      const batch = batchOf(records, { compression });
      batch.writeBigInt64BE(BigInt(wrong), 35);
      sealCrc(batch, 0);
      expect(check(batch, { isCompacted: true })).toBeUndefined();
      expect(batchMaxTimestampMs(batch, 0)).toBe(nowMs);
      expect(computeBatchCrc(batch, 0)).toBe(batchCrc(batch, 0));
    }
    const right = batchOf(records, { compression });
    const before = Buffer.from(right);
    expect(check(right, { isCompacted: true })).toBeUndefined();
    expect(right.equals(before)).toBe(true);
  });

  test('where the broker sets the time, the producer may write what it likes', () => {
    const config = { ...limits, messageTimestampType: 'LogAppendTime' as const };
    expect(check(at(0, nowMs * 2), config)).toBeUndefined();
    expect(
      check(
        changed((b) => b.writeInt16BE(0x08, 21)),
        config,
      ),
    ).toBeUndefined();
  });
});
