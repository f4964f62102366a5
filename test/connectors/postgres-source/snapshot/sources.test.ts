/** Which tables are read for a snapshot, in which order, and by which statements. */

import { describe, expect, test } from 'vitest';
import type { CatalogTable } from '../../../../connectors/postgres-source/catalog/captured-tables.ts';
import { hasUnread } from '../../../../connectors/postgres-source/snapshot/snapshot-store.ts';
import {
  chunkStatement,
  snapshotSources,
  statementOverrides,
} from '../../../../connectors/postgres-source/snapshot/sources.ts';

function table(oid: number, name: string, more: Partial<CatalogTable> = {}): CatalogTable {
  return {
    oid,
    schema: 'public',
    table: name,
    isPartitioned: false,
    isPartition: false,
    rootOid: oid,
    identity: 'default',
    identityIndex: null,
    hasPrimaryKey: true,
    estimatedRows: 0,
    hidesRows: false,
    canSelect: true,
    isOwned: true,
    ...more,
  };
}

const all = [
  table(1, 'a', { estimatedRows: 10 }),
  table(2, 'b', { estimatedRows: -1 }),
  table(3, 'root', { isPartitioned: true }),
  table(4, 'leaf_1', { isPartition: true, rootOid: 3, estimatedRows: 50 }),
  table(5, 'leaf_2', { isPartition: true, rootOid: 3 }),
];

describe('tables are read', () => {
  const read = (
    names: readonly string[],
    viaPartitionRoot: boolean,
    order: 'disabled' | 'ascending' | 'descending' = 'disabled',
  ) =>
    snapshotSources(all, (_, name) => names.includes(name), { viaPartitionRoot, order }).map(
      ({ stored, reported }) => `${stored.table} as ${reported.table}`,
    );

  test('under the names their changes have', () => {
    expect(read(['a', 'root', 'leaf_1'], false)).toEqual(['a as a', 'leaf_1 as leaf_1']);
    expect(read(['a', 'root', 'leaf_1'], true)).toEqual(['a as a', 'leaf_1 as root', 'leaf_2 as root']);
    expect(read(['leaf_2'], true)).toEqual(['leaf_2 as leaf_2']);
  });

  test('in the order of their size', () => {
    const names = ['a', 'b', 'leaf_1'];
    expect(read(names, false, 'ascending')).toEqual(['b as b', 'a as a', 'leaf_1 as leaf_1']);
    expect(read(names, false, 'descending')).toEqual(['leaf_1 as leaf_1', 'a as a', 'b as b']);
  });
});

describe('a table that was not read with the others', () => {
  const read = (names: readonly string[]) => ({
    isOpen: false,
    tables: new Map(names.map((name) => [`public.${name}`, { done: true }])),
  });
  const sources = (names: readonly string[]) =>
    snapshotSources(all, (_, name) => names.includes(name), { viaPartitionRoot: false, order: 'disabled' });

  test.each<[string[], string[], boolean]>([
    [[], ['a', 'b'], false],
    [['a'], ['a'], false],
    [['a'], ['a', 'b'], true],
    [['a', 'leaf_1'], ['a', 'leaf_1', 'leaf_2'], false],
    [['a'], ['a', 'leaf_1'], true],
    [['a', 'b'], ['a'], false],
  ])('read %j, captured %j: %s', (known, captured, expected) => {
    expect(hasUnread(read(known), sources(captured))).toBe(expected);
  });
});

describe('statements', () => {
  const source = { stored: table(1, 'it"s'), reported: table(1, 'it"s') };
  const column = { typeOid: 23, typeModifier: -1, isKey: false };
  const columns = [
    { name: 'id', ...column },
    { name: 'b"', ...column },
  ];
  const shape = { tableOid: 1, schema: 'public', table: 'it"s', replicaIdentity: 'default', columns } as const;
  const reading = { source, shape, rowFilter: null, override: undefined };

  test('read ranges of blocks, with the row filter of the publication', () => {
    expect(chunkStatement(reading, { index: 0, fromBlock: 0, toBlock: null })).toBe(
      'SELECT "id", "b""" FROM ONLY "public"."it""s"',
    );
    expect(chunkStatement({ ...reading, rowFilter: 'id > 3' }, { index: 1, fromBlock: 8, toBlock: 16 })).toBe(
      `SELECT "id", "b""" FROM ONLY "public"."it""s" WHERE ctid >= '(8,0)'::tid AND ctid < '(16,0)'::tid AND (id > 3)`,
    );
  });

  test('of the user take the place of the table', () => {
    const override = 'SELECT * FROM t WHERE x ORDER BY 1 ;\n';
    expect(chunkStatement({ ...reading, override }, { index: 0, fromBlock: 0, toBlock: null })).toBe(
      'SELECT "id", "b""" FROM (SELECT * FROM t WHERE x ORDER BY 1) AS millrace',
    );
    const prefix = 'snapshot.select.statement.overrides.';
    const given = { [`${prefix}public.a`]: 'SELECT 1', [`${prefix}public.b c`]: 'SELECT 2' };
    expect([...statementOverrides([], given).keys()]).toEqual(['public.a', 'public.b c']);
    expect([...statementOverrides(['"public"."b c"'], given)]).toEqual([['public.b c', 'SELECT 2']]);
  });
});
