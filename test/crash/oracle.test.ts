/** The oracle itself is tested: it must see each kind of fault it exists for. */

import { expect, test } from 'vitest';
import { lineBytes, makeLine, readLine } from './lines.ts';
import { Oracle } from './oracle.ts';

function report(written: readonly number[], lines: readonly string[]) {
  const oracle = new Oracle(written);
  for (const line of lines) oracle.add(line);
  return oracle.report();
}

const clean = { missing: 0, duplicates: 0, outOfOrder: 0, corrupt: 0 };

test('a line says who wrote it and survives nothing but itself', () => {
  const line = makeLine(7, 123);
  expect(line).toHaveLength(lineBytes - 1);
  expect(readLine(line)).toEqual({ stream: 7, sequence: 123 });
  expect(readLine(line.slice(0, -1))).toBeUndefined();
  expect(readLine(line.replace('000123', '000124'))).toBeUndefined();
});

test('everything once, in order', () => {
  expect(report([2, 1], [makeLine(0, 0), makeLine(1, 0), makeLine(0, 1)])).toMatchObject({
    ...clean,
    written: 3,
    arrived: 3,
  });
});

test('a missing line', () => expect(report([2], [makeLine(0, 1)])).toMatchObject({ ...clean, missing: 1 }));

test('a doubled line', () => {
  expect(report([2], [makeLine(0, 0), makeLine(0, 1), makeLine(0, 1)])).toMatchObject({ ...clean, duplicates: 1 });
});

test('a replayed batch is doubled, not disordered', () => {
  const batch = [makeLine(0, 0), makeLine(0, 1)];
  expect(report([3], [...batch, ...batch, makeLine(0, 2)])).toMatchObject({ ...clean, duplicates: 2 });
});

test('two lines in the wrong order', () => {
  expect(report([2], [makeLine(0, 1), makeLine(0, 0)])).toMatchObject({ ...clean, outOfOrder: 1 });
});

test('glued, cut and foreign lines', () => {
  const glued = makeLine(0, 0) + makeLine(0, 1);
  expect(report([2], [glued, makeLine(0, 0).slice(5), 'hello'])).toMatchObject({ corrupt: 3, missing: 2 });
});
