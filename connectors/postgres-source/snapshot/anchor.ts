/** The moment a snapshot is of: a transaction that stays open, so that every connection can read as of it. */

import type pg from 'pg';
import { endSql } from '../wire/connect.ts';
import { asPostgresError } from '../wire/server-errors.ts';
import { type Fence, onStandby, parseFence } from './fence.ts';

export interface Anchor {
  /** For `SET TRANSACTION SNAPSHOT`, as long as the anchor is not closed. */
  readonly name: string;
  /** What it has seen; null for a slot's own moment, before which the slot tells of nothing. */
  readonly fence: Fence | null;
  close(): Promise<void>;
}

/**
 * Takes over the moment a slot was made at (`slotSnapshot`), whose connection may go on then, or begins one of its own.
 * Ends the client when closed, and when it rejects.
 */
export async function openAnchor(client: pg.Client, slotSnapshot: string | undefined): Promise<Anchor> {
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    if (slotSnapshot !== undefined) {
      await client.query(`SET TRANSACTION SNAPSHOT '${slotSnapshot.replaceAll("'", "''")}'`);
    }
    // The moment is taken before the functions are asked, so that everything it saw lies before the position.
    const { rows } = await client.query<Record<string, string>>(
      `SELECT pg_catalog.pg_export_snapshot() AS name, pg_catalog.pg_current_snapshot() AS seen,
        pg_catalog.pg_wal_lsn_diff(CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
          ELSE pg_catalog.pg_current_wal_insert_lsn() END, '0/0') AS lsn,
        pg_catalog.pg_is_in_recovery() AS is_standby`,
    );
    const { name = '', seen = '', lsn = '0', is_standby: isStandby } = rows[0] ?? {};
    const fence = slotSnapshot === undefined ? parseFence(seen, BigInt(lsn)) : null;
    return {
      name,
      fence: fence !== null && isStandby === 't' ? onStandby(fence) : fence,
      close: () => endSql(client),
    };
  } catch (error) {
    await endSql(client);
    throw asPostgresError(error, 'snapshot');
  }
}
