/** The database under measurement: one server whose log is kept, with a table of marks that show how far a follower is. */

import { setTimeout as sleep } from 'node:timers/promises';
import { type PostgresServer, startPostgres } from '../../test/kits/postgres-server.ts';

export interface Database {
  readonly server: PostgresServer;
  /** All that is captured, as `schema.table`; the marks come last. */
  readonly tables: readonly string[];
}

export const publicationName = 'bench';
export const marksTable = 'public.marks';

/** The log is sent only once it is flushed, so commits must be synchronous; the kit's servers wait for no disk in that. */
const settings = {
  max_replication_slots: '100',
  max_wal_senders: '20',
  max_wal_size: '16GB',
  wal_sender_timeout: '0',
};

/** Runs `work` on a server of its own, which is gone afterwards. `create` makes the tables that are captured. */
export async function onDatabase(
  { tables, create }: { tables: readonly string[]; create(server: PostgresServer): Promise<unknown> },
  work: (database: Database) => Promise<void>,
): Promise<void> {
  const server = await startPostgres({ version: 15, settings });
  try {
    await create(server);
    await server.query(`CREATE TABLE ${marksTable} (id bigserial PRIMARY KEY)`);
    const all = [...tables, marksTable];
    await server.query(`CREATE PUBLICATION ${publicationName} FOR TABLE ${all.join(', ')}`);
    await work({ server, tables: all });
  } finally {
    await server.close();
  }
}

/** One more mark in the log. */
export async function mark({ server }: Database): Promise<void> {
  await server.query(`INSERT INTO ${marksTable} DEFAULT VALUES`);
}

export async function createSlot({ server }: Database, slotName: string): Promise<void> {
  await server.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [slotName]);
}

/** Gives the log that it keeps back, so that the next run does not read through it. Nothing happens where it is gone. */
export async function dropSlot({ server }: Database, slotName: string): Promise<void> {
  await server.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1', [
    slotName,
  ]);
}

/** Somebody reads the slot. */
export async function isSlotActive({ server }: Database, slotName: string): Promise<boolean> {
  const [slot] = await server.query('SELECT active FROM pg_replication_slots WHERE slot_name = $1', [slotName]);
  return slot?.['active'] === 't';
}

const longestWaitMs = 900_000;

/** Looks until it is so. */
export async function until(what: string, isSo: () => Promise<boolean>, lookEveryMs = 50): Promise<void> {
  const startedMs = performance.now();
  while (!(await isSo())) {
    if (performance.now() - startedMs > longestWaitMs) throw new Error(`not so within ${longestWaitMs} ms: ${what}`);
    await sleep(lookEveryMs);
  }
}
