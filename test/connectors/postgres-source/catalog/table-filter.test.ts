/** The lists of tables and schemas decide as Debezium's do. */

import { describe, expect, test } from 'vitest';
import { type FilterSettings, tableFilter } from '../../../../connectors/postgres-source/catalog/table-filter.ts';

function filter(settings: Partial<FilterSettings>) {
  return tableFilter({
    'schema.include.list': undefined,
    'schema.exclude.list': undefined,
    'table.include.list': undefined,
    'table.exclude.list': undefined,
    ...settings,
  });
}

describe('a table is captured', () => {
  test.each<[Partial<FilterSettings>, string, string, boolean]>([
    [{}, 'public', 'orders', true],
    [{}, 'pg_catalog', 'pg_class', false],
    [{}, 'information_schema', 'sql_parts', false],
    [{}, 'pg_toast', 'x', false],
    [{ 'table.include.list': ['public.orders'] }, 'public', 'orders', true],
    [{ 'table.include.list': ['public.orders'] }, 'public', 'orders_old', false],
    [{ 'table.include.list': ['public.orders'] }, 'Public', 'ORDERS', true],
    [{ 'table.include.list': ['public\\.(a|b)', 'x\\.c.*'] }, 'x', 'c1', true],
    [{ 'table.include.list': ['public.a|x.b'] }, 'y', 'public.a', false],
    [{ 'table.include.list': ['orders'] }, 'public', 'orders', false],
    [{ 'table.exclude.list': ['public.orders'] }, 'public', 'orders', false],
    [{ 'table.exclude.list': ['public.orders'] }, 'public', 'others', true],
    [{ 'schema.include.list': ['inventory'] }, 'inventory', 'orders', true],
    [{ 'schema.include.list': ['inventory'] }, 'public', 'orders', false],
    [{ 'schema.exclude.list': ['pub.*'] }, 'public', 'orders', false],
    [{ 'schema.include.list': ['a'], 'table.include.list': ['b.t'] }, 'b', 't', false],
  ])('%j %s.%s: %s', (settings, schema, table, expected) => {
    expect(filter(settings).isCaptured(schema, table)).toBe(expected);
  });
});
