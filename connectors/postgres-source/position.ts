/** How far the changes of a server were taken, and which of those that it sends again are old. Pure. */

import type { SourceOffset } from '../contract/record.ts';

export interface StreamPosition {
  /** Every transaction whose commit record lies before it was taken whole. */
  readonly lsn: bigint;
  /** The transaction behind it of which a part was taken: its commit record, or its preparation, begins at `commitLsn`. */
  readonly partial: { readonly commitLsn: bigint; readonly changes: number } | undefined;
}

/** Whose position it is: the same number means something else on another server. */
export interface ServerIdentity {
  readonly systemId: string;
  readonly timeline: number;
  readonly slot: string;
}

/** All that is stored of the stream. */
export interface StoredPosition {
  readonly position: StreamPosition;
  /** Undefined in an offset that Debezium has written. */
  readonly identity: ServerIdentity | undefined;
  /** Made up when the slot was created: tells our own leftover connections from those of another installation. */
  readonly owner: string;
}

/**
 * How many changes at the beginning of a transaction were taken before: all of it, or a number. Several transactions, and
 * several rows of one, may share a position in the log, so only the commit and a count tell them apart.
 */
export function takenBefore(position: StreamPosition, commitLsn: bigint): number {
  return commitLsn < position.lsn ? Number.POSITIVE_INFINITY : takenOf(position, commitLsn);
}

/**
 * The same for a prepared transaction of a stream that began at `startLsn`: it was taken where its preparation lies. One
 * that was prepared before that, and is sent nevertheless, is sent because it commits now: a slot that tells prepared
 * transactions does so for those that were prepared before it was there (PostgreSQL, `ReorderBufferFinishPrepared`).
 */
export function takenOfPrepared(position: StreamPosition, prepareLsn: bigint, startLsn: bigint): number {
  return prepareLsn < startLsn ? takenOf(position, prepareLsn) : takenBefore(position, prepareLsn);
}

function takenOf({ partial }: StreamPosition, commitLsn: bigint): number {
  return partial?.commitLsn === commitLsn ? partial.changes : 0;
}

/** The keys Debezium uses where it has them; numbers, as long as they are exact. */
export function encodePosition({ position, identity, owner }: StoredPosition): SourceOffset {
  const { lsn, partial } = position;
  return {
    lsn: exact(lsn),
    lsn_proc: exact(lsn),
    lsn_commit: exact(partial?.commitLsn ?? lsn),
    changes: partial?.changes ?? 0,
    ...(identity === undefined ? {} : { system: identity.systemId, timeline: identity.timeline, slot: identity.slot }),
    owner,
  };
}

/** Undefined for an offset that is not of this connector, or says nothing of the stream. */
export function decodePosition(offset: SourceOffset): StoredPosition | undefined {
  const lsn = toLsn(offset['lsn_proc']) ?? toLsn(offset['lsn']);
  if (lsn === undefined) return undefined;
  const { system, timeline, slot, owner, changes } = offset;
  const commitLsn = toLsn(offset['lsn_commit']);
  const isPartial = typeof changes === 'number' && changes > 0 && commitLsn !== undefined;
  const isOurs = typeof system === 'string' && typeof timeline === 'number' && typeof slot === 'string';
  return {
    position: { lsn, partial: isPartial ? { commitLsn, changes } : undefined },
    identity: isOurs ? { systemId: system, timeline, slot } : undefined,
    owner: typeof owner === 'string' ? owner : '',
  };
}

function exact(lsn: bigint): number | string {
  return lsn <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(lsn) : lsn.toString();
}

function toLsn(value: SourceOffset[string] | undefined): bigint | undefined {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  return typeof value === 'string' && /^\d{1,20}$/.test(value) ? BigInt(value) : undefined;
}
