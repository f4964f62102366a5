/** Records as connectors see them: bytes until somebody needs more. */

export interface RecordHeader {
  readonly key: string;
  readonly value: Buffer | null;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** What a source reads from (a file, a table), as Kafka Connect stores it: primitives only, keys in a stable order. */
export type SourcePartition = Readonly<Record<string, string | number | boolean | null>>;

/** How far it has been read, in the source's own terms. */
export type SourceOffset = Readonly<Record<string, string | number | boolean | null>>;

/** One record with everything it can have. The byte path of `RecordAppender.append` needs none of this. */
export interface SourceRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: readonly RecordHeader[];
  /** Milliseconds since 1970. */
  readonly timestampMs: number;
}

/**
 * A run of records of one topic partition in offset order, read without allocating per record: call `next()` until it
 * answers false; the other members describe the record it moved to. Offsets may have gaps (compaction, transactions).
 * Key and value are the ranges [start, end) of `bytes`; a start of -1 means null. The bytes are valid until the call
 * that handed the run out returns.
 */
export interface SinkRecords extends TopicPartition {
  next(): boolean;
  readonly offset: number;
  /** Milliseconds since 1970; -1 when the producer gave none. */
  readonly timestampMs: number;
  readonly bytes: Buffer;
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly valueStart: number;
  readonly valueEnd: number;
  /** Decoded anew at each call. */
  headers(): readonly RecordHeader[];
}
