/** What the catalog knows of a table beyond the shape of its rows. The table may be another by now, or gone: then less is known. */

import type { TableFacts } from '../envelope/change.ts';
import type { CatalogPort } from './port.ts';

export async function tableFacts(sql: CatalogPort, tableOid: number): Promise<TableFacts> {
  const columns = await sql.query(
    `SELECT a.attname AS name, a.attnotnull AS required, pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS value
      FROM pg_catalog.pg_attribute a
      LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.attgenerated = ''
      WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped`,
    [tableOid],
  );
  const key = await sql.query(
    `SELECT a.attname AS name FROM pg_catalog.pg_index i
      CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
      JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
      WHERE i.indrelid = $1 AND i.indisprimary AND k.place <= i.indnkeyatts ORDER BY k.place`,
    [tableOid],
  );
  return {
    primaryKey: key.map(({ name }) => name ?? ''),
    notNull: new Set(columns.filter(({ required }) => required === 't').map(({ name }) => name ?? '')),
    defaults: new Map(
      columns.flatMap(({ name, value }) =>
        name === null || name === undefined || !value ? [] : [[name, value] as const],
      ),
    ),
  };
}
