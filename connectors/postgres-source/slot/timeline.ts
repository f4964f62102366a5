/** Whether the server still has what a position stands behind: a standby that was promoted may have missed the end of it. */

import type { MillraceError } from '../../../core/base/errors.ts';
import { postgresErrors } from '../error-codes.ts';
import { lsnText, parseLsn } from '../lsn.ts';
import type { ServerIdentity, StoredPosition } from '../position.ts';
import type { ReplicationConnection } from '../wire/replication-connection.ts';

/**
 * Up to where the log of the stored position's timeline is in the history of the server's; null where it is not at all.
 * `history` is the text of a timeline's file: a line for each timeline before it, with the place where it was left.
 */
function commonLog(history: string, timeline: number): bigint | null {
  for (const line of history.split('\n')) {
    const [, of, leftAt] = /^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/i.exec(line) ?? [];
    if (leftAt !== undefined && Number(of) === timeline) return parseLsn(leftAt);
  }
  return null;
}

/** What stands against going on from the stored position on the server's timeline, or undefined. Rejects with `postgres/…`. */
export async function timelineComplaint(
  stored: StoredPosition,
  server: ServerIdentity,
  replication: ReplicationConnection,
): Promise<MillraceError | undefined> {
  const { identity, position } = stored;
  const isSame = identity === undefined || identity.timeline === server.timeline;
  // Another system has a complaint of its own.
  if (isSame || identity.systemId !== server.systemId) return undefined;
  const history = server.timeline > 1 ? await historyOf(server.timeline, replication) : '';
  const common = commonLog(history, identity.timeline);
  if (common !== null && position.lsn <= common) return undefined;
  const left =
    common === null
      ? `the server is on the timeline ${server.timeline}, which has nothing of it`
      : `the server left that timeline at ${lsnText(common)}`;
  const message = `the stored position ${lsnText(position.lsn)} is of the timeline ${identity.timeline}, and ${left}: it lacks changes that were taken`;
  const fix =
    'Connect to the server that has them; or start anew with a snapshot (snapshot.mode: when_needed), or accept the difference with offset.mismatch.strategy: trust_slot. On PostgreSQL 17 synchronized_standby_slots prevents it.';
  return postgresErrors.error('other-server', { message, where: `slot ${server.slot}`, fix });
}

async function historyOf(timeline: number, replication: ReplicationConnection): Promise<string> {
  const [row] = await replication.command(`TIMELINE_HISTORY ${timeline}`);
  return row?.['content'] ?? '';
}
