/** Which tables names stand for, as their changes are called: a partition by the table above it where changes come so. Pure. */

import type { CatalogTable } from '../catalog/captured-tables.ts';
import { snapshotSources } from '../snapshot/sources.ts';

export interface NamedTable {
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  /** The server's estimate, of all its partitions. */
  readonly estimatedRows: number;
}

/** Of `all` tables of the database, captured ones whose name, or that of the table above them, `isNamed`. */
export function namedTables(
  all: readonly CatalogTable[],
  isCaptured: (schema: string, table: string) => boolean,
  isNamed: (name: string) => boolean,
  viaPartitionRoot: boolean,
): NamedTable[] {
  const byOid = new Map(all.map((table) => [table.oid, table]));
  const found = new Map<number, NamedTable>();
  for (const { stored, reported } of snapshotSources(all, isCaptured, { viaPartitionRoot, order: 'disabled' })) {
    const root = byOid.get(stored.rootOid) ?? stored;
    if (![stored, reported, root].some(({ schema, table }) => isNamed(`${schema}.${table}`))) continue;
    const { oid, schema, table } = reported;
    const rows = (found.get(oid)?.estimatedRows ?? 0) + Math.max(0, stored.estimatedRows);
    found.set(oid, { oid, schema, table, estimatedRows: Math.round(rows) });
  }
  return [...found.values()];
}
