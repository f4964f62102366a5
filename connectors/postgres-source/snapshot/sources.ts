/** What is read for a snapshot: each table with rows of its own, under the name its changes have, and by which statement. Pure. */

import type { CatalogTable } from '../catalog/captured-tables.ts';
import { quoteName, quoteTable } from '../catalog/names.ts';
import type { TableShape } from '../row.ts';
import type { Chunk } from './chunks.ts';

/** Rows that are read together. */
export interface SnapshotSource {
  /** Where they lie; a partition where `reported` is the partitioned table above it. */
  readonly stored: CatalogTable;
  /** Under which name, and with whose columns. */
  readonly reported: CatalogTable;
}

type Order = 'disabled' | 'ascending' | 'descending';

/**
 * `all` tables of the database; those that are `wanted` by name. A partitioned table that is wanted is read by its
 * partitions: under its name where changes come so, else under theirs where they are wanted too.
 */
export function snapshotSources(
  all: readonly CatalogTable[],
  isWanted: (schema: string, table: string) => boolean,
  { viaPartitionRoot, order }: { readonly viaPartitionRoot: boolean; readonly order: Order },
): SnapshotSource[] {
  const byOid = new Map(all.map((table) => [table.oid, table]));
  const sources = all.flatMap((stored) => {
    if (stored.isPartitioned) return [];
    const root = viaPartitionRoot ? byOid.get(stored.rootOid) : undefined;
    const reported = root !== undefined && isWanted(root.schema, root.table) ? root : stored;
    return isWanted(reported.schema, reported.table) ? [{ stored, reported }] : [];
  });
  const sign = { disabled: 0, ascending: 1, descending: -1 }[order];
  return sources.sort((a, b) => sign * (a.stored.estimatedRows - b.stored.estimatedRows));
}

interface Reading {
  readonly source: SnapshotSource;
  readonly shape: TableShape;
  /** Of the publication: rows it does not send are not read. */
  readonly rowFilter: string | null;
  /** A statement of the user's in place of the table. */
  readonly override: string | undefined;
}

/** The statement for one part, with the columns of the shape in their order. */
export function chunkStatement({ source, shape, rowFilter, override }: Reading, chunk: Chunk): string {
  const columns = shape.columns.map(({ name }) => quoteName(name)).join(', ');
  if (override !== undefined) return `SELECT ${columns} FROM (${override.replace(/[;\s]+$/, '')}) AS millrace`;
  const conditions: string[] = [];
  if (chunk.toBlock !== null) {
    conditions.push(`ctid >= '(${chunk.fromBlock},0)'::tid`, `ctid < '(${chunk.toBlock},0)'::tid`);
  }
  if (rowFilter !== null) conditions.push(`(${rowFilter})`);
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
  return `SELECT ${columns} FROM ONLY ${quoteTable(source.stored)}${where}`;
}

/** The user's statements by `schema.table`: those that the list names, or all when it names none. */
export function statementOverrides(
  listed: readonly string[],
  statements: Readonly<Record<string, string>>,
): ReadonlyMap<string, string> {
  const prefix = 'snapshot.select.statement.overrides.';
  const plain = (name: string) => name.trim().replaceAll('"', '');
  const names = new Set(listed.map(plain));
  const all = Object.entries(statements).map(([key, text]) => [plain(key.slice(prefix.length)), text] as const);
  return new Map(all.filter(([name]) => names.size === 0 || names.has(name)));
}
