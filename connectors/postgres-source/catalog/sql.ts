/** The catalog's questions over a connection of the driver. */

import type pg from 'pg';
import { asPostgresError } from '../wire/server-errors.ts';
import type { CatalogPort, CatalogRow } from './port.ts';

/** Rejects with one of the codes of `postgres/…`. Questions may overlap: each is asked when those before it are answered. */
export function sqlOver(client: pg.Client, where: string): CatalogPort {
  let last: Promise<unknown> = Promise.resolve();
  const ask = async (text: string, values: readonly unknown[]): Promise<readonly CatalogRow[]> => {
    try {
      return (await client.query<CatalogRow>(text, [...values])).rows;
    } catch (error) {
      throw asPostgresError(error, where);
    }
  };
  return {
    query(text, values = []) {
      const answer = last.then(() => ask(text, values));
      last = answer.catch(() => {});
      return answer;
    },
  };
}
