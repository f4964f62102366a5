/** Reader and writer agree on every primitive and refuse what does not fit. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Reader } from '../../../core/protocol/reader.ts';
import { Writer } from '../../../core/protocol/writer.ts';

describe('what is written is read', () => {
  test('integers of every size', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -128, max: 127 }),
        fc.integer({ min: -32_768, max: 32_767 }),
        fc.integer(),
        fc.nat({ max: 0xffff_ffff }),
        fc.maxSafeInteger(),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        (a, b, c, d, e, f) => {
          const writer = new Writer(1).int8(a).int16(b).int32(c).uint32(d).int64(e).int64Big(f);
          writer
            .varint(c)
            .uvarint(d)
            .boolean(true)
            .float64(e / 7);
          const buffer = writer.toBuffer();
          // Node's own methods are the witness of the fixed ones.
          expect(buffer.readInt8(0)).toBe(a);
          expect(buffer.readInt16BE(1)).toBe(b);
          expect(buffer.readInt32BE(3)).toBe(c);
          expect(buffer.readUInt32BE(7)).toBe(d);
          expect(buffer.readBigInt64BE(11)).toBe(BigInt(e));
          const r = new Reader(buffer);
          expect([r.int8(), r.int16(), r.int32(), r.uint32(), r.int64(), r.int64Big()]).toEqual([a, b, c, d, e, f]);
          expect([r.varint(), r.uvarint(), r.boolean(), r.float64()]).toEqual([c, d, true, e / 7]);
          expect(r.remaining).toBe(0);
        },
      ),
    );
  });

  test('text, bytes and null in both forms', () => {
    const text = fc.option(fc.string({ unit: 'grapheme', maxLength: 200 }), { nil: null });
    const blob = fc.option(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      { nil: null },
    );
    fc.assert(
      fc.property(text, blob, (s, b) => {
        const writer = new Writer(1)
          .nullableString(s)
          .compactNullableString(s)
          .nullableBytes(b)
          .compactNullableBytes(b);
        writer
          .string(s ?? '')
          .compactString(s ?? '')
          .records(b)
          .compactRecords(b);
        const r = new Reader(writer.toBuffer());
        expect([r.nullableString(), r.compactNullableString()]).toEqual([s, s]);
        expect([r.nullableBytes(), r.compactNullableBytes()]).toEqual([b, b]);
        expect([r.string(), r.compactString()]).toEqual([s ?? '', s ?? '']);
        expect([r.records(), r.compactRecords()]).toEqual([b, b]);
        expect(r.remaining).toBe(0);
      }),
    );
  });

  test('integers beyond 2^53 come out as the nearest number', () => {
    const buffer = new Writer().int64Big(2n ** 62n + 1n).toBuffer();
    expect(new Reader(buffer).int64()).toBe(2 ** 62);
  });
});

describe('bounds', () => {
  test('a reader stops at its end, not at that of the buffer', () => {
    const reader = new Reader(Buffer.alloc(16), 4, 8);
    expect(reader.remaining).toBe(4);
    reader.skip(2);
    expect(() => reader.int32()).toThrowError(/4 more bytes were expected/);
    expect(reader.int16()).toBe(0);
    expect(() => reader.int8()).toThrowError(/1 more bytes were expected/);
  });

  test('varints of more than 32 bits are malformed', () => {
    for (const hex of ['ffffffff1f', 'ffffffffff01', '8080808080']) {
      expect(() => new Reader(Buffer.from(hex, 'hex')).uvarint()).toThrowError(/longer than 32 bits/);
    }
    expect(new Reader(Buffer.from('ffffffff0f', 'hex')).uvarint()).toBe(0xffff_ffff);
  });

  test('bytes are copies, records are slices', () => {
    const buffer = new Writer().bytes(Buffer.from('abc')).records(Buffer.from('def')).toBuffer();
    const reader = new Reader(buffer);
    const copy = reader.bytes();
    const slice = reader.records()!;
    buffer.fill(0);
    expect(copy.toString()).toBe('abc');
    expect(slice).toEqual(Buffer.alloc(3));
  });
});

test('a tagged field is whole wherever it meets the end of the buffer', () => {
  for (let initialBytes = 1; initialBytes < 700; initialBytes += 1) {
    for (const contentBytes of [0, 2, 126, 200]) {
      const writer = new Writer(initialBytes).raw(Buffer.alloc(500, 1));
      const mark = writer.beginTag(3);
      writer.raw(Buffer.alloc(contentBytes, 2));
      writer.endTag(mark);
      const reader = new Reader(writer.int8(9).toBuffer(), 500);
      expect([reader.uvarint(), reader.uvarint()]).toEqual([3, contentBytes]);
      for (let i = 0; i < contentBytes; i += 1) if (reader.int8() !== 2) expect.fail(`byte ${i} of ${contentBytes}`);
      expect([reader.int8(), reader.remaining]).toEqual([9, 0]);
    }
  }
});
