/** The log of one partition: append, read and the offsets between which that is possible. */

import type { Clock } from '../base/clock.ts';
import type { MillraceError } from '../base/errors.ts';
import { batchLastOffsetDelta, batchMaxTimestampMs } from '../protocol/batch-header.ts';
import type { RecordError } from '../protocol/batch-validate.ts';
import { encodeMarker, type TransactionMarker } from '../protocol/control-batch.ts';
import { kafkaErrors } from '../protocol/kafka-errors.ts';
import type { AbortedTransaction } from './aborted-index.ts';
import { type AppendOrigin, checkBatch, producerStampOf } from './append-check.ts';
import { stampBatch } from './batch-stamp.ts';
import type { LeaderEpochEntry } from './checkpoints.ts';
import { type EpochEnd, endOfEpoch } from './leader-epochs.ts';
import type { LogReader, ReadOptions } from './log-reader.ts';
import type { LogState } from './log-state.ts';
import type { AckPoint, LogWriter } from './log-writer.ts';
import type { OpenTransaction } from './open-transactions.ts';
import { abortedBy } from './producer-recovery.ts';
import type { ProducerBatch, ProducerEntry } from './producer-table.ts';
import type { TimestampOffset } from './timestamp-search.ts';

/** When an append with acks=1 and with acks=all is answered, and whether anything is synced at all. */
export type Durability = 'strict' | 'default' | 'os';

export interface AppendOptions {
  /** -1 waits for durability as the mode has it; 1 and 0 wait for it in `strict` mode only. */
  readonly acks: -1 | 0 | 1;
  readonly origin: AppendOrigin;
}

export interface AppendResult {
  /** One of `kafkaErrors`. */
  readonly errorCode: number;
  /** -1 after an error. */
  readonly baseOffset: number;
  /** -1 unless the topic has `message.timestamp.type=LogAppendTime`. */
  readonly logAppendTimeMs: number;
  readonly logStartOffset: number;
  readonly errorMessage?: string;
  /** Which records of the batch are to blame, where single ones are. */
  readonly recordErrors?: readonly RecordError[];
}

export interface PartitionLogOptions {
  readonly clock: Clock;
  readonly durability: Durability;
  readonly state: LogState;
  readonly writer: LogWriter;
  readonly reader: LogReader;
  /** Called when the high watermark has moved, or the log failed. */
  readonly listeners: Set<() => void>;
  /** The epochs that wrote anything, in order. */
  readonly leaderEpochs: () => Promise<readonly LeaderEpochEntry[]>;
  /** Makes a new log start durable and drops the segments before it. */
  readonly deleteBefore: (offset: number) => Promise<void>;
}

export class PartitionLog {
  readonly #state: LogState;
  readonly #options: PartitionLogOptions;
  readonly #writer: LogWriter;
  readonly #reader: LogReader;

  constructor(options: PartitionLogOptions) {
    this.#options = options;
    this.#state = options.state;
    this.#writer = options.writer;
    this.#reader = options.reader;
  }

  get topic(): string {
    return this.#state.topic;
  }

  get partition(): number {
    return this.#state.partition;
  }

  /** The first offset that may be read. */
  get logStartOffset(): number {
    return this.#state.logStartOffset;
  }

  /** The offset behind the last record consumers may see; durable in `strict` and `default` mode. */
  get highWatermark(): number {
    return this.#state.highWatermark;
  }

  /** What `read_committed` consumers may see: the high watermark, or the first offset of the first transaction that has not ended below it. */
  get lastStableOffset(): number {
    const { highWatermark, logStartOffset, producers } = this.#state;
    const unstable = producers.transactions.firstOffset;
    if (unstable === undefined || unstable >= highWatermark) return highWatermark;
    return Math.max(unstable, logStartOffset);
  }

  /** The offset the next record gets. */
  get logEndOffset(): number {
    return this.#state.logEndOffset;
  }

  get leaderEpoch(): number {
    return this.#state.leaderEpoch;
  }

  get sizeBytes(): number {
    return this.#state.segments.sizeBytes;
  }

  /** Why the log takes and gives nothing any more, or undefined. */
  get failure(): MillraceError | undefined {
    return this.#writer.failure;
  }

  /**
   * Takes one batch. Checks it, patches its offset and leader epoch in place, and owns the buffer until it resolves without
   * an error: the caller must not change it before, and never after an error. Resolves when the batch is as durable as `acks` and the mode ask; never rejects, a refusal is an
   * error code. A repetition of one of a producer's last five batches gets the original's offset.
   */
  append(batch: Buffer, { acks, origin }: AppendOptions): Promise<AppendResult> {
    const failure = this.failure;
    if (failure !== undefined) return Promise.resolve(this.#refused(kafkaErrors.KAFKA_STORAGE_ERROR, failure.message));
    const state = this.#state;
    const nowMs = this.#options.clock.nowMs();
    const problem = checkBatch(batch, { config: state.config, origin, nowMs });
    if (problem !== undefined)
      return Promise.resolve(this.#refused(problem.errorCode, problem.message, problem.recordErrors));
    const stamp = producerStampOf(batch, 0);
    const verdict = stamp === undefined ? undefined : state.producers.check(stamp);
    if (verdict?.kind === 'refused') return Promise.resolve(this.#refused(verdict.errorCode, verdict.message));
    if (verdict?.kind === 'duplicate') return this.#answerDuplicate(verdict.batch);

    const baseOffset = state.logEndOffset;
    const logAppendTimeMs = state.config.messageTimestampType === 'LogAppendTime' ? nowMs : undefined;
    stampBatch(batch, { baseOffset, leaderEpoch: state.leaderEpoch, logAppendTimeMs });
    const producerBefore =
      stamp === undefined
        ? undefined
        : state.producers.record(stamp, {
            baseOffset,
            timestampMs: batchMaxTimestampMs(batch, 0),
            nowMs,
          });
    const nextOffset = baseOffset + batchLastOffsetDelta(batch, 0) + 1;
    state.logEndOffset = nextOffset;
    return new Promise((resolve) => {
      this.#writer.push({
        batch,
        baseOffset,
        nextOffset,
        ackPoint: this.#ackPoint(acks),
        producerId: stamp?.producerId ?? -1,
        producerBefore,
        answer: (error) => resolve(this.#result({ baseOffset, logAppendTimeMs, error })),
      });
    });
  }

  /**
   * Ends the producer's transaction in this partition, if there is one, and refuses older epochs of the producer from now
   * on. Resolves when the marker is as durable as the mode asks; never rejects.
   */
  appendMarker(marker: TransactionMarker): Promise<AppendResult> {
    const failure = this.failure;
    if (failure !== undefined) return Promise.resolve(this.#refused(kafkaErrors.KAFKA_STORAGE_ERROR, failure.message));
    const state = this.#state;
    const errorCode = state.producers.checkMarker(marker);
    if (errorCode !== kafkaErrors.NONE) {
      const message = `epoch ${marker.producerEpoch} of producer ${marker.producerId} is older than what is known here`;
      return Promise.resolve(this.#refused(errorCode, message));
    }
    const nowMs = this.#options.clock.nowMs();
    const batch = encodeMarker(marker, nowMs);
    const baseOffset = state.logEndOffset;
    stampBatch(batch, { baseOffset, leaderEpoch: state.leaderEpoch, logAppendTimeMs: undefined });
    const aborted = abortedBy(state.producers, marker, baseOffset);
    const producerBefore = state.producers.recordMarker(marker, { offset: baseOffset, nowMs });
    state.logEndOffset = baseOffset + 1;
    return new Promise((resolve) => {
      this.#writer.push({
        ...{ batch, baseOffset, nextOffset: baseOffset + 1, ackPoint: this.#ackPoint(-1) },
        ...{ producerId: marker.producerId, producerBefore, aborted },
        answer: (error) => resolve(this.#result({ baseOffset, logAppendTimeMs: undefined, error })),
      });
    });
  }

  /** Transactions without a marker, in the order of their first offsets. */
  openTransactions(): Iterable<OpenTransaction> {
    return this.#state.producers.transactions.open();
  }

  /** Where the producer's open transaction begins; -1 when it has none here. */
  openTransactionOf(producerId: number): number {
    return this.#state.producers.get(producerId)?.currentTxnFirstOffset ?? -1;
  }

  /** What is known of the producers that wrote here. */
  producers(): Iterable<ProducerEntry> {
    return this.#state.producers.entries();
  }

  /** False when no transaction that can still be read was aborted. */
  get hasAborted(): boolean {
    return this.#state.segments.all().some((segment) => segment.abortedBytes > 0);
  }

  /** The aborted transactions with a record in [fromOffset, toOffset). Rejects with `log/damaged` or a disk error. */
  async abortedTransactions(fromOffset: number, toOffset: number): Promise<readonly AbortedTransaction[]> {
    return this.#reader.abortedTransactions(fromOffset, toOffset);
  }

  /**
   * Whole batches from the one that holds `fromOffset`, or the first one behind it, up to the high watermark; the first
   * may begin before `fromOffset`. Empty when there is nothing yet. The bytes must not be changed. Rejects with
   * `log/offset-out-of-range`, `log/damaged` or a disk error.
   */
  async read(fromOffset: number, options: ReadOptions): Promise<Buffer> {
    if (this.failure !== undefined) throw this.failure;
    return this.#reader.read(fromOffset, options);
  }

  /** The first record at or behind the log start whose timestamp is at least `timestampMs`; undefined when there is none. */
  async offsetForTimestamp(timestampMs: number): Promise<TimestampOffset | undefined> {
    if (this.failure !== undefined) throw this.failure;
    return this.#reader.offsetForTimestamp(timestampMs);
  }

  /** The largest timestamp of a visible record and its offset (ListOffsets -3); undefined when no record has one. */
  async offsetOfMaxTimestamp(): Promise<TimestampOffset | undefined> {
    if (this.failure !== undefined) throw this.failure;
    return this.#reader.offsetOfMaxTimestamp();
  }

  /** Where the batches of a leader epoch end. Rejects with a disk error. */
  async endOfLeaderEpoch(epoch: number): Promise<EpochEnd> {
    if (this.failure !== undefined) throw this.failure;
    const written = await this.#options.leaderEpochs();
    return endOfEpoch(epoch, written, { current: this.leaderEpoch, endOffset: this.highWatermark });
  }

  /**
   * Records before `offset` cannot be read any more once this resolves, also after a crash; their segments go as a whole.
   * -1 means the high watermark. Rejects with `log/offset-out-of-range` beyond it.
   */
  async deleteBefore(offset: number): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    await this.#options.deleteBefore(offset === -1 ? this.#state.highWatermark : offset);
  }

  /** Calls `fn` whenever the high watermark has moved, or the log failed; returns how to stop that. */
  onAdvance(fn: () => void): () => void {
    this.#options.listeners.add(fn);
    return () => void this.#options.listeners.delete(fn);
  }

  #ackPoint(acks: -1 | 0 | 1): AckPoint {
    const { durability } = this.#options;
    if (durability === 'os') return 'written';
    return durability === 'strict' || acks === -1 ? 'durable' : 'written';
  }

  /** The original may still be on its way: the repetition is answered when that one is visible, or fails with it. */
  #answerDuplicate({ lastOffset, offsetDelta }: ProducerBatch): Promise<AppendResult> {
    const baseOffset = lastOffset - offsetDelta;
    return new Promise((resolve) => {
      this.#writer.whenVisible(lastOffset + 1, (error) =>
        resolve(this.#result({ baseOffset, logAppendTimeMs: undefined, error })),
      );
    });
  }

  #result(outcome: Outcome): AppendResult {
    if (outcome.error !== undefined) return this.#refused(kafkaErrors.KAFKA_STORAGE_ERROR, outcome.error.message);
    return {
      errorCode: kafkaErrors.NONE,
      baseOffset: outcome.baseOffset,
      logAppendTimeMs: outcome.logAppendTimeMs ?? -1,
      logStartOffset: this.#state.logStartOffset,
    };
  }

  #refused(errorCode: number, errorMessage: string, recordErrors: readonly RecordError[] = []): AppendResult {
    const { logStartOffset } = this.#state;
    return { errorCode, baseOffset: -1, logAppendTimeMs: -1, logStartOffset, errorMessage, recordErrors };
  }
}

interface Outcome {
  readonly baseOffset: number;
  readonly logAppendTimeMs: number | undefined;
  readonly error: MillraceError | undefined;
}
