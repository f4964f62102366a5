/** Whatever values rows have and wherever their bytes are divided, they come out as they went in. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Tuple, valueKinds } from '../../../../connectors/postgres-source/row.ts';
import { CopyRows } from '../../../../connectors/postgres-source/snapshot/copy-rows.ts';

type Value = string | null;

const escaped: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

/** As COPY TO writes them. */
function copyText(rows: readonly (readonly Value[])[]): Buffer {
  const field = (value: Value) =>
    value === null ? '\\N' : value.replaceAll(/[\\\b\f\n\r\t\v]/g, (char) => escaped[char] ?? '');
  return Buffer.from(rows.map((row) => `${row.map(field).join('\t')}\n`).join(''));
}

function valuesOf(tuple: Tuple): Value[] {
  return Array.from({ length: tuple.columnCount }, (_, i) => {
    if (tuple.kinds[i] === valueKinds.null) return null;
    return tuple.bytes.toString('utf8', tuple.starts[i], tuple.ends[i]);
  });
}

function read(columnCount: number, pieces: readonly Buffer[]): Value[][] {
  const reader = new CopyRows(columnCount);
  const rows: Value[][] = [];
  for (const piece of pieces) {
    // Among other bytes, as in a message.
    const bytes = Buffer.concat([Buffer.from('a\tb\n'), piece, Buffer.from('\\N\n')]);
    reader.feed(bytes, 4, 4 + piece.length);
    for (let tuple = reader.next(); tuple !== null; tuple = reader.next()) rows.push(valuesOf(tuple));
  }
  expect(reader.isInRow).toBe(false);
  return rows;
}

const value = fc.oneof(
  { weight: 1, arbitrary: fc.constant(null) },
  { weight: 2, arbitrary: fc.constantFrom('', 'N', '\\N', '\\', '\\\\N', 'x\\', '\t', 'a\nb', '\\.') },
  { weight: 3, arbitrary: fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '')) },
  {
    weight: 3,
    arbitrary: fc.string({ unit: fc.constantFrom('a', 'N', '\\', '\n', '\t', '\b', '\v', '\f', '\r', 'ü', '😀') }),
  },
);

describe('rows', () => {
  test('of any values, divided anywhere', () => {
    const table = fc.integer({ min: 1, max: 6 }).chain((width) =>
      fc.record({
        width: fc.constant(width),
        rows: fc.array(fc.array(value, { minLength: width, maxLength: width }), { maxLength: 8 }),
        cuts: fc.array(fc.nat(200), { maxLength: 10 }),
      }),
    );
    fc.assert(
      fc.property(table, ({ width, rows, cuts }) => {
        const bytes = copyText(rows);
        const places = [0, ...cuts.filter((cut) => cut <= bytes.length).sort((a, b) => a - b), bytes.length];
        const pieces = places.slice(1).map((to, i) => bytes.subarray(places[i], to));
        expect(read(width, pieces)).toEqual(rows);
      }),
      { numRuns: 500 },
    );
  });

  test('of a table without columns', () => {
    expect(read(0, [Buffer.from('\n\n'), Buffer.from('\n')])).toEqual([[], [], []]);
  });

  test('are not copied when nothing is escaped', () => {
    const bytes = Buffer.from('1\t\\N\tthree\n');
    const reader = new CopyRows(3);
    reader.feed(bytes, 0, bytes.length);
    const tuple = reader.next();
    expect(tuple?.bytes).toBe(bytes);
    expect(tuple && valuesOf(tuple)).toEqual(['1', null, 'three']);
  });

  test.each(['1\n', '1\t2\t3\n', '1\\\\\t2\t3\n', '\n'])('of another width are refused: %j', (text) => {
    const reader = new CopyRows(2);
    reader.feed(Buffer.from(text), 0, text.length);
    expect(() => reader.next()).toThrow(/where the table has 2 columns/);
  });
});
