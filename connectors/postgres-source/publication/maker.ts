/** Whose a publication is: a comment on it says which connector has made it. */

import { quoteLiteral, quoteName } from '../catalog/names.ts';
import type { CatalogPort } from '../catalog/port.ts';

const mark = 'Made by Millrace for the connector ';

/** The statement that says so, for one that was just made. */
export function markStatement(publication: string, connector: string): string {
  return `COMMENT ON PUBLICATION ${quoteName(publication)} IS ${quoteLiteral(`${mark}${connector}`)}`;
}

/** The connector that has made it; null for somebody else, undefined where there is no publication of the name. */
export async function publicationMaker(sql: CatalogPort, publication: string): Promise<string | null | undefined> {
  const [row] = await sql.query(
    `SELECT pg_catalog.obj_description(oid, 'pg_publication') AS comment
      FROM pg_catalog.pg_publication WHERE pubname = $1`,
    [publication],
  );
  if (row === undefined) return undefined;
  const comment = row['comment'] ?? '';
  return comment.startsWith(mark) ? comment.slice(mark.length) : null;
}
