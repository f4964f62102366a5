/** A publication that is not there any more, and one that was just made: what the log has from before is not told through it. */

import type { MillraceError } from '../../../core/base/errors.ts';
import type { CatalogPort } from '../catalog/port.ts';
import type { PostgresSourceConfig } from '../config.ts';
import { postgresErrors } from '../error-codes.ts';
import { readSlot, type SlotState } from '../slot/slot-state.ts';
import { repairsGaps } from '../start-plan.ts';

/**
 * Changes were read through it before, so that those that came while it was gone are missing: made anew without a word it
 * would hide that. Undefined where the settings say how to go on.
 */
export function publicationGone(config: PostgresSourceConfig): MillraceError | undefined {
  const isConfigured = config['snapshot.mode.configuration.based.snapshot.on.data.error'];
  const isAccepted = config['offset.mismatch.strategy'] === 'trust_slot';
  if (isAccepted || repairsGaps(config['snapshot.mode'], isConfigured)) return undefined;
  const message = 'the publication is gone through which changes were read: those since then are missing';
  return postgresErrors.error('publication', { message, where: config['publication.name'], fix: anew });
}

const anew =
  'Start anew with a snapshot (snapshot.mode: when_needed), or accept the gap with offset.mismatch.strategy: trust_slot.';

/**
 * Moves the slot past what is older than the publication that was just made: servers before version 18 fail at it for ever,
 * newer ones pass over it in silence.
 */
export async function slotBehindPublication(sql: CatalogPort, slot: SlotState): Promise<SlotState | undefined> {
  if (slot.walStatus === 'lost') return slot;
  await sql.query('SELECT pg_catalog.pg_replication_slot_advance($1, pg_catalog.pg_current_wal_lsn())', [slot.name]);
  return readSlot(sql, slot.name);
}
