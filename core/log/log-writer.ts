/** Appends to one log: batches are numbered as they come, one write is under way at a time, and what came meanwhile goes into the next. */

import type { Clock } from '../base/clock.ts';
import type { Disk, DiskFile } from '../base/disk.ts';
import { MillraceError, messageOf } from '../base/errors.ts';
import type { AbortedTransaction } from './aborted-index.ts';
import { AckQueue, type Answer } from './ack-queue.ts';
import type { Committer } from './committer.ts';
import { logErrors } from './error-codes.ts';
import { LogCommits } from './log-commits.ts';
import type { LogState } from './log-state.ts';
import { nameOf } from './log-state.ts';
import type { ProducerEntry } from './producer-table.ts';
import { mustRoll } from './roll-policy.ts';
import type { Segment } from './segment.ts';
import { startSegment } from './segment-roll.ts';
import type { TailCache } from './tail-cache.ts';

/** When an append is answered: after the bytes were written, or after they are durable. */
export type AckPoint = 'written' | 'durable';

export interface QueuedAppend {
  readonly batch: Buffer;
  readonly baseOffset: number;
  readonly nextOffset: number;
  readonly ackPoint: AckPoint;
  readonly producerId: number;
  /** What the producer table held before this batch; only meaningful when `producerId` is not -1. */
  readonly producerBefore: ProducerEntry | undefined;
  /** What a marker adds to the index of aborted transactions. */
  readonly aborted?: AbortedTransaction | undefined;
  /** Called once: with undefined when the ack point is reached, else with what went wrong. */
  readonly answer: Answer;
}

export interface LogWriterOptions {
  readonly state: LogState;
  readonly file: DiskFile;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly committer: Committer;
  /** False in `os` mode: written counts as durable, nothing is synced but a segment that ends. */
  readonly syncs: boolean;
  readonly tailCache: TailCache;
  /** The first batch of this start, and with it of the leader epoch, is about to be written at this offset. */
  readonly onFirstWrite: (startOffset: number) => void;
  /** The high watermark moved, or the log failed. */
  readonly onAdvance: () => void;
  /** A write or sync failed in a way that no later one can make good. */
  readonly onFailure: (error: MillraceError) => void;
  /** A segment ended, and the next one is active. */
  readonly onRoll: (ended: Segment) => void;
}

/** Bytes of one writev: bounds how long the batches behind it wait. */
const maxRoundBytes = 16 * 1024 * 1024;

export class LogWriter {
  readonly #options: LogWriterOptions;
  readonly #state: LogState;
  #file: DiskFile;
  #queue: QueuedAppend[] = [];
  readonly #acks = new AckQueue();
  #hasWritten = false;
  #running: Promise<void> | undefined;
  #failure: MillraceError | undefined;
  readonly #commits: LogCommits;

  constructor(options: LogWriterOptions) {
    this.#options = options;
    this.#state = options.state;
    this.#file = options.file;
    this.#commits = new LogCommits({
      ...options,
      onDurable: (offset, end) => this.#advance(offset, end),
      onFailure: (error) => this.#failWith(error, 'a sync failed'),
    });
  }

  get failure(): MillraceError | undefined {
    return this.#failure;
  }

  /** Queues a batch that was checked and numbered. */
  push(append: QueuedAppend): void {
    this.#queue.push(append);
    this.#running ??= this.#run();
  }

  /** Calls `answer` when everything before `nextOffset` is visible, or with what went wrong before that. */
  whenVisible(nextOffset: number, answer: Answer): void {
    if (nextOffset <= this.#state.highWatermark) answer(undefined);
    else this.#acks.join(nextOffset, answer);
  }

  /** Resolves when nothing is queued and everything written is durable, whatever the mode. */
  async flush(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    if (this.#failure === undefined) await this.#commits.syncAll(this.#file);
  }

  /** Ends the active segment although it is not full; nothing happens when it is empty. The queue must be empty. */
  async rollNow(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    if (this.#failure !== undefined || this.#state.segments.active.sizeBytes === 0) return;
    this.#running = this.#rollAlone();
    await this.#running;
  }

  async close(): Promise<void> {
    await this.flush();
    this.#commits.forget(this.#file);
    await this.#file.close();
  }

  /** Stops for good: everybody who waits gets the error, nothing is written any more. */
  fail(error: MillraceError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    const queued = this.#queue;
    this.#queue = [];
    // Before anybody is answered: their buffers are their own again then.
    this.#commits.forget(this.#file);
    this.#acks.failAll(error);
    for (const append of queued) append.answer(error);
    this.#options.onAdvance();
  }

  /** Writes round after round until the queue is empty. Never rejects. */
  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      if (this.#mustRollBefore(this.#queue[0]!, 0, 0)) {
        if (!(await this.#tryRoll(this.#queue[0]!.baseOffset))) continue;
      }
      const round = this.#takeRound();
      if (round.length > 0) await this.#write(round);
    }
    this.#running = undefined;
  }

  async #rollAlone(): Promise<void> {
    await this.#tryRoll(this.#state.segments.active.nextOffset);
    this.#running = undefined;
    if (this.#queue.length > 0) this.#running = this.#run();
  }

  /** The batches of the next write: as many as fit the active segment and one round. */
  #takeRound(): QueuedAppend[] {
    let count = 0;
    let bytes = 0;
    for (const append of this.#queue) {
      if (count > 0 && (bytes >= maxRoundBytes || this.#mustRollBefore(append, bytes, count))) break;
      bytes += append.batch.length;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  #mustRollBefore(append: QueuedAppend, roundBytes: number, roundCount: number): boolean {
    const active = this.#state.segments.active;
    return mustRoll(
      {
        baseOffset: active.baseOffset,
        sizeBytes: active.sizeBytes + roundBytes,
        // Each batch of the round may add an entry of 8 bytes.
        indexBytes: (active.indexes?.offsets.sizeBytes ?? 0) + 8 * roundCount,
        rollBaseMs: active.rollBaseMs,
        nowMs: this.#options.clock.nowMs(),
        batchBytes: append.batch.length,
        batchLastOffset: append.nextOffset - 1,
      },
      this.#state.config,
    );
  }

  async #write(round: QueuedAppend[]): Promise<void> {
    const active = this.#state.segments.active;
    const position = active.sizeBytes;
    const buffers = round.map((append) => append.batch);
    if (!this.#hasWritten) this.#options.onFirstWrite(round[0]!.baseOffset);
    this.#hasWritten = true;
    try {
      await this.#file.write(buffers, position);
    } catch (error) {
      await this.#undoWrite(round, error);
      return;
    }
    // A failure elsewhere ended this log while the write was under way: its batches must not be acknowledged.
    if (this.#failure !== undefined) {
      for (const append of round) append.answer(this.#failure);
      return;
    }
    active.rollBaseMs ??= this.#options.clock.nowMs();
    for (const append of round) {
      active.note(append.batch, 0, this.#state.config.indexIntervalBytes);
      if (append.aborted !== undefined) active.noteAborted(append.aborted);
      this.#options.tailCache.add(this.#state, append.batch, append);
      if (append.ackPoint === 'written') append.answer(undefined);
      else this.#acks.push(append.nextOffset, append.answer);
    }
    const isAnswered = round.some((append) => append.ackPoint === 'written');
    const isAwaited = round.some((append) => append.ackPoint === 'durable');
    this.#commits.begin({ file: this.#file, buffers, position, isAnswered }, isAwaited ? 'now' : 'soon');
  }

  #advance(offset: number, end: { segment: Segment; position: number }): void {
    if (this.#failure !== undefined || offset <= this.#state.highWatermark) return;
    this.#state.highWatermark = offset;
    this.#state.visibleEnd = end;
    this.#state.producers.transactions.reached(offset);
    this.#acks.reached(offset);
    this.#options.onAdvance();
  }

  /** False when the roll failed; then the queue was answered. */
  async #tryRoll(baseOffset: number): Promise<boolean> {
    try {
      await this.#roll(baseOffset);
      return this.#failure === undefined;
    } catch (error) {
      await this.#undoWrite([], error);
      return false;
    }
  }

  /** Ends the active segment, once it is durable, and starts one at `baseOffset`. */
  async #roll(baseOffset: number): Promise<void> {
    const old = this.#state.segments.active;
    await this.#commits.syncAll(this.#file);
    if (this.#failure !== undefined) return;
    const started = await startSegment(this.#options.disk, this.#state, baseOffset);
    const oldFile = this.#file;
    this.#commits.forget(oldFile);
    this.#file = started.file;
    this.#state.segments.push(started.segment);
    this.#state.visibleEnd = { segment: started.segment, position: 0 };
    await oldFile.close();
    old.aborted = undefined;
    this.#options.onRoll(old);
  }

  /** Takes back what a failed write may have left in the file, and every batch that was numbered behind it. */
  async #undoWrite(round: QueuedAppend[], cause: unknown): Promise<void> {
    this.#queue = [...round, ...this.#queue];
    if (this.#failure === undefined) {
      const isPassing = cause instanceof MillraceError && cause.retriable;
      if (!isPassing) this.#failWith(cause, 'a write failed');
      else await this.#truncateBack();
    }
    // With what came meanwhile: it was numbered behind the batches that are taken back.
    const undone = this.#queue;
    this.#queue = [];
    for (const append of undone.toReversed()) {
      if (append.producerId !== -1) this.#state.producers.restore(append.producerId, append.producerBefore);
    }
    if (undone.length > 0) this.#state.logEndOffset = undone[0]!.baseOffset;
    const failure = this.#failure ?? (cause as MillraceError);
    for (const append of undone) append.answer(failure);
    this.#acks.undone(this.#state.logEndOffset, failure);
  }

  /** Synced at once: when the segment ends before its next write, nothing else would, and a power loss could leave the torn bytes in its middle. */
  async #truncateBack(): Promise<void> {
    try {
      await this.#file.truncate(this.#state.segments.active.sizeBytes);
      await this.#file.sync();
    } catch (error) {
      this.#failWith(error, 'a failed write could not be taken back');
    }
  }

  #failWith(cause: unknown, what: string): void {
    if (this.#failure !== undefined) return;
    const error = logErrors.error('storage', {
      message: `${what}: ${messageOf(cause)}`,
      where: nameOf(this.#state),
      cause,
    });
    this.fail(error);
    this.#options.onFailure(error);
  }
}
