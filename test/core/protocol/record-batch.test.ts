/** Record batches: building, validating, walking, and every flipped bit found. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MillraceError } from '../../../core/base/errors.ts';
import { BatchBuilder, type BuilderRecord } from '../../../core/protocol/batch-builder.ts';
import * as header from '../../../core/protocol/batch-header.ts';
import { BatchMemory } from '../../../core/protocol/batch-memory.ts';
import { validateBatch, walkBatches } from '../../../core/protocol/batch-validate.ts';
import type { Codec } from '../../../core/protocol/compression.ts';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';
import { RecordCursor } from '../../../core/protocol/record-cursor.ts';

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const satisfies readonly Codec[];

const blob = fc.option(
  fc.oneof(
    { weight: 6, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
    { weight: 1, arbitrary: fc.integer({ min: 8000, max: 20_000 }).map((length) => Buffer.alloc(length, 'v')) },
  ),
  { nil: null },
);
const record: fc.Arbitrary<BuilderRecord> = fc.record({
  key: blob,
  value: blob,
  headers: fc.array(
    fc.record({ key: fc.string({ unit: 'grapheme', maxLength: 9 }), value: blob }).map((entry) => ({ ...entry })),
    { maxLength: 2 },
  ),
  timestampMs: fc.oneof(
    fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 }),
    fc.integer({ min: -(2 ** 51), max: 2 ** 51 }),
    fc.constant(-1),
  ),
});

/** Every record a cursor shows, as values that outlive it. */
function readAll(cursor: RecordCursor) {
  const seen: (BuilderRecord & { offset: number })[] = [];
  const part = (start: number, end: number) => (start < 0 ? null : Buffer.from(cursor.bytes.subarray(start, end)));
  while (cursor.next()) {
    seen.push({
      offset: cursor.offset,
      timestampMs: cursor.timestampMs,
      key: part(cursor.keyStart, cursor.keyEnd),
      value: part(cursor.valueStart, cursor.valueEnd),
      headers: cursor.headers().map(({ key, value }) => ({ key, value: value === null ? null : Buffer.from(value) })),
    });
  }
  return seen;
}

function walk(cursor: RecordCursor): void {
  while (cursor.next());
}

function errorOf(run: () => unknown): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return error;
  }
}

function batchOf(records: readonly BuilderRecord[], compression: Codec = 'none', baseOffset = 0): Buffer {
  const builder = new BatchBuilder({ initialBytes: 256 });
  for (const one of records) builder.appendRecord(one);
  const batch = builder.build({ compression });
  header.setBaseOffset(batch, 0, baseOffset);
  return batch;
}

const lines = (count: number): BuilderRecord[] =>
  Array.from({ length: count }, (_, index) => ({
    key: null,
    value: Buffer.from(`line ${index}`),
    timestampMs: 1_700_000_000_000 + index,
  }));

describe('build, validate, read', () => {
  test.each(codecs)('%s: records come back as they were', (compression) => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 12 }), fc.nat(2 ** 40), (records, baseOffset) => {
        const batch = batchOf(records, compression, baseOffset);
        expect(validateBatch(batch, 0, batch.length)).toBeUndefined();
        const cursor = new RecordCursor();
        cursor.reset(batch);
        expect(readAll(cursor)).toEqual(records.map((one, index) => ({ ...one, offset: baseOffset + index })));
      }),
      { numRuns: 40 },
    );
  });

  test('ranges of keys and values build the same bytes as records', () => {
    const part = fc.option(blob, { nil: null });
    fc.assert(
      fc.property(fc.array(fc.tuple(part, part, fc.nat(1e6)), { minLength: 1, maxLength: 80 }), (entries) => {
        const byRange = new BatchBuilder({ initialBytes: 256 });
        const byRecord = new BatchBuilder();
        for (const [key, value, delta] of entries) {
          const timestampMs = 1_700_000_000_000 + delta;
          const keyBytes = key ?? Buffer.alloc(0);
          const bytes = Buffer.concat([
            Buffer.from('before'),
            keyBytes,
            value ?? Buffer.alloc(0),
            Buffer.from('after'),
          ]);
          const middle = 6 + keyBytes.length;
          const keyRange = key === null ? { start: -1, end: -1 } : { start: 6, end: middle };
          const valueRange = value === null ? { start: -1, end: -1 } : { start: middle, end: middle + value.length };
          byRange.appendKeyed(bytes, keyRange, valueRange, timestampMs);
          byRecord.appendRecord({ key, value, timestampMs });
        }
        expect(byRange.build()).toEqual(byRecord.build());
      }),
    );
  });

  test('the byte path builds the same bytes as the record path', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(blob, fc.nat(1e6)), { minLength: 1, maxLength: 80 }), (entries) => {
        const byRange = new BatchBuilder({ initialBytes: 256 });
        const byRecord = new BatchBuilder();
        for (const [value, delta] of entries) {
          const bytes = Buffer.concat([Buffer.from('xx'), value ?? Buffer.alloc(0), Buffer.from('yy')]);
          byRange.append(bytes, 2, bytes.length - 2, 1_700_000_000_000 + delta);
          const content = bytes.subarray(2, -2);
          byRecord.appendRecord({ key: null, value: content, timestampMs: 1_700_000_000_000 + delta });
          expect(byRange.sizeBytes).toBe(byRecord.sizeBytes);
        }
        expect(byRange.count).toBe(entries.length);
        const { sizeBytes } = byRange;
        const batch = byRange.build();
        expect(batch.length).toBe(sizeBytes);
        expect(batch.equals(byRecord.build())).toBe(true);
      }),
    );
  });

  test('a batch of more than a megabyte, with offset deltas of three bytes', () => {
    const builder = new BatchBuilder();
    const line = Buffer.alloc(100, 'l');
    for (let index = 0; index < 20_000; index++) builder.append(line, 0, 100, 1_700_000_000_000 + index * 1000);
    const batch = builder.build();
    expect(validateBatch(batch, 0, batch.length)).toBeUndefined();
    const cursor = new RecordCursor();
    cursor.reset(batch);
    let count = 0;
    while (cursor.next()) {
      expect(cursor.offset).toBe(count);
      expect(cursor.timestampMs).toBe(1_700_000_000_000 + count * 1000);
      count++;
    }
    expect(count).toBe(20_000);
  });

  test('the header', () => {
    const builder = new BatchBuilder();
    for (const timestampMs of [1000, 3000, 2000]) builder.appendRecord({ key: null, value: null, timestampMs });
    const producer = { producerId: 4_000_000_000, producerEpoch: -2, baseSequence: 17 };
    const batch = builder.build({ compression: 'lz4', producer, isTransactional: true });
    header.setBaseOffset(batch, 0, 2 ** 40);
    header.setLeaderEpoch(batch, 0, 6);
    expect(validateBatch(batch, 0, batch.length)).toBeUndefined();
    expect({
      baseOffset: header.batchBaseOffset(batch, 0),
      lastOffset: header.batchLastOffset(batch, 0),
      sizeBytes: header.batchSizeBytes(batch, 0),
      leaderEpoch: header.batchLeaderEpoch(batch, 0),
      magic: header.batchMagic(batch, 0),
      attributes: header.batchAttributes(batch, 0),
      codec: header.batchCodec(batch, 0),
      baseTimestampMs: header.batchBaseTimestampMs(batch, 0),
      maxTimestampMs: header.batchMaxTimestampMs(batch, 0),
      producerId: header.batchProducerId(batch, 0),
      producerEpoch: header.batchProducerEpoch(batch, 0),
      baseSequence: header.batchBaseSequence(batch, 0),
      recordCount: header.batchRecordCount(batch, 0),
      isTransactional: header.isTransactional(batch, 0),
      isControl: header.isControl(batch, 0),
    }).toEqual({
      baseOffset: 2 ** 40,
      lastOffset: 2 ** 40 + 2,
      sizeBytes: batch.length,
      leaderEpoch: 6,
      magic: 2,
      attributes: 0x13,
      codec: 3,
      baseTimestampMs: 1000,
      maxTimestampMs: 3000,
      producerId: 4_000_000_000,
      producerEpoch: -2,
      baseSequence: 17,
      recordCount: 3,
      isTransactional: true,
      isControl: false,
    });
  });

  test('an idempotent producer is patched in afterwards', () => {
    const batch = batchOf(lines(2));
    expect(header.batchProducerId(batch, 0)).toBe(-1);
    const larger = Buffer.concat([Buffer.from('front'), batch]);
    header.setProducer(larger, 5, { producerId: 9, producerEpoch: 1, baseSequence: 2 });
    expect(validateBatch(larger, 5, larger.length)?.errorCode).toBe(kafkaErrors.CORRUPT_MESSAGE);
    header.sealCrc(larger, 5);
    expect(validateBatch(larger, 5, larger.length)).toBeUndefined();
    expect(header.batchBaseSequence(larger, 5)).toBe(2);
  });

  test('golden bytes', () => {
    const builder = new BatchBuilder();
    builder.append(Buffer.from('hi'), 0, 2, 1000);
    const batch = builder.build();
    expect(batch.toString('hex')).toBe(
      [
        '0000000000000000', // base offset
        '0000003a', // length
        'ffffffff', // leader epoch
        '02', // magic
        header.batchCrc(batch, 0).toString(16).padStart(8, '0'),
        '0000', // attributes
        '00000000', // last offset delta
        '00000000000003e8',
        '00000000000003e8',
        'ffffffffffffffff',
        'ffff',
        'ffffffff',
        '00000001', // record count
        '10', // 8 bytes of record, zigzag
        '00', // attributes
        '00', // timestamp delta
        '00', // offset delta
        '01', // null key
        '04', // value of 2 bytes
        '6869',
        '00', // no headers
      ].join(''),
    );
  });
});

describe('the builder', () => {
  test('starts over after build and reset, and refuses an empty batch', () => {
    const builder = new BatchBuilder();
    expect(() => builder.build()).toThrowError(/at least one record/);
    builder.append(Buffer.from('a'), 0, 1, 5);
    builder.reset();
    expect([builder.count, builder.sizeBytes]).toEqual([0, header.BATCH_HEADER_BYTES]);
    builder.append(Buffer.from('b'), 0, 1, 9);
    const first = builder.build();
    builder.append(Buffer.from('c'), 0, 1, 11);
    const second = builder.build();
    expect(header.batchBaseTimestampMs(first, 0)).toBe(9);
    expect(header.batchBaseTimestampMs(second, 0)).toBe(11);
    expect(validateBatch(first, 0, first.length)).toBeUndefined();
  });

  test('refuses times it could not give back', () => {
    const builder = new BatchBuilder();
    for (const timestampMs of [Number.NaN, 0.5, 2 ** 52, -Number.MAX_VALUE]) {
      expect(() => builder.append(Buffer.from('a'), 0, 1, timestampMs)).toThrowError(/no time of a record/);
    }
    expect(builder.count).toBe(0);
  });

  test('gives batches memory of their own, which goes round when given back', () => {
    const memory = new BatchMemory({ maxBytes: 1_000_000 });
    const builder = new BatchBuilder({ initialBytes: 8192, memory });
    const line = Buffer.alloc(5000, 'l');
    const build = () => {
      builder.append(line, 0, 5000, 1);
      return builder.build();
    };
    const first = build();
    const copy = Buffer.from(first);
    const second = build();
    expect(first.buffer).not.toBe(second.buffer);
    expect(first.equals(copy)).toBe(true);
    memory.give(first);
    expect(() => memory.give(first)).toThrowError(/given back twice/);
    build();
    expect(build().buffer).toBe(first.buffer);
  });

  test('keeps no more memory than told', () => {
    const memory = new BatchMemory({ maxBytes: 10_000 });
    const large = memory.take(20_000);
    memory.give(large);
    expect(memory.take(20_000).buffer).not.toBe(large.buffer);
  });

  test('small pieces of memory never crowd out the large ones that are asked for again', () => {
    const memory = new BatchMemory({ maxBytes: 100_000 });
    const large = memory.take(60_000);
    const small = Array.from({ length: 50 }, () => memory.take(5_000));
    for (const piece of small) memory.give(piece);
    memory.give(large);
    const smallAgain = memory.take(5_000);
    expect(small.some((piece) => piece.buffer === smallAgain.buffer)).toBe(true);
    expect(memory.take(60_000).buffer).toBe(large.buffer);
  });
});

describe('validation', () => {
  test('finds every flipped bit behind the leader epoch', () => {
    const batch = batchOf(lines(3));
    for (let bit = 16 * 8; bit < batch.length * 8; bit++) {
      const damaged = Buffer.from(batch);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(validateBatch(damaged, 0, damaged.length), `bit ${bit}`).toBeDefined();
    }
    for (let bit = 8 * 8; bit < 12 * 8; bit++) {
      const damaged = Buffer.from(batch);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(validateBatch(damaged, 0, damaged.length), `length bit ${bit}`).toBeDefined();
    }
  });

  test('finds every cut', () => {
    const batch = batchOf(lines(3));
    for (let length = 0; length < batch.length; length++) {
      expect(validateBatch(batch, 0, length)?.errorCode).toBe(kafkaErrors.CORRUPT_MESSAGE);
    }
  });

  test('never throws, whatever the records are, as long as the checksum fits', () => {
    const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });
    const records: BuilderRecord[] = [
      ...lines(2),
      { key: Buffer.from('k'), value: null, headers: [{ key: 'h', value: null }], timestampMs: 5 },
    ];
    const cursor = new RecordCursor();
    fc.assert(
      fc.property(edits, (changes) => {
        const batch = batchOf(records);
        const bodyBytes = batch.length - header.BATCH_HEADER_BYTES;
        for (const [at, byte] of changes) batch[header.BATCH_HEADER_BYTES + (at % bodyBytes)] = byte;
        header.sealCrc(batch, 0);
        const problem = validateBatch(batch, 0, batch.length);
        if (problem !== undefined) expect(problem.errorCode).toBe(kafkaErrors.INVALID_RECORD);
        // What validation lets pass, the cursor reads to the end; what it does not, raises one error at most.
        cursor.reset(batch);
        try {
          const seen = readAll(cursor);
          if (problem === undefined) expect(seen).toHaveLength(records.length);
        } catch (error) {
          expect(problem).toBeDefined();
          expect(error).toBeInstanceOf(MillraceError);
          expect((error as MillraceError).code).toBe('protocol/corrupt-batch');
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('a cursor over anything at all raises nothing but its own errors', () => {
    const bases = codecs.map((codec) => batchOf(lines(20), codec));
    const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 });
    const cursor = new RecordCursor({ maxDecompressedBytes: 100_000 });
    const lax = new RecordCursor({ maxDecompressedBytes: 100_000, checkCrcs: false });
    fc.assert(
      fc.property(fc.constantFrom(...bases), edits, fc.uint8Array({ maxLength: 100 }), (base, changes, tail) => {
        const batch = Buffer.concat([base, tail]);
        for (const [at, byte] of changes) batch[12 + (at % (batch.length - 12))] = byte;
        header.sealCrc(batch, 0);
        for (const one of [cursor, lax]) {
          one.reset(batch);
          const error = errorOf(() => walk(one));
          if (error === undefined) continue;
          expect(error).toBeInstanceOf(MillraceError);
          expect((error as MillraceError).code).toMatch(/^protocol\/(corrupt-batch|decompressed-too-large)$/);
          // It stays where the damage is.
          expect(errorOf(() => walk(one))).toMatchObject({ message: (error as MillraceError).message });
        }
      }),
      { numRuns: 1500 },
    );
  });

  test.each([
    ['an old format', 16, 1, kafkaErrors.UNSUPPORTED_FOR_MESSAGE_FORMAT],
    ['a format of the future', 16, 3, kafkaErrors.INVALID_RECORD],
    ['a codec that does not exist', 22, 5, kafkaErrors.INVALID_RECORD],
    ['no records', 60, 0, kafkaErrors.INVALID_RECORD],
    ['more records than there are', 60, 4, kafkaErrors.INVALID_RECORD],
    ['a wrong last offset delta', 26, 1, kafkaErrors.INVALID_RECORD],
  ])('%s', (_, at, byte, errorCode) => {
    const batch = batchOf(lines(3));
    batch[at] = byte;
    header.sealCrc(batch, 0);
    expect(validateBatch(batch, 0, batch.length)?.errorCode).toBe(errorCode);
  });

  test('two batches, and offset deltas that jump', () => {
    const batch = batchOf(lines(3));
    const two = Buffer.concat([batch, batch]);
    expect(validateBatch(two, 0, two.length)?.errorCode).toBe(kafkaErrors.INVALID_RECORD);
    expect(validateBatch(two, batch.length, two.length)).toBeUndefined();
    const second = batch.indexOf('line 1') - 3;
    expect(batch[second]).toBe(2);
    batch[second] = 4;
    header.sealCrc(batch, 0);
    expect(validateBatch(batch, 0, batch.length)?.message).toBe('record 1 has the offset delta 2');
  });

  test('walking stops at a cut and at a senseless length', () => {
    const batch = batchOf(lines(2));
    const three = Buffer.concat([batch, batch, batch]);
    const { length } = batch;
    expect([...walkBatches(three)]).toEqual([0, length, 2 * length]);
    expect([...walkBatches(three.subarray(0, -1))]).toEqual([0, length]);
    expect([...walkBatches(three, length, 2 * length)]).toEqual([length]);
    three.writeInt32BE(-1, length + 8);
    expect([...walkBatches(three)]).toEqual([0]);
    expect([...walkBatches(Buffer.alloc(1000))]).toEqual([]);
  });
});

describe('the cursor', () => {
  const threeBatches = (compression: Codec) =>
    Buffer.concat([0, 10, 20].map((offset) => batchOf(lines(4), compression, offset)));
  const offsets = (cursor: RecordCursor) => readAll(cursor).map(({ offset }) => offset);

  test.each(codecs)('%s: starts at an offset inside a batch, between batches, at the end', (compression) => {
    const cursor = new RecordCursor({ topic: 't', partition: 3 });
    expect([cursor.topic, cursor.partition, cursor.next()]).toEqual(['t', 3, false]);
    const expected = [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23];
    for (const from of [0, 2, 3, 4, 9, 10, 23, 24]) {
      cursor.reset(threeBatches(compression), from);
      expect(offsets(cursor)).toEqual(expected.filter((offset) => offset >= from));
      expect(cursor.next()).toBe(false);
    }
  });

  test('skips control batches and leaves a cut batch alone', () => {
    const batches = threeBatches('none');
    const at = [...walkBatches(batches)][1]!;
    batches[at + 22]! |= 0x20;
    header.sealCrc(batches, at);
    const cursor = new RecordCursor();
    cursor.reset(batches.subarray(0, -5));
    expect(offsets(cursor)).toEqual([0, 1, 2, 3]);
  });

  test('shows the append time where the broker set it', () => {
    const batch = batchOf(lines(2));
    batch[22]! |= 0x08;
    batch.writeBigInt64BE(77n, 35);
    header.sealCrc(batch, 0);
    const cursor = new RecordCursor();
    cursor.reset(batch);
    expect(readAll(cursor).map(({ timestampMs }) => timestampMs)).toEqual([77, 77]);
  });

  test('refuses a wrong checksum unless told not to look', () => {
    const batch = batchOf(lines(2));
    batch[batch.length - 2]! ^= 1;
    const strict = new RecordCursor({ topic: 't', partition: 1 });
    strict.reset(batch);
    expect(() => strict.next()).toThrowError(/checksum/);
    const lax = new RecordCursor({ checkCrcs: false });
    lax.reset(batch);
    expect(offsets(lax)).toEqual([0, 1]);
  });

  test('refuses a batch that decompresses beyond its cap', () => {
    const bomb = batchOf([{ key: null, value: Buffer.alloc(2_000_000), timestampMs: 1 }], 'zstd');
    const cursor = new RecordCursor({ maxDecompressedBytes: 1_000_000 });
    cursor.reset(bomb);
    expect(() => cursor.next()).toThrowError(/beyond 1000000 bytes/);
  });

  test('reads batches with holes, as compaction leaves them', () => {
    const batch = batchOf(lines(3), 'none', 100);
    batch[batch.indexOf('line 1') - 3] = 2 * 5;
    batch[batch.indexOf('line 2') - 3] = 2 * 9;
    batch.writeInt32BE(20, 23);
    header.sealCrc(batch, 0);
    const cursor = new RecordCursor();
    cursor.reset(batch, 105);
    expect(offsets(cursor)).toEqual([105, 109]);
  });
});
