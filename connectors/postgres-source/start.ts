/** Begins: where the stream starts, with the slot as it must be, and whether tables are read first. */

import type { MillraceError } from '../../core/base/errors.ts';
import type { Logger } from '../../core/base/logger.ts';
import type { PostgresSourceConfig } from './config.ts';
import { postgresErrors } from './error-codes.ts';
import type { StreamPosition } from './position.ts';
import { slotBehindPublication } from './publication/gone.ts';
import type { Session } from './session.ts';
import { type MismatchStrategy, readSlot, type SlotState, slotComplaint } from './slot/slot-state.ts';
import { createSlot, makeFailover } from './slot/take-slot.ts';
import { timelineComplaint } from './slot/timeline.ts';
import { planStart } from './start-plan.ts';

export interface Beginning {
  readonly snapshot: 'new' | 'resume' | 'none';
  /** Whether changes are read behind the snapshot. */
  readonly streams: boolean;
  readonly position: StreamPosition;
  /** Of the slot that was just made: tables can be read as of exactly where it begins. */
  readonly slotSnapshot: string | undefined;
}

export interface BeginOptions {
  readonly config: PostgresSourceConfig;
  readonly session: Session;
  readonly logger: Logger;
  readonly isSnapshotOpen: boolean;
}

/** Rejects with what stands against going on: `postgres/slot-lost`, `postgres/other-server`, or what the server says. */
export async function begin({ config, session: opened, logger, isSnapshotOpen }: BeginOptions): Promise<Beginning> {
  const session = await behindPublication(opened, logger);
  const { stored, slot, identity, server, replication } = session;
  const strategy = config['offset.mismatch.strategy'];
  if (slot?.isSynced === true && server.isStandby) throw isCopy(identity.slot);
  if (config['slot.failover'] && server.version < failoverSince) {
    logger.warn(
      { slot: identity.slot },
      'slot.failover has no effect: standbys keep copies of slots since PostgreSQL 17',
    );
  }
  const complaint = await complaintOf(session, strategy);
  const plan = planStart({
    mode: config['snapshot.mode'],
    configured: {
      snapshots: config['snapshot.mode.configuration.based.snapshot.data'],
      streams: config['snapshot.mode.configuration.based.start.stream'],
      repairs: config['snapshot.mode.configuration.based.snapshot.on.data.error'],
    },
    stored: stored?.position,
    isSnapshotOpen,
    complaint,
    slot,
  });
  const { snapshot, streams } = plan;
  if (complaint !== undefined) logger.warn({ reason: complaint.message }, 'tables are read anew: changes are missing');
  if (plan.slot !== 'keep') {
    if (plan.slot === 'replace') await dropSlot(session);
    if (server.isStandby) {
      logger.info({ fix: 'SELECT pg_log_standby_snapshot() at the primary hastens it' }, standbyWait);
    }
    const { consistentLsn, snapshotName } = await createSlot(replication, {
      name: identity.slot,
      serverVersion: server.version,
      failover: config['slot.failover'],
      twoPhase: config['slot.two.phase'],
    });
    logger.info({ slot: identity.slot, lsn: String(consistentLsn) }, 'the replication slot was created');
    const position = { lsn: consistentLsn, partial: undefined };
    return { snapshot, streams, position, slotSnapshot: snapshotName };
  }
  if (slot !== undefined && config['slot.failover']) await ensureFailover(session, slot, logger);
  if (slot !== undefined && slot.isTwoPhase !== config['slot.two.phase']) {
    const when = slot.isTwoPhase ? 'when they are prepared' : 'when they are committed';
    const message = `prepared transactions come ${when}, as the slot was made: slot.two.phase counts for a new one`;
    logger.warn({ slot: identity.slot }, message);
  }
  const confirmed = { lsn: slot?.confirmedLsn ?? 0n, partial: undefined };
  const isGap = stored !== undefined && confirmed.lsn > stored.position.lsn;
  const trustsSlot = strategy === 'trust_slot' || (strategy === 'trust_greater_lsn' && isGap);
  const goesOn = stored !== undefined && complaint === undefined && !trustsSlot;
  return { snapshot, streams, position: goesOn ? stored.position : confirmed, slotSnapshot: undefined };
}

const standbyWait = 'the slot is made once the primary has logged which of its transactions are open';

const failoverSince = 170_000;

async function ensureFailover({ server, replication }: Session, slot: SlotState, logger: Logger): Promise<void> {
  // A standby has only what its primary gave it.
  if (slot.isFailover || server.isStandby || server.version < failoverSince) return;
  await makeFailover(replication, slot.name);
  logger.info({ slot: slot.name }, 'standbys may keep a copy of the slot from now on');
}

async function behindPublication(session: Session, logger: Logger): Promise<Session> {
  const { slot, sql, isPublicationNew } = session;
  if (slot === undefined || !isPublicationNew) return session;
  const moved = await slotBehindPublication(sql, slot);
  logger.info({ slot: slot.name, lsn: String(moved?.confirmedLsn) }, 'the slot begins where the publication was made');
  return { ...session, slot: moved };
}

async function complaintOf(session: Session, strategy: MismatchStrategy): Promise<MillraceError | undefined> {
  const { stored, slot, identity, replication } = session;
  if (stored === undefined) return undefined;
  const complaint = slotComplaint(stored, slot, identity, strategy);
  const trustsSlot = strategy === 'trust_slot' || strategy === 'no_validation';
  return complaint ?? (trustsSlot ? undefined : await timelineComplaint(stored, identity, replication));
}

/** Until it is promoted, which may be soon. */
function isCopy(slotName: string): MillraceError {
  const message = 'this server is a standby, and its slot is a copy of the one at the primary: it cannot be read here';
  const fix = 'Connect to the primary, or promote the standby.';
  return postgresErrors.error('unreachable', { message, where: `slot ${slotName}`, fix });
}

/** Where the server's log ends now. */
export async function endOfLog({ sql, server }: Session): Promise<bigint> {
  const now = server.isStandby ? 'pg_last_wal_replay_lsn' : 'pg_current_wal_flush_lsn';
  const [row] = await sql.query(`SELECT pg_catalog.${now}() - '0/0'::pg_lsn AS lsn`);
  return BigInt(row?.['lsn'] ?? 0);
}

/** Nothing happens where there is none. */
async function dropSlot({ sql, identity }: Session): Promise<void> {
  if ((await readSlot(sql, identity.slot)) === undefined) return;
  await sql.query('SELECT pg_catalog.pg_drop_replication_slot($1)', [identity.slot]);
}
