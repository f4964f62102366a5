/** How a table is read in chunks: its columns, its order and what the publication sends of it, as the catalog has them now. */

import { quoteTable } from '../catalog/names.ts';
import { type CatalogPort, textOf } from '../catalog/port.ts';
import { publishedParts, publishesGenerated } from '../catalog/publications.ts';
import { tableShape } from '../catalog/shapes.ts';
import { tableFacts } from '../catalog/table-facts.ts';
import { replicaIdentities, type TableShape } from '../row.ts';
import { keyOrder, tellingColumns } from './key-order.ts';
import type { TableRequest } from './requested-reads.ts';

export interface ReadPlan {
  readonly shape: TableShape;
  /** Names of the columns by which it is read. */
  readonly order: readonly string[];
  /** Where they are in the shape. */
  readonly orderPositions: readonly number[];
  /** Names of the columns by which the stream's changes are found among the rows. */
  readonly tellingColumns: readonly string[];
  /** `ONLY` the table, or a statement in brackets. */
  readonly from: string;
  /** What is locked against changes of its structure for as long as a chunk is read. */
  readonly lock: string;
  readonly conditions: readonly string[];
  /** The same as long as nobody has changed the table, its key or the publication. */
  readonly fingerprint: string;
}

export interface PlanSurroundings {
  readonly publication: string;
  readonly serverVersion: number;
}

/** The plan, or why there is none. Rejects with `postgres/…`. */
export async function readPlan(
  sql: CatalogPort,
  request: TableRequest,
  { publication, serverVersion }: PlanSurroundings,
): Promise<ReadPlan | { readonly complaint: string }> {
  const fingerprint = await fingerprintOf(sql, request, publication);
  const [row] = await sql.query(
    `SELECT c.oid, c.relreplident AS identity, c.relkind AS kind
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')`,
    [request.schema, request.table],
  );
  if (row === undefined || fingerprint === undefined) return { complaint: 'there is no such table' };
  const name = `${request.schema}.${request.table}`;
  const part = (await publishedParts(sql, publication, serverVersion)).get(name);
  const oid = Number(row['oid']);
  const identity = replicaIdentities[textOf(row, 'identity')] ?? 'default';
  const withGenerated = await publishesGenerated(sql, publication, serverVersion);
  const table = { oid, schema: request.schema, table: request.table, identity };
  const shape = await tableShape(sql, table, { columns: part?.columns ?? null, withGenerated });
  if (shape === undefined) return { complaint: 'there is no such table' };
  const { primaryKey, notNull } = await tableFacts(sql, oid);
  const unique = await uniqueColumns(sql, oid);
  const order = keyOrder(shape, { primaryKey, notNull, unique }, request.surrogateKey);
  if ('complaint' in order) return order;
  const lock = row['kind'] === 'p' ? quoteTable(request) : `ONLY ${quoteTable(request)}`;
  const { condition, conditionIsStatement } = request;
  const isOwn = condition !== null && conditionIsStatement;
  const rowFilter = part?.rowFilter ?? null;
  return {
    shape,
    order,
    orderPositions: order.map((column) => shape.columns.findIndex((each) => each.name === column)),
    tellingColumns: tellingColumns(shape, order),
    from: isOwn ? `(${condition.replace(/[;\s]+$/, '')})` : lock,
    lock,
    conditions: [rowFilter, isOwn ? null : condition].filter((each) => each !== null),
    fingerprint,
  };
}

/** Undefined where the table is gone. */
async function fingerprintOf(
  sql: CatalogPort,
  { schema, table }: { readonly schema: string; readonly table: string },
  publication: string,
): Promise<string | undefined> {
  const [row] = await sql.query(`SELECT ${fingerprintColumn}`, [schema, table, publication]);
  return row?.['fingerprint'] ?? undefined;
}

/** For `$1` schema, `$2` table, `$3` publication: the versions of everything in the catalog that a plan stands on. */
export const fingerprintColumn = `(SELECT concat_ws(' ', c.oid, c.xmin,
      (SELECT string_agg(a.xmin::text, ',' ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0),
      (SELECT string_agg(i.indexrelid || ':' || i.xmin, ',' ORDER BY i.indexrelid) FROM pg_catalog.pg_index i
        WHERE i.indrelid = c.oid),
      (SELECT p.xmin || ':' || coalesce(string_agg(r.xmin::text, ','), '') FROM pg_catalog.pg_publication p
        LEFT JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid AND r.prrelid = c.oid
        WHERE p.pubname = $3 GROUP BY p.xmin))
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname = $2) AS fingerprint`;

async function uniqueColumns(sql: CatalogPort, oid: number): Promise<Set<string>> {
  const rows = await sql.query(
    `SELECT a.attname AS name FROM pg_catalog.pg_index i
      JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
      WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = 1`,
    [oid],
  );
  return new Set(rows.map((row) => textOf(row, 'name')));
}

export function columnsOf({ shape }: ReadPlan): readonly string[] {
  return shape.columns.map(({ name }) => name);
}
