/** Reads a publication from the catalog. */

import type { PublicationState } from '../publication/plan.ts';
import { type CatalogPort, isTrue, textOf } from './port.ts';

export interface Publication extends PublicationState {
  readonly viaPartitionRoot: boolean;
  /** The role may change it. */
  readonly isOwned: boolean;
}

const operations = ['insert', 'update', 'delete', 'truncate'] as const;

/** `serverVersion` as the server counts, such as 150018. null when there is none of the name. */
export async function publication(sql: CatalogPort, name: string, serverVersion: number): Promise<Publication | null> {
  const [row] = await sql.query(
    `SELECT puballtables AS is_all, pubinsert AS insert, pubupdate AS update, pubdelete AS delete,
        pubtruncate AS truncate, pubviaroot AS via_root, pg_catalog.pg_has_role(pubowner, 'USAGE') AS is_owned
      FROM pg_catalog.pg_publication WHERE pubname = $1`,
    [name],
  );
  if (row === undefined) return null;
  const tables = await sql.query(
    `SELECT n.nspname AS schema, c.relname AS name
      FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
      JOIN pg_catalog.pg_class c ON c.oid = r.prrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE p.pubname = $1 ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"`,
    [name],
  );
  return {
    isForAllTables: isTrue(row, 'is_all'),
    tables: tables.map((each) => ({ schema: textOf(each, 'schema'), table: textOf(each, 'name') })),
    schemas: serverVersion >= 150_000 ? await schemasOf(sql, name) : [],
    operations: new Set(operations.filter((each) => isTrue(row, each))),
    viaPartitionRoot: isTrue(row, 'via_root'),
    isOwned: isTrue(row, 'is_owned'),
  };
}

async function schemasOf(sql: CatalogPort, name: string): Promise<string[]> {
  const rows = await sql.query(
    `SELECT n.nspname AS schema
      FROM pg_catalog.pg_publication_namespace s JOIN pg_catalog.pg_publication p ON p.oid = s.pnpubid
      JOIN pg_catalog.pg_namespace n ON n.oid = s.pnnspid
      WHERE p.pubname = $1 ORDER BY n.nspname COLLATE "C"`,
    [name],
  );
  return rows.map((row) => textOf(row, 'schema'));
}

/** What of a table a publication sends. */
export interface PublishedPart {
  /** In the order of the table; null for all. */
  readonly columns: readonly string[] | null;
  /** An SQL condition; null for all rows. */
  readonly rowFilter: string | null;
}

/** By `schema.table`: the tables that have a column list or a row filter, so that a snapshot reads the same part. */
export async function publishedParts(
  sql: CatalogPort,
  name: string,
  serverVersion: number,
): Promise<Map<string, PublishedPart>> {
  const parts = new Map<string, PublishedPart>();
  // Neither is there before.
  if (serverVersion < 150_000) return parts;
  const rows = await sql.query(
    `SELECT n.nspname || '.' || c.relname AS name, pg_catalog.pg_get_expr(r.prqual, r.prrelid) AS filter,
        CASE WHEN r.prattrs IS NULL THEN NULL ELSE (SELECT json_agg(a.attname ORDER BY a.attnum)
          FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (r.prattrs::int2[])) END AS columns
      FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
      JOIN pg_catalog.pg_class c ON c.oid = r.prrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE p.pubname = $1 AND (r.prattrs IS NOT NULL OR r.prqual IS NOT NULL)`,
    [name],
  );
  for (const row of rows) {
    const columns = row['columns'] === null ? null : (JSON.parse(textOf(row, 'columns')) as string[]);
    parts.set(textOf(row, 'name'), { columns, rowFilter: row['filter'] ?? null });
  }
  return parts;
}

/** Whether stored generated columns are sent (PostgreSQL 18 and newer). */
export async function publishesGenerated(sql: CatalogPort, name: string, serverVersion: number): Promise<boolean> {
  if (serverVersion < 180_000) return false;
  const [row] = await sql.query('SELECT pubgencols AS kind FROM pg_catalog.pg_publication WHERE pubname = $1', [name]);
  return row?.['kind'] === 's';
}
