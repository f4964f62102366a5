/** Filters, masks, hashes, limits and message keys, seen in the records they make. */

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { columnRules } from '../../../../connectors/postgres-source/columns/column-rules.ts';
import { keyRule } from '../../../../connectors/postgres-source/columns/key-columns.ts';
import { splitList } from '../../../../connectors/postgres-source/columns/patterns.ts';
import { compileTable } from '../../../../connectors/postgres-source/envelope/compile-table.ts';
import { type EnvelopeOptions, envelopeOptions } from '../../../../connectors/postgres-source/envelope/options.ts';
import { facts, KeptRecords, shape, tuple, unchanged, type Value } from '../tuples.ts';

const table = shape({ 'id*': 25, name: [1043, 24], note: 25, amount: 23 });
const known = { primaryKey: ['id'], notNull: new Set(['id']), defaults: new Map<string, string>() };

function encoded(
  given: Partial<EnvelopeOptions>,
  row: readonly Value[],
): { key: unknown; after: Record<string, unknown>; schema: string } {
  const options = envelopeOptions({
    prefix: 'p',
    version: '1',
    database: 'd',
    types: { get: () => undefined },
    keySchemas: false,
    ...given,
  });
  const target = new KeptRecords();
  compileTable(table, known, options).encode(facts({}), null, tuple(...row), target);
  const [record] = target.records;
  const value = JSON.parse(record?.value ?? '') as { payload: { after: Record<string, unknown> } };
  return {
    key: JSON.parse(record?.key ?? ''),
    after: value.payload.after,
    schema: record?.value?.split('"payload"')[0] ?? '',
  };
}

const columns = (settings: Record<string, string>) => {
  const lists = Object.entries(settings).map(([key, list]) => [key, splitList(list, ',')] as const);
  return { columns: columnRules(Object.fromEntries(lists)) };
};
const row: readonly Value[] = ['k', 'Anna', 'secret', '3'];

test('include and exclude lists: whole names, any case, commas of patterns', () => {
  const excluded = encoded(
    columns({ 'column.exclude.list': 'PUBLIC.orders.note, public\\.orders\\.a{1\\,9}mount' }),
    row,
  );
  expect(excluded.after).toEqual({ id: 'k', name: 'Anna' });
  const included = encoded(columns({ 'column.include.list': 'public.orders.(name|note)' }), row);
  expect(included.after).toEqual({ name: 'Anna', note: 'secret' });
  expect(included.key).toEqual({ id: 'k' });
  expect(encoded(columns({ 'column.exclude.list': 'orders.note' }), row).after).toHaveProperty('note');
});

test('masks stand for every value, null and unset ones too, and leave keys alone', () => {
  const rules = columns({ 'column.mask.with.5.chars': '.*' });
  const masked = encoded(rules, ['k', null, unchanged, '3']);
  expect(masked.after).toEqual({ id: '*****', name: '*****', note: '*****', amount: 3 });
  expect(masked.key).toEqual({ id: 'k' });
  expect(masked.schema).toContain('"parameters":{"masked":"true"}');
  expect(encoded(columns({ 'column.mask.with.0.chars': 'public.orders.note' }), row).after['note']).toBe('');
});

test('hashes of version 2 are salt and text, cut to the length of the column', () => {
  const hex = createHash('sha256').update('CzQMA0cB5KAnna').digest('hex');
  const rules = columns({ 'column.mask.hash.v2.SHA-256.with.salt.CzQMA0cB5K': 'public.orders.(name|note)' });
  expect(encoded(rules, row).after['name']).toBe(hex.slice(0, 20));
  expect(encoded(rules, ['k', null, 'Anna', '3']).after).toMatchObject({ name: null, note: hex });
});

test('hashes of version 1 are those of Java’s serialised strings', () => {
  const rules = columns({ 'column.mask.hash.SHA-256.with.salt.s.a.l.t': 'public.orders.note' });
  const serialised = (length: number[], text: Buffer) =>
    Buffer.concat([Buffer.from('s.a.l.t'), Buffer.from([0xac, 0xed, 0, 5, ...length]), text]);
  const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
  const note = (text: string) => encoded(rules, ['k', null, text, '3']).after['note'];
  expect(note('Anna')).toBe(hash(serialised([0x74, 0, 4], Buffer.from('Anna'))));
  const pair = Buffer.from([0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]);
  expect(note('😀')).toBe(hash(serialised([0x74, 0, 6], pair)));
  const long = 'x'.repeat(70_000);
  expect(note(long)).toBe(hash(serialised([0x7c, 0, 0, 0, 0, 0, 1, 0x11, 0x70], Buffer.from(long))));
});

test('truncating counts as UTF-16 and never cuts within a character', () => {
  const rules = columns({ 'column.truncate.to.3.chars': 'public.orders.*' });
  const truncated = (text: string) => encoded(rules, ['k', text, text, '12345']).after;
  expect(truncated('žšžš')).toMatchObject({ name: 'žšž', note: 'žšž', amount: 12_345 });
  expect(truncated('ab😀')).toMatchObject({ note: 'ab' });
  expect(truncated('a😀b')).toMatchObject({ note: 'a😀' });
  expect(truncated('abc')).toMatchObject({ note: 'abc' });
  expect(encoded(rules, row).schema).toContain('"parameters":{"truncateLength":"3"}');
  const wide = columns({ 'column.truncate.to.30.chars': 'public.orders.name' });
  expect(encoded(wide, row).schema).not.toContain('truncateLength');
});

test('message.key.columns in its own order, for tables by pattern', () => {
  const keys = keyRule('other.t:a; public.(.*):amount,id');
  expect(encoded({ keys }, row).key).toEqual({ amount: 3, id: 'k' });
  expect(Object.keys(encoded({ keys }, row).key as object)).toEqual(['amount', 'id']);
  expect(encoded({ keys: keyRule('public.orders:nowhere') }, row).key).toEqual({ id: 'k' });
});

describe('settings that cannot be understood', () => {
  test.each([
    [() => columnRules({ 'column.exclude.list': ['('] })],
    [() => columnRules({ 'column.exclude.list': ['a'], 'column.include.list': ['b'] })],
    [() => keyRule('public.orders')],
    [() => keyRule('public.orders:')],
    [() => encoded(columns({ 'column.mask.hash.v2.NO-SUCH.with.salt.s': '.*' }), row)],
  ])('%s', (act) => {
    expect(act).toThrow(expect.objectContaining({ code: 'postgres-values/bad-setting' }));
  });
});
