/** Keys and columns of many tables at once, for questions about all of them. */

import type { CatalogPort } from './port.ts';

export interface TableKeys {
  readonly columns: readonly string[];
  /** In the order of the key; empty where there is none. */
  readonly primaryKey: readonly string[];
  /** Of the index that is the replica identity. */
  readonly identityIndex: readonly string[];
}

/** By object id. Columns that an index only includes are not of its key. */
export async function tableKeys(sql: CatalogPort, oids: readonly number[]): Promise<Map<number, TableKeys>> {
  const rows = await sql.query(
    `SELECT a.attrelid AS oid, pg_catalog.json_agg(a.attname ORDER BY a.attnum) AS columns,
        ${columnsOf('i.indisprimary')} AS primary_key, ${columnsOf('i.indisreplident')} AS identity_index
      FROM pg_catalog.pg_attribute a
      WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped GROUP BY a.attrelid`,
    [oids],
  );
  const names = (json: string | null | undefined) => JSON.parse(json ?? '[]') as string[];
  return new Map(
    rows.map(({ oid, columns, primary_key: primaryKey, identity_index: identityIndex }) => [
      Number(oid),
      { columns: names(columns), primaryKey: names(primaryKey), identityIndex: names(identityIndex) },
    ]),
  );
}

function columnsOf(index: string): string {
  return `(SELECT pg_catalog.json_agg(c.attname ORDER BY k.place) FROM pg_catalog.pg_index i
    CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
    JOIN pg_catalog.pg_attribute c ON c.attrelid = i.indrelid AND c.attnum = k.attnum
    WHERE i.indrelid = a.attrelid AND ${index} AND k.place <= i.indnkeyatts)`;
}
