/** By what a table is read, and the statements for it. */

import { expect, test } from 'vitest';
import {
  chunkStatement,
  keyOrder,
  lastKeyStatement,
  tellingColumns,
} from '../../../../connectors/postgres-source/incremental/key-order.ts';
import { shape } from '../tuples.ts';

const facts = { primaryKey: ['a', 'b'], notNull: new Set(['a', 'b', 's']), unique: new Set<string>() };
const table = shape({ 'a*': 23, 'b*': 25, s: 23, n: 23 });

test('the primary key, or a surrogate with it behind', () => {
  expect(keyOrder(table, facts, null)).toEqual(['a', 'b']);
  expect(keyOrder(table, facts, 's')).toEqual(['s', 'a', 'b']);
  expect(keyOrder(table, facts, 'b')).toEqual(['b', 'a']);
  expect(keyOrder(table, facts, 'n')).toEqual({ complaint: 'the column n may be null' });
  expect(keyOrder(table, facts, 'x')).toEqual({ complaint: 'there is no column x' });
  const keyless = { ...facts, primaryKey: [] };
  expect(keyOrder(table, keyless, null)).toEqual({ complaint: expect.stringContaining('no primary key') });
  expect(keyOrder(table, keyless, 's')).toEqual({ complaint: expect.stringContaining('is not unique') });
  expect(keyOrder(table, { ...keyless, unique: new Set(['s']) }, 's')).toEqual(['s']);
  expect(keyOrder(shape({ 'a*': 23 }), facts, null)).toEqual({ complaint: expect.stringContaining('leaves out b') });
});

test('rows are told apart by what old tuples have', () => {
  expect(tellingColumns(table, ['s', 'a', 'b'])).toEqual(['a', 'b']);
  expect(tellingColumns(shape({ a: 23, 'i*': 23 }, 'index'), ['a'])).toEqual(['i']);
  expect(tellingColumns(shape({ a: 23, n: 23 }, 'full'), ['a'])).toEqual(['a']);
  expect(tellingColumns(shape({ a: 23, n: 23 }), ['a'])).toEqual(['a']);
});

test('statements go behind the last key and up to the largest', () => {
  const question = {
    from: 'ONLY "public"."t"',
    columns: ['a', 'b"c'],
    order: ['a', 'b'],
    conditions: ['n > 1 OR n < 0'],
    after: ["it's", 'back\\slash'],
    upTo: ['z', '9'],
    limit: 10,
  };
  expect(chunkStatement(question)).toBe(
    'SELECT "a", "b""c" FROM ONLY "public"."t" AS millrace WHERE (n > 1 OR n < 0)' +
      ' AND ("a", "b") > (\'it\'\'s\', E\'back\\\\slash\') AND ("a", "b") <= (\'z\', \'9\') ORDER BY "a", "b" LIMIT 10',
  );
  expect(chunkStatement({ ...question, after: null, conditions: [] })).toContain('WHERE ("a", "b") <=');
  expect(lastKeyStatement(question)).toBe(
    'SELECT "a", "b" FROM ONLY "public"."t" AS millrace WHERE (n > 1 OR n < 0) ORDER BY "a" DESC, "b" DESC LIMIT 1',
  );
});
