/** The replication slot as the server tells of it, and what that means for a position that was stored. Pure but for the query. */

import type { MillraceError } from '../../../core/base/errors.ts';
import type { CatalogPort } from '../catalog/port.ts';
import { postgresErrors } from '../error-codes.ts';
import { parseLsn } from '../lsn.ts';
import type { ServerIdentity, StoredPosition } from '../position.ts';

export interface SlotState {
  readonly name: string;
  readonly plugin: string;
  readonly database: string;
  /** Prepared transactions come when they are prepared. */
  readonly isTwoPhase: boolean;
  /** The process that reads it now. */
  readonly activePid: number | undefined;
  /** How that process's connection calls itself. */
  readonly activeApplication: string | undefined;
  /** Everything before it may be gone; undefined for a slot that was never read far enough. */
  readonly confirmedLsn: bigint | undefined;
  /** `reserved`, `extended`, `unreserved`, `lost`; undefined before version 13. */
  readonly walStatus: string | undefined;
  /** What the log may still grow by before the slot is lost, in bytes; undefined without a limit. */
  readonly safeWalBytes: bigint | undefined;
  /** What the slot keeps the server from removing, in bytes. */
  readonly retainedBytes: bigint | undefined;
  /** Standbys may keep a copy of it (PostgreSQL 17 and newer). */
  readonly isFailover: boolean;
  /** It came from the primary of this server (PostgreSQL 17 and newer); also after a promotion. */
  readonly isSynced: boolean;
  /** Why the server gave it up, such as `wal_removed` or `idle_timeout`; undefined before version 17, which do not say. */
  readonly lostReason: string | undefined;
  /** The server's settings that make it give slots up, as it prints them. */
  readonly limits: { readonly keepSize: string; readonly idleTimeout: string };
}

/** Undefined when there is no such slot. */
export async function readSlot(sql: CatalogPort, name: string): Promise<SlotState | undefined> {
  const [row] = await sql.query(
    `SELECT s.slot_name, s.plugin, s.database, s.active_pid, s.confirmed_flush_lsn, s.wal_status, s.safe_wal_size,
        pg_catalog.to_jsonb(s) ->> 'two_phase' AS two_phase,
        pg_catalog.pg_wal_lsn_diff(
          CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
            ELSE pg_catalog.pg_current_wal_lsn() END, s.restart_lsn)::bigint AS retained,
        pg_catalog.to_jsonb(s) ->> 'invalidation_reason' AS reason, pg_catalog.to_jsonb(s) ->> 'synced' AS synced, pg_catalog.to_jsonb(s) ->> 'failover' AS failover, current_setting('max_slot_wal_keep_size') AS keep_size,
        current_setting('idle_replication_slot_timeout', true) AS idle_timeout,
        (SELECT a.application_name FROM pg_catalog.pg_stat_activity a WHERE a.pid = s.active_pid) AS application
      FROM pg_catalog.pg_replication_slots s WHERE s.slot_name = $1`,
    [name],
  );
  if (row === undefined) return undefined;
  const big = (value: string | null | undefined) => (value === null || value === undefined ? undefined : BigInt(value));
  const { confirmed_flush_lsn: confirmed, active_pid: pid } = row;
  return {
    name,
    plugin: row['plugin'] ?? '',
    database: row['database'] ?? '',
    // Null before version 14, which has no such slots.
    isTwoPhase: row['two_phase'] === 'true',
    activePid: pid === null || pid === undefined ? undefined : Number(pid),
    activeApplication: row['application'] ?? undefined,
    confirmedLsn: confirmed === null || confirmed === undefined ? undefined : parseLsn(confirmed),
    walStatus: row['wal_status'] ?? undefined,
    safeWalBytes: big(row['safe_wal_size']),
    retainedBytes: big(row['retained']),
    isFailover: row['failover'] === 'true',
    isSynced: row['synced'] === 'true',
    lostReason: row['reason'] ?? undefined,
    limits: { keepSize: row['keep_size'] ?? '', idleTimeout: row['idle_timeout'] ?? '' },
  };
}

/** `offset.mismatch.strategy` */
export type MismatchStrategy = 'no_validation' | 'trust_offset' | 'trust_slot' | 'trust_greater_lsn';

/**
 * What stands against going on from a stored position, or undefined. The server itself would go on at the slot's own
 * position without a word, so that a slot that was moved or made anew looks like success: only this comparison tells.
 */
export function slotComplaint(
  stored: StoredPosition,
  slot: SlotState | undefined,
  server: ServerIdentity,
  strategy: MismatchStrategy,
): MillraceError | undefined {
  const where = `slot ${server.slot}`;
  const { identity, position } = stored;
  if (identity !== undefined && identity.systemId !== server.systemId) {
    const message = `the stored position is of the system ${identity.systemId}, and this is ${server.systemId}`;
    return postgresErrors.error('other-server', { message, where });
  }
  if (slot === undefined) {
    return postgresErrors.error('slot-lost', { message: 'the slot the stored position belongs to is gone', where });
  }
  if (slot.walStatus === 'lost') return postgresErrors.error('slot-lost', { where, ...lossOf(slot) });
  if (strategy !== 'trust_offset' || slot.confirmedLsn === undefined || slot.confirmedLsn <= position.lsn) {
    return undefined;
  }
  const message = `the slot has moved to ${slot.confirmedLsn}, past the stored position ${position.lsn}: changes between are lost`;
  const fix = 'Start anew with a snapshot, or accept the gap with offset.mismatch.strategy: trust_slot.';
  return postgresErrors.error('slot-lost', { message, where, fix });
}

/** What the server did, by which of its settings, and how it is kept from doing it again. */
function lossOf({ lostReason, limits }: SlotState): { readonly message: string; readonly fix: string } {
  const fix = (more: string) => `Start anew with a snapshot (snapshot.mode: when_needed), and ${more}.`;
  if (lostReason === 'idle_timeout') {
    const message = `the server gave the slot up: nobody read it for idle_replication_slot_timeout (${limits.idleTimeout})`;
    return { message, fix: fix('raise idle_replication_slot_timeout above the longest time the connector is stopped') };
  }
  if (lostReason === 'rows_removed') {
    const message = 'the standby gave the slot up: its primary removed rows of the catalog that the slot needs';
    return { message, fix: fix('set hot_standby_feedback = on at the standby') };
  }
  if (lostReason === 'wal_level_insufficient') {
    const message = 'the server gave the slot up: wal_level was not logical for a while';
    return { message, fix: fix("keep wal_level = 'logical', at the primary too") };
  }
  const message = `the server has removed the log the slot needs: max_slot_wal_keep_size is ${limits.keepSize}`;
  return { message, fix: fix('raise max_slot_wal_keep_size so that the server keeps more of its log') };
}

/** What makes a slot unusable for us, whatever was stored. */
export function foreignSlot(slot: SlotState, database: string): MillraceError | undefined {
  const where = `slot ${slot.name}`;
  const fix = 'Give this connector a slot of its own with slot.name.';
  if (slot.plugin !== 'pgoutput') {
    return postgresErrors.error('setting', { message: `the slot is of the plugin ${slot.plugin}`, where, fix });
  }
  if (slot.database === database) return undefined;
  return postgresErrors.error('setting', { message: `the slot is of the database ${slot.database}`, where, fix });
}
