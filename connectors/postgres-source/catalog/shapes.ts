/** The shape a table's rows have now, as the stream would describe it. */

import type { ColumnShape, TableShape } from '../row.ts';
import type { CatalogTable } from './captured-tables.ts';
import { type CatalogPort, isTrue, textOf } from './port.ts';

export interface ShapeOptions {
  /** Of the publication's column list; null for all that are published. */
  readonly columns: readonly string[] | null;
  /** Stored generated columns are published (PostgreSQL 18 and newer). */
  readonly withGenerated: boolean;
}

/** undefined when the table is gone. */
export async function tableShape(
  sql: CatalogPort,
  table: Pick<CatalogTable, 'oid' | 'schema' | 'table' | 'identity'>,
  options: ShapeOptions,
): Promise<TableShape | undefined> {
  const rows = await sql.query(
    `SELECT a.attname AS name, a.atttypid AS type, a.atttypmod AS modifier, a.attgenerated AS generated,
        EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = a.attrelid
          AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
          AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END)
          OR c.relreplident = 'f' AS is_key
      FROM pg_catalog.pg_class c
      LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE c.oid = $1 ORDER BY a.attnum`,
    [table.oid],
  );
  if (rows.length === 0) return undefined;
  const columns: ColumnShape[] = [];
  for (const row of rows) {
    // A table may have no columns at all.
    if (row['name'] === null) continue;
    const name = textOf(row, 'name');
    const isGenerated = row['generated'] !== '';
    const isPublished = options.columns === null ? !isGenerated : options.columns.includes(name);
    const isStoredToo = options.columns === null && options.withGenerated && row['generated'] === 's';
    if (!isPublished && !isStoredToo) continue;
    columns.push({
      name,
      typeOid: Number(row['type']),
      typeModifier: Number(row['modifier']),
      isKey: isTrue(row, 'is_key'),
    });
  }
  const { oid, schema, table: name, identity } = table;
  return { tableOid: oid, schema, table: name, replicaIdentity: identity, columns };
}
