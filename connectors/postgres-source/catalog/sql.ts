/** The catalog's questions over a connection of the driver. */

import type pg from 'pg';
import { asPostgresError } from '../wire/server-errors.ts';
import type { CatalogPort, CatalogRow } from './port.ts';

/** Rejects with one of the codes of `postgres/…`. */
export function sqlOver(client: pg.Client, where: string): CatalogPort {
  return {
    async query(text, values = []) {
      try {
        return (await client.query<CatalogRow>(text, [...values])).rows;
      } catch (error) {
        throw asPostgresError(error, where);
      }
    },
  };
}
