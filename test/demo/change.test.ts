/** What the demo makes of a record, and the line it prints for it. */

import { expect, test } from 'vitest';
import { type Change, changeOf } from '../../demo/change.ts';
import { changeLine, latencyMs, lineHeader } from '../../demo/change-line.ts';
import { paintWith } from '../../demo/paint.ts';

const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));
const facts = { op: 'u', before: { id: 3, price: '19.90' }, after: { id: 3, price: '17.90' } };
const change: Change = {
  operation: 'update',
  table: 'products',
  keys: ['id'],
  before: facts.before,
  after: facts.after,
  committedMs: 1_000_000.25,
};

test('the lean format and Debezium’s envelope, with schemas and without, are the same change', () => {
  const lean = { ...facts, schema: 'public', table: 'products', ts_us: 1_000_000_250 };
  expect(changeOf({ key: bytes({ id: 3 }), value: bytes(lean) })).toEqual(change);
  const payload = { ...facts, ts_us: 1_000_000_900, source: { table: 'products', ts_us: 1_000_000_250 } };
  expect(changeOf({ key: bytes({ id: 3 }), value: bytes(payload) })).toEqual(change);
  const key = bytes({ schema: {}, payload: { id: 3 } });
  expect(changeOf({ key, value: bytes({ schema: {}, payload }) })).toEqual(change);
});

test('tombstones, messages and what is no change are passed over', () => {
  const values = [null, Buffer.from('text'), bytes([1]), bytes({ op: 'm', table: 'x' }), bytes({ op: 'c' })];
  for (const value of values) expect(changeOf({ key: null, value })).toBeUndefined();
});

const options = { paint: paintWith(false), width: 100, receivedMs: new Date(2026, 0, 2, 3, 4, 5, 67).getTime() };
const committedMs = options.receivedMs - 2.34;
const lineOf = (more: Partial<Change>, width = 100) =>
  changeLine({ ...change, committedMs, ...more }, { ...options, width });

test('an update is shown as what is different', () => {
  expect(lineOf({})).toBe('03:04:05.067     2.3 ms  update    products     id 3   price 19.90 → 17.90');
  expect(lineOf({ before: null })).toContain('id 3   price 17.90');
});

test('other changes are shown as the row, its key first', () => {
  const row = { note: ' a ', id: 1, line: 2, at: null };
  const table = 'order_lines';
  expect(lineOf({ operation: 'delete', table, keys: ['id', 'line'], before: row, after: null })).toBe(
    '03:04:05.067     2.3 ms  delete    order_lines  id 1, line 2   note " a ", at null',
  );
  expect(lineOf({ operation: 'snapshot', before: null, after: { id: 1 } })).toBe(
    '03:04:05.067             snapshot  products     id 1',
  );
  expect(lineOf({ operation: 'truncate', keys: [], before: null, after: null })).toMatch(/truncate {2}products\s*$/);
});

test('a line fits the terminal, and control characters do not reach it', () => {
  const after = { id: 1, text: 'x'.repeat(500), escape: '\u001b[2J' };
  const long = lineOf({ operation: 'insert', before: null, after }, 80);
  expect(long.length).toBe(80);
  expect(long.endsWith('…')).toBe(true);
  expect(lineOf({ operation: 'insert', before: null, after: { id: 1, escape: '\u001b[2J' } })).toContain(
    '"\\u001b[2J"',
  );
});

test('the header stands above its columns', () => {
  const header = lineHeader(paintWith(false));
  const line = lineOf({});
  for (const [title, text] of [
    ['change', 'update'],
    ['table', 'products'],
    ['row', 'id 3'],
  ] as const) {
    expect(header.indexOf(title)).toBe(line.indexOf(text));
  }
});

test('latency is from the commit, never negative, and not told for a snapshot', () => {
  expect(latencyMs({ ...change, committedMs: 5 }, 7.5)).toBe(2.5);
  expect(latencyMs({ ...change, committedMs: 9 }, 7)).toBe(0);
  expect(latencyMs({ ...change, operation: 'snapshot' }, 7)).toBeUndefined();
  expect(latencyMs({ ...change, committedMs: undefined }, 7)).toBeUndefined();
});

test('colours are for terminals', () => {
  expect(paintWith(true)('insert', 'x')).toBe('\u001b[32mx\u001b[0m');
  expect(paintWith(false)('insert', 'x')).toBe('x');
});
