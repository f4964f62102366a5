/** What a source connector implements, and what the runtime lends it. */

import type { Clock } from '../../core/base/clock.ts';
import type { Logger } from '../../core/base/logger.ts';
import type { Finding } from './finding.ts';
import type { SourceOffset, SourcePartition, SourceRecord } from './record.ts';

/** Flat settings of one task, as stored on the config topic. */
export type TaskConfig = Readonly<Record<string, string>>;

/** Plans; never copies. One instance per connector; the runtime never overlaps its calls. */
export interface SourceConnector {
  /**
   * Splits the work into at most `maxTasks` task configs; equal input gives equal output. `settings` are the
   * connector's own, already checked against its definition. Throws a MillraceError when planning is impossible.
   */
  plan(settings: TaskConfig, maxTasks: number): Promise<readonly TaskConfig[]>;
  /** A task that has not been opened; called in the thread the task will run in. */
  createTask(): SourceTask;
  /**
   * Looks at what a task with these settings will meet, and changes nothing. Rejects with a MillraceError when it cannot
   * even be asked. Absent where there is nothing to look at.
   */
  examine?(settings: TaskConfig): Promise<readonly Finding[]>;
  /**
   * Takes away what the connector left at its source, as far as its settings ask for that. Called once, when somebody has
   * stopped or deleted the connector and none of its tasks runs any more; not when a worker stops, or a task fails or
   * moves. A rejection is logged and changes nothing: the connector stays stopped or deleted. What takes longer than a
   * minute is given up. Absent where nothing is left anywhere.
   */
  cleanUp?(departure: Departure): Promise<void>;
}

/** A connector that is not to run any more. */
export interface Departure {
  /** Those it ran with last. */
  readonly settings: TaskConfig;
  /** Stopped ones may be resumed, from the offsets that are stored. */
  readonly why: 'stopped' | 'deleted';
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Copies. The runtime calls `open` once, then `poll` again and again, then `close` once, also after a failed `open`.
 * `poll` and `committed` may overlap; nothing else does. Any error fails the task; the runtime restarts it from the
 * stored offsets unless the error is marked as not retriable.
 */
export interface SourceTask {
  open(context: SourceTaskContext): Promise<void>;
  /**
   * Appends what is there now, until `output` is full. With nothing to append it waits for something, at most about a
   * second, and returns soon after `signal` aborts; what it appended before still counts. Returns `finished` when a
   * bounded run (`context.once`) has read everything there was; it is not called again then.
   */
  poll(output: SourceOutput, signal: AbortSignal): Promise<'more' | 'finished'>;
  /**
   * The records of earlier polls and these offsets are durable, so upstream may forget what lies before them
   * (promise 1). Called in order, one call at a time.
   */
  committed?(offsets: readonly SourcePosition[]): Promise<void>;
  /**
   * Somebody has stored these requests for the connector, as positions `{"signal": a name}` with what is asked for as
   * their offset. They are among `storedPositions` until the task itself removes them, with what it did of them; the
   * same may come twice. May overlap with `poll`.
   */
  signalled?(signals: readonly SourcePosition[]): void;
  close(): Promise<void>;
}

export interface SourcePosition {
  readonly partition: SourcePartition;
  /** null removes the stored offset: the source partition is gone for good. */
  readonly offset: SourceOffset | null;
}

export interface SourceTaskContext {
  readonly connector: string;
  readonly taskIndex: number;
  readonly settings: TaskConfig;
  /** Everything stored for this connector, of all its tasks. */
  readonly storedPositions: readonly SourcePosition[];
  /** True for a bounded run: read what is there now, then finish. */
  readonly once: boolean;
  /**
   * The task says where the source's own transactions end (`SourceOutput.transactionEnds`), and none of them is ever
   * visible in part: the definition has `definesTransactions`, and the user asked for it.
   */
  readonly marksTransactions: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Numbers for metrics and the run's summary; names are snake_case with units, `_total` counts up and others are set. */
  readonly gauges: Gauges;
}

export interface Gauges {
  add(name: string, delta: number): void;
  set(name: string, value: number): void;
}

/** Takes the records of one poll straight into the record batches being built. */
export interface SourceOutput {
  /**
   * The appender for one partition of `topic`: the same `spread` gives the same partition as long as the partition
   * count stays, so that what needs order shares a spread. Cheap; ask once per run of records, not per record.
   */
  partition(topic: string, spread: number): RecordAppender;
  /** Bytes this poll may still append. Once it is 0 or less, return. One record may overshoot it. */
  readonly roomBytes: number;
  /**
   * While the poll before is being written: resolves when that is over; undefined when it is. What this poll has would wait
   * for as long, so a source whose records come one by one goes on appending until then, and no longer.
   */
  readonly busy: Promise<void> | undefined;
  /**
   * Everything appended so far from `partition` ends at `offset`. Stored once the records are durable; of several for
   * one source partition in one poll the last counts.
   */
  position(partition: SourcePosition['partition'], offset: SourcePosition['offset']): void;
  /**
   * No transaction of the source is told in part: this poll may be the last one of what becomes visible together. Said
   * at the end of a poll; what is appended after it in the same poll takes it back. Polls that do not say it are held
   * together with the next that does, and are given up when the task fails, is paused or is stopped before. A poll that
   * ends a bounded run has said it. Means nothing unless `context.marksTransactions`.
   */
  transactionEnds(): void;
}

export interface RecordAppender {
  /** A record without key and headers whose value is `bytes[start, end)`, copied before the call returns. */
  append(bytes: Buffer, start: number, end: number, timestampMs: number): void;
  /**
   * The whole lines at the beginning of `bytes[start, end)`, each a record as `append` makes it, without its newline and
   * without one carriage return before it; many times faster than line by line. Ends where the output is full, where
   * `maxRecords` are appended, or before a line that is longer than `maxLineBytes`, is more than the topic takes, or has
   * no newline: that one is the caller's. Nothing consumed means that the next line is such a one, or no room is left.
   */
  appendLines(bytes: Buffer, start: number, end: number, options: LineOptions): LinesAppended;
  /** A record without headers: key and value are ranges of `bytes`, copied before the call returns; a start of -1 is null. */
  appendKeyed(bytes: Buffer, key: ByteRange, value: ByteRange, timestampMs: number): void;
  /** A record with key, headers or a null value; everything is copied before the call returns. */
  appendRecord(record: SourceRecord): void;
}

/** [start, end) of some bytes. One object may be filled anew for each record. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface LineOptions {
  readonly timestampMs: number;
  readonly maxLineBytes: number;
  readonly maxRecords: number;
}

export interface LinesAppended {
  /** Newlines included. */
  readonly consumedBytes: number;
  readonly recordCount: number;
}
