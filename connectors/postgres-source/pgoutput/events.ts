/** What a pgoutput stream tells, one call for each message; objects and ranges are valid during the call. */

import type { TableShape, Tuple } from '../row.ts';

export interface CommitInfo {
  /** Where the commit record begins; orders transactions, and is what `begin` announced. */
  readonly commitLsn: bigint;
  /** Behind the commit record: where a reader who has all of the transaction goes on. */
  readonly endLsn: bigint;
  /** Microseconds since 1970. */
  readonly timeUs: number;
}

/** A transaction that was prepared: its changes are known, and whether they count is not. */
export interface PrepareInfo {
  /** Where the record of PREPARE TRANSACTION begins. */
  readonly prepareLsn: bigint;
  readonly endLsn: bigint;
  readonly timeUs: number;
  readonly transactionId: number;
  /** The name that PREPARE TRANSACTION gave it. */
  readonly gid: string;
}

interface CommitPreparedInfo extends CommitInfo {
  readonly transactionId: number;
  readonly gid: string;
}

interface RollbackPreparedInfo {
  readonly prepareEndLsn: bigint;
  /** Behind the record of ROLLBACK PREPARED. */
  readonly endLsn: bigint;
  readonly prepareTimeUs: number;
  readonly timeUs: number;
  readonly transactionId: number;
  readonly gid: string;
}

interface AbortInfo {
  readonly abortLsn: bigint;
  readonly timeUs: number;
}

export interface LogicalMessage {
  readonly isTransactional: boolean;
  readonly lsn: bigint;
  readonly prefix: string;
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** An old tuple has all columns (replica identity full) or those of the key alone, the others null. */
export type OldTuple = 'full' | 'key';

/** Everything that may stand inside a transaction. */
export interface ChangeEvents {
  insert(shape: TableShape, row: Tuple): void;
  /** `old` is null when the key did not change and the identity is not full. */
  update(shape: TableShape, old: Tuple | null, kind: OldTuple | null, row: Tuple): void;
  delete(shape: TableShape, old: Tuple, kind: OldTuple): void;
  truncate(shapes: readonly TableShape[], options: { readonly cascades: boolean; readonly restarts: boolean }): void;
  message(message: LogicalMessage): void;
  /** A table as its next rows are written; a new object each time. */
  relation(shape: TableShape): void;
  origin(name: string, lsn: bigint): void;
}

export interface StreamEvents extends ChangeEvents {
  begin(commitLsn: bigint, timeUs: number, transactionId: number): void;
  commit(info: CommitInfo): void;
  /** A piece of a transaction that has not ended: what follows until `streamStop` belongs to it. */
  streamStart(transactionId: number, isFirst: boolean): void;
  streamStop(): void;
  streamCommit(transactionId: number, info: CommitInfo): void;
  /** A subtransaction, or with equal numbers all of it, was rolled back; null where the server does not say when. */
  streamAbort(transactionId: number, subtransactionId: number, info: AbortInfo | null): void;
  /** The changes of a transaction that was prepared follow, up to `prepare`. */
  beginPrepare(info: PrepareInfo): void;
  prepare(info: PrepareInfo): void;
  /** As `prepare`, for a transaction that came in pieces. */
  streamPrepare(info: PrepareInfo): void;
  commitPrepared(info: CommitPreparedInfo): void;
  /** Also of a transaction whose changes were not told. */
  rollbackPrepared(info: RollbackPreparedInfo): void;
}
