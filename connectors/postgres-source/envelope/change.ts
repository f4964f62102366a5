/** What the readers of changes (stream and snapshot) tell the envelope, and what they get back: the interface between them. */

import type { RecordHeader } from '../../contract/record.ts';
import type { TableShape, Tuple } from '../row.ts';

/** Debezium's letters: create, update, delete, read (snapshot), truncate, logical message. */
export type Operation = 'c' | 'u' | 'd' | 'r' | 't' | 'm';

export type SnapshotMarker =
  | 'false'
  | 'true'
  | 'first'
  | 'first_in_data_collection'
  | 'last_in_data_collection'
  | 'last'
  | 'incremental';

/** What is said about one change beside its row. One object that the reader fills anew for each change. */
export interface ChangeFacts {
  op: Operation;
  snapshot: SnapshotMarker;
  /** When it was committed (snapshots: when they began), in microseconds since 1970. */
  sourceTimeUs: number;
  /** When this process handled it, in microseconds since 1970; the same for a batch is fine. */
  nowUs: number;
  /** Of the change itself; null where there is none (incremental snapshots). */
  lsn: bigint | null;
  /** The end of the last commit before this transaction; null before the first. */
  lastCommitLsn: bigint | null;
  transactionId: number | null;
  xmin: number | null;
  /** Where the transaction came from, when it was replicated into this server itself. */
  origin: string | null;
  originLsn: bigint | null;
  /** Counts the rows of the transaction from 0. */
  rowIndex: number;
  /** The block of `provide.transaction.metadata`; null without it. */
  transaction: TransactionPlace | null;
}

/** The place of a change in its transaction. One object that `TransactionCounter` fills anew. */
export interface TransactionPlace {
  /** `transaction id:LSN of its commit`, the same for all of a transaction. */
  id: string;
  /** From 1, over all tables. */
  totalOrder: number;
  /** From 1, in the table. */
  dataCollectionOrder: number;
  /** Moves on by one event of the same table: a key update is two, a delete and a create. */
  countAgain(): void;
}

/** The facts of nothing yet, to be filled. */
export function emptyFacts(): ChangeFacts {
  return {
    op: 'c',
    snapshot: 'false',
    sourceTimeUs: 0,
    nowUs: 0,
    lsn: null,
    lastCommitLsn: null,
    transactionId: null,
    xmin: null,
    origin: null,
    originLsn: null,
    rowIndex: 0,
    transaction: null,
  };
}

/** What the catalog knows of a table beyond the shape its rows have. Columns are named; those gone by now may be missing. */
export interface TableFacts {
  /** The columns of the primary key in the order of the key; empty when there is none. */
  readonly primaryKey: readonly string[];
  readonly notNull: ReadonlySet<string>;
  /** Default expressions as the server prints them, e.g. `'a'::text` or `nextval('t_id_seq'::regclass)`. */
  readonly defaults: ReadonlyMap<string, string>;
}

/** Takes the records a change becomes, in order. */
export interface RecordTarget {
  /**
   * One record: the ranges [start, end) of `bytes` are its key and value, a start of -1 means null. Valid until the
   * call returns. `headers` is null for a record without any.
   */
  record(
    topic: string,
    bytes: Buffer,
    keyStart: number,
    keyEnd: number,
    valueStart: number,
    valueEnd: number,
    headers: readonly RecordHeader[] | null,
  ): void;
}

/** Writes the changes of one table as it was at one time. Compiled once for each shape; keep it beside the shape. */
export interface TableEncoder {
  readonly topic: string;
  readonly shape: TableShape;
  readonly facts: TableFacts;
  /** Columns that are left out because their type has no representation, for one warning. */
  readonly leftOut: readonly string[];
  /** Events of its transaction that the change is: 2 for a key update, 0 for what is skipped. For who leaves changes out. */
  eventCount(op: Operation, before: Tuple | null, after: Tuple | null): number;
  /**
   * Appends what the change becomes: one record; with its tombstone two; for an update that changes the key three
   * (delete, tombstone, create); nothing for skipped operations. `before` is the old tuple or key tuple if one was sent.
   * Throws `postgres-values/unrepresentable` where the policy for such values is to fail.
   */
  encode(change: ChangeFacts, before: Tuple | null, after: Tuple | null, target: RecordTarget): void;
}
