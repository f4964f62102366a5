/** Makes a slot, and takes one back from a connection that we left behind. */

import type { Clock } from '../../../core/base/clock.ts';
import type { MillraceError } from '../../../core/base/errors.ts';
import type { Logger } from '../../../core/base/logger.ts';
import { quoteName } from '../catalog/names.ts';
import type { CatalogPort } from '../catalog/port.ts';
import { postgresErrors } from '../error-codes.ts';
import { parseLsn } from '../lsn.ts';
import type { ReplicationConnection } from '../wire/replication-connection.ts';
import { isLockTimeout } from '../wire/server-errors.ts';
import { readSlot } from './slot-state.ts';

export interface NewSlot {
  /** Changes that commit behind it come through the slot; what is there before is in the snapshot. */
  readonly consistentLsn: bigint;
  /** To be imported by whoever reads the tables, as long as the connection does nothing else. */
  readonly snapshotName: string | undefined;
}

export interface SlotWish {
  readonly name: string;
  readonly serverVersion: number;
  readonly failover: boolean;
  /** Prepared transactions come when they are prepared. */
  readonly twoPhase: boolean;
  /** How long to wait for transactions that are open; a minute unless given. */
  readonly longestWaitMs?: number;
}

/**
 * Waits for the transactions that are open. Rejects with `postgres/open-transaction` when one of them does not end, and with
 * `postgres/setting` when all slots are taken or the server is too old; there is no slot then.
 */
export async function createSlot(connection: ReplicationConnection, wish: SlotWish): Promise<NewSlot> {
  const { name, serverVersion, failover, twoPhase, longestWaitMs = 60_000 } = wish;
  const isModern = serverVersion >= 150_000;
  if (twoPhase && !isModern) {
    const message = 'this server cannot tell of prepared transactions before they are committed';
    const fix = 'Take slot.two.phase out of the settings: it needs PostgreSQL 15.';
    throw postgresErrors.error('setting', { message, where: `slot ${name}`, fix });
  }
  // Without a bound, a transaction that somebody has forgotten would hold this up for ever; other timeouts do not count here.
  await connection.command(`SET lock_timeout = ${longestWaitMs}`);
  const options = [
    "SNAPSHOT 'export'",
    ...(twoPhase ? ['TWO_PHASE'] : []),
    ...(failover && serverVersion >= 170_000 ? ['FAILOVER'] : []),
  ];
  const how = isModern ? `(${options.join(', ')})` : 'EXPORT_SNAPSHOT';
  const text = `CREATE_REPLICATION_SLOT ${quoteName(name)} LOGICAL pgoutput ${how}`;
  const [row] = await connection.command(text).catch(async (error: unknown) => {
    throw isLockTimeout(error) ? await openTransaction(connection, longestWaitMs) : error;
  });
  return {
    consistentLsn: parseLsn(row?.['consistent_point'] ?? ''),
    snapshotName: row?.['snapshot_name'] ?? undefined,
  };
}

/** For a slot that was made without: nothing of it changes but that standbys may keep a copy. Nobody may be reading it. */
export async function makeFailover(connection: ReplicationConnection, name: string): Promise<void> {
  await connection.command(`ALTER_REPLICATION_SLOT ${quoteName(name)} ( FAILOVER true )`);
}

/** Names the oldest of those that are in the way. */
async function openTransaction(connection: ReplicationConnection, waitedMs: number): Promise<MillraceError> {
  const [row] = await connection.command(
    `SELECT pid, usename, application_name, extract(epoch FROM now() - xact_start)::int AS age_s
      FROM pg_catalog.pg_stat_activity WHERE backend_xid IS NOT NULL ORDER BY xact_start LIMIT 1`,
  );
  const ofWhom = (named: Readonly<Record<string, string | null>>) => {
    const application = named['application_name'] || 'no application_name';
    return `the transaction of the process ${named['pid']} (${named['usename']}, ${application}), open for ${named['age_s']} s,`;
  };
  const who = row === undefined ? 'a prepared transaction, or one that this role cannot see,' : ofWhom(row);
  const message = `the slot could not be made within ${waitedMs / 1000} s: ${who} is in the way`;
  return postgresErrors.error('open-transaction', { message });
}

export interface TakeOptions {
  readonly sql: CatalogPort;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly slotName: string;
  /** What our own connections call themselves: nobody else's is ended. */
  readonly applicationName: string;
  readonly tries: number;
  readonly delayMs: number;
}

/**
 * Waits until nobody reads the slot. A connection that an earlier process of ours left behind, which the server may take for
 * alive for long, is ended. Rejects with `postgres/slot-busy` when somebody else stays.
 */
export async function freeSlot(options: TakeOptions, signal: AbortSignal): Promise<void> {
  const { sql, clock, logger, slotName, applicationName, tries, delayMs } = options;
  for (let attempt = 1; ; attempt += 1) {
    const slot = await readSlot(sql, slotName);
    if (slot?.activePid === undefined) return;
    const { activePid, activeApplication = '?' } = slot;
    if (activeApplication === applicationName) {
      logger.info({ slot: slotName, pid: activePid }, 'a connection that was left behind reads the slot and is ended');
      await sql.query('SELECT pg_catalog.pg_terminate_backend($1)', [activePid]);
      await clock.sleep(Math.min(100 * attempt, 1000), signal);
      if (attempt < 20) continue;
    }
    if (attempt > tries) {
      const message = `the slot is read by the process ${activePid} (${activeApplication})`;
      throw postgresErrors.error('slot-busy', { message, where: `slot ${slotName}` });
    }
    await clock.sleep(delayMs, signal);
  }
}
