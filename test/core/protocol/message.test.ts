/** Field tables: version ranges, defaults, nullability, tags, and what cannot be encoded. */

import { describe, expect, test } from 'vitest';
import {
  array,
  boolean,
  bytes,
  type Encodable,
  type Fields,
  float64,
  int8,
  int16,
  int32,
  int64,
  string,
  struct,
  uuid,
  zeroUuid,
} from '../../../core/protocol/field.ts';
import { defineMessage, type Message } from '../../../core/protocol/message.ts';
import { Reader } from '../../../core/protocol/reader.ts';
import { Writer } from '../../../core/protocol/writer.ts';

const sample = defineMessage({
  name: 'Sample',
  versions: [0, 3],
  flexibleFrom: 2,
  fields: {
    name: string,
    note: string.nullable(1),
    since1: int32.from(1).or(-1),
    ignorable1: int64.from(1).or(-1).ignorable(),
    until1: boolean.to(1),
    when: struct({ day: int8, minute: int16.or(3) })
      .nullable()
      .from(1)
      .or(null)
      .ignorable(),
    tags: array({ ratio: float64, id: uuid }).tagged(1, 2).ignorable(),
    blob: bytes.tagged(0, 2).ignorable(),
    place: struct({ x: int32.or(-1), y: int32.or(-1) }).tagged(5, 3),
  },
});

function encode<F extends Fields>(message: Message<F>, value: Encodable<F>, version: number): Buffer {
  const writer = new Writer();
  message.encode(writer, value, version);
  return writer.toBuffer();
}

function throughVersion(value: Encodable<(typeof sample)['fields']>, version: number) {
  const reader = new Reader(encode(sample, value, version));
  const decoded = sample.decode(reader, version);
  expect(reader.remaining).toBe(0);
  return decoded;
}

const nothing = {
  note: '',
  since1: -1,
  ignorable1: -1,
  until1: false,
  when: null,
  tags: [],
  blob: Buffer.alloc(0),
  place: { x: -1, y: -1 },
};

describe('versions of a field', () => {
  test('what is absent decodes to its default', () => {
    expect(throughVersion({ name: 'a', note: '' }, 0)).toEqual({ ...nothing, name: 'a' });
    expect(throughVersion({ name: 'a', note: '' }, 3)).toEqual({ ...nothing, name: 'a' });
  });

  test('an ignorable value is dropped, another is refused unless it is the default', () => {
    expect(throughVersion({ name: 'a', note: '', ignorable1: 5 }, 0).ignorable1).toBe(-1);
    expect(throughVersion({ name: 'a', note: '', since1: -1 }, 0).since1).toBe(-1);
    expect(() => throughVersion({ name: 'a', note: '', since1: 5 }, 0)).toThrowError('since1 is not in this version');
    expect(() => throughVersion({ name: 'a', note: '', until1: true }, 2)).toThrowError(
      'until1 is not in this version',
    );
    expect(() => throughVersion({ name: 'a', note: '', place: { x: 1 } }, 2)).toThrowError(
      'place is not in this version',
    );
    expect(throughVersion({ name: 'a', note: '', place: { x: -1 } }, 2).place).toEqual({ x: -1, y: -1 });
  });

  test('null is refused where the version does not know it', () => {
    expect(throughVersion({ name: 'a', note: null }, 1).note).toBeNull();
    expect(() => throughVersion({ name: 'a', note: null }, 0)).toThrowError('note must not be null');
    expect(() => throughVersion({ name: undefined as unknown as string, note: null }, 1)).toThrowError(
      'name must not be',
    );
    // A length of -1 where no null is allowed.
    expect(() => sample.decode(new Reader(Buffer.from('ffff0000', 'hex')), 0)).toThrowError(
      /a string has the length -1/,
    );
    expect(() => sample.decode(new Reader(Buffer.from('0000', 'hex')), 2)).toThrowError(/a string has the length -1/);
  });

  test('a nullable struct', () => {
    const value = { name: 'a', note: null, when: { day: 2 } };
    expect(throughVersion(value, 1).when).toEqual({ day: 2, minute: 3 });
    expect(throughVersion({ ...value, when: null }, 1).when).toBeNull();
  });
});

describe('tagged fields', () => {
  const value = {
    name: 'a',
    note: null,
    tags: [
      { ratio: 0.5, id: 'AAECAwQFBgcICQoLDA0ODw' },
      { ratio: -1, id: zeroUuid },
    ],
    blob: Buffer.alloc(300, 9),
    place: { x: 7 },
  };

  test('only what differs from its default is written, in tag order', () => {
    expect(throughVersion(value, 3)).toMatchObject({ ...value, place: { x: 7, y: -1 } });
    const encoded = encode(sample, { name: '', note: null, place: { y: 1 } }, 3);
    const inline = ['01', '00', 'ffffffff', 'ffffffffffffffff', 'ff'];
    expect(encoded.toString('hex')).toBe([...inline, '01', '05', '09', 'ffffffff', '00000001', '00'].join(''));
  });

  test('unknown ones are skipped, wherever they stand', () => {
    const known = encode(sample, { name: 'a', note: null, place: { x: 1 } }, 3);
    // One known field of 9 bytes ends the message: tag 5, size 9, x, y, its own empty tag section.
    const head = known.subarray(0, -12);
    const field = known.subarray(-11);
    const unknown = Buffer.from('6404deadbeef', 'hex');
    for (const order of [
      [unknown, field, unknown],
      [unknown, unknown, field],
      [field, unknown, unknown],
    ]) {
      const reader = new Reader(Buffer.concat([head, Buffer.of(3), ...order]));
      expect(sample.decode(reader, 3).place).toEqual({ x: 1, y: -1 });
      expect(reader.remaining).toBe(0);
    }
  });

  test('a size that does not fit the field is malformed', () => {
    const known = encode(sample, { name: 'a', note: null, place: { x: 1 } }, 3);
    const short = Buffer.from(known);
    short[known.length - 10] = 8;
    expect(() => sample.decode(new Reader(short), 3)).toThrowError(/does not fill its size/);
    const long = Buffer.from(known);
    long[known.length - 10] = 10;
    expect(() => sample.decode(new Reader(long), 3)).toThrowError(/exceeds the message/);
  });
});

describe('values that do not fit', () => {
  const narrow = defineMessage({
    name: 'Narrow',
    versions: [0, 1],
    flexibleFrom: 1,
    fields: { a: int8.or(0), b: int16.or(0), c: int32.or(0), d: int64.or(0), e: string.or(''), f: uuid.from(0) },
  });

  test.each([
    [{ a: 128 }, '128 does not fit an int8'],
    [{ b: -32_769 }, '-32769 does not fit an int16'],
    [{ c: 2 ** 31 }, '2147483648 does not fit an int32'],
    [{ c: 0.5 }, '0.5 does not fit an int32'],
    [{ c: Number.NaN }, 'NaN does not fit an int32'],
    [{ d: 2 ** 53 }, '9007199254740992 does not fit an int64'],
    [{ e: 'x'.repeat(32_768) }, '32768 bytes do not fit a string'],
    [{ f: 'short' }, '"short" is not a UUID'],
    [{ f: '!'.repeat(22) }, 'is not a UUID'],
  ])('%j', (value, message) => {
    expect(() => encode(narrow, value, 0)).toThrowError(message);
  });

  test('compact strings have no such limit', () => {
    const e = 'x'.repeat(40_000);
    expect(narrow.decode(new Reader(encode(narrow, { e }, 1)), 1).e).toBe(e);
  });
});
