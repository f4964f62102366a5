/** Reads tables beside the stream, chunk by chunk: what signals ask for, and tables that are new. */

import type { Clock } from '../../../core/base/clock.ts';
import { MillraceError, messageOf } from '../../../core/base/errors.ts';
import type { Logger } from '../../../core/base/logger.ts';
import type { Gauges, SourceOutput, SourcePosition } from '../../contract/source.ts';
import { type ChangeFacts, emptyFacts, type RecordTarget, type TableEncoder } from '../envelope/change.ts';
import type { TableShape, Tuple } from '../row.ts';
import { isTransient } from '../wire/server-errors.ts';
import { type Chunk, type ChunkReader, keyTexts } from './chunk-reader.ts';
import { CurrentPlan, type Planned } from './current-plan.ts';
import { GrowingPause } from './growing-pause.ts';
import type { ReadPlan } from './read-plan.ts';
import { ReadProgress } from './read-progress.ts';
import { RecentTransactions } from './recent-transactions.ts';
import type { RequestedRead, RequestedReads } from './requested-reads.ts';
import { type RowOperation, Window } from './window.ts';

export interface IncrementalOptions {
  readonly reads: RequestedReads;
  readonly reader: ChunkReader;
  /** `incremental.snapshot.chunk.size` */
  readonly chunkRows: number;
  /** Rows go there; its output is the one of the poll. */
  readonly target: RecordTarget;
  encoderOf(shape: TableShape): Promise<TableEncoder>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly gauges: Gauges;
}

/** A chunk on its way, or held until the stream has passed it. */
interface Attempt {
  readonly read: RequestedRead;
  readonly plan: ReadPlan;
  readonly window: Window;
  readonly encoder: TableEncoder;
  chunk: Chunk | undefined;
  /** The stream must have told everything before it. */
  endLsn: bigint;
  /** Rows that were written of it. */
  rows: number;
}

const longestPauseMs = 30_000;
/** Of a read that waits for others to end. */
const longestAwaitMs = 1000;
/** How long a chunk waits for a stream that does not come. */
const flushLogMs = 300;

export class IncrementalReads {
  readonly #options: IncrementalOptions;
  readonly #recent = new RecentTransactions();
  readonly #facts: ChangeFacts = emptyFacts();
  readonly #progress: ReadProgress;
  readonly #pause: GrowingPause;
  readonly #plan: CurrentPlan;
  #attempt: Attempt | undefined;
  /** Something is asked of the server. */
  #isBusy = false;
  /** The next chunk is read while the stream stands still: the last one was overtaken. */
  #isAlone = false;
  #limit: number;
  #isAwaiting = false;
  #flushesLogMs = 0;
  /** What the last chunk has seen that the stream has passed. */
  #passedSnapshot = '';
  #failure: unknown;
  #arrival = new AbortController();
  /** Rows written. */
  rowCount = 0;

  constructor(options: IncrementalOptions) {
    this.#options = options;
    this.#limit = options.chunkRows;
    this.#pause = new GrowingPause(options.clock);
    this.#plan = new CurrentPlan(options);
    this.#progress = new ReadProgress(options.reads, options.clock, options.gauges);
    this.#facts.op = 'r';
    this.#facts.snapshot = 'incremental';
  }

  /** There is something to read or to write. */
  get isActive(): boolean {
    return this.#attempt !== undefined || this.#isBusy || this.#options.reads.isActive;
  }

  /** The stream must not be read now. */
  get holdsStream(): boolean {
    return this.#isAlone && this.#isBusy;
  }

  /** A chunk waits for the stream. */
  get isWaiting(): boolean {
    return this.#attempt?.chunk !== undefined;
  }

  /** Aborts when what was asked of the server is there; undefined where nothing was asked. */
  get arrival(): AbortSignal | undefined {
    return this.#isBusy ? this.#arrival.signal : undefined;
  }

  /** The table whose changes must come to `change`; -1 where there is none. */
  get tableOid(): number {
    return this.#attempt?.window.tableOid ?? -1;
  }

  /** A transaction is about to be told. */
  begun(transactionId: number): void {
    this.#recent.told(transactionId);
  }

  /** A change of `tableOid` is about to be told. Writes the row of the chunk that must come before it. */
  change(op: RowOperation, shape: TableShape, before: Tuple | null, after: Tuple | null, transactionId: number): void {
    const attempt = this.#attempt;
    if (attempt === undefined) return;
    const row = attempt.window.change(op, shape, before, after, transactionId);
    if (row !== null) this.#write(attempt, row);
  }

  /**
   * Between two messages of the stream, which was told up to `toldLsn`: begins to read, and writes rows that the stream has
   * passed, as far as there is room. `passed` says whether every transaction that was committed before a position was told.
   * Throws what nothing helps against.
   */
  advance(output: SourceOutput, toldLsn: bigint, passed: (lsn: bigint) => boolean): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#facts.lastCommitLsn = toldLsn;
    const attempt = this.#attempt;
    if (attempt?.window.isStale === true && !this.#isBusy) this.#discard('the table or its rows changed meanwhile');
    else if (attempt?.chunk !== undefined && passed(attempt.endLsn)) this.#flush(attempt, attempt.chunk, output);
    else if (attempt?.chunk?.isStandby === false) this.#flushLog();
    if (this.#attempt === undefined && !this.#isBusy) this.#begin();
  }

  /** What was taken away or paused is no longer read. */
  changed(): void {
    const attempt = this.#attempt;
    if (attempt === undefined || this.#options.reads.has(attempt.read.number)) return;
    this.#attempt = undefined;
    this.#plan.forget();
  }

  /** What is to be stored with the position of the stream. */
  takePositions(): SourcePosition[] {
    this.#progress.report(this.rowCount);
    return this.#options.reads.takePositions();
  }

  close(): Promise<void> {
    return this.#options.reader.close();
  }

  #begin(): void {
    const { reads } = this.#options;
    const read = reads.isPaused ? undefined : reads.current;
    if (read === undefined || !this.#pause.isOver) return;
    const planned = this.#plan.of(read);
    const work = planned === undefined ? this.#prepare(read) : this.#readChunk(read, planned);
    this.#ask(work.catch((error: unknown) => this.#failed(read, error)));
  }

  async #prepare(read: RequestedRead): Promise<void> {
    const { logger } = this.#options;
    const found = await this.#plan.make(read);
    if (found !== undefined) return this.#giveUp(read, found.complaint);
    if (read.lastKey !== null) return;
    const { schema, table, signalId: signal, condition } = read;
    logger.info({ table: `${schema}.${table}`, signal, condition }, 'a table is read beside the stream');
  }

  async #readChunk(read: RequestedRead, { plan, encoder }: Planned): Promise<void> {
    const { reader, reads, clock } = this.#options;
    const window = new Window(plan.shape.tableOid, plan.tellingColumns);
    const attempt: Attempt = { read, plan, encoder, window, chunk: undefined, endLsn: 0n, rows: 0 };
    this.#attempt = attempt;
    this.#recent.readBegins();
    const chunk = await reader.read(plan, read, this.#limit);
    // It may have been taken away meanwhile.
    if (this.#attempt !== attempt || !reads.has(read.number)) return;
    if (chunk === 'changed') {
      this.#attempt = undefined;
      this.#plan.forget();
      return;
    }
    if (chunk === 'early' || !(chunk.isStandby || this.#recent.areSeenBy(chunk.fence))) {
      this.#attempt = undefined;
      this.#awaitTransactions(read);
      return;
    }
    this.#pause.reset();
    this.#isAwaiting = false;
    window.hold({ shape: plan.shape, rows: chunk.rows, fence: chunk.fence });
    attempt.chunk = chunk;
    // On a quiet server nobody flushes what reading itself writes to the log; where nothing was committed since the last
    // chunk, the stream has told all of it. A standby does not say so much.
    attempt.endLsn = !chunk.isStandby && chunk.seen === this.#passedSnapshot ? 0n : chunk.endLsn;
    this.#flushesLogMs = clock.monotonicMs() + flushLogMs;
    this.#facts.sourceTimeUs = clock.nowMs() * 1000;
    this.#isAlone = false;
  }

  /** Writes what is left of the chunk; where the output is full, how far it came. */
  #flush(attempt: Attempt, chunk: Chunk, output: SourceOutput): void {
    const { reads, reader, logger } = this.#options;
    const { read, plan, window } = attempt;
    this.#passedSnapshot = chunk.seen;
    let last: Tuple | null = null;
    for (let row = window.take(); row !== null; row = window.take()) {
      this.#write(attempt, row);
      last = row;
      if (output.roomBytes <= 0) break;
    }
    if (output.roomBytes <= 0 && last !== null) {
      const rows = read.rows + attempt.rows;
      reads.advance(read.number, { lastKey: keyTexts(plan, last), maxKey: chunk.maxKey, rows });
      return;
    }
    this.#attempt = undefined;
    const rows = read.rows + attempt.rows;
    if (!chunk.isLast) {
      reads.advance(read.number, { lastKey: chunk.lastKey ?? read.lastKey, maxKey: chunk.maxKey, rows });
      this.#limit = chunk.isCut ? chunk.rows.length : Math.min(this.#options.chunkRows, this.#limit * 2);
      return;
    }
    reads.finish(read.number);
    this.#plan.forget();
    this.#limit = this.#options.chunkRows;
    logger.info({ table: `${read.schema}.${read.table}`, signal: read.signalId, rows }, 'the table is read');
    if (reads.current === undefined) void reader.rest();
  }

  /** The stream does not come as far as the chunk: the server may wait with the end of its log for others. */
  #flushLog(): void {
    const { clock, reader } = this.#options;
    if (this.#isBusy || clock.monotonicMs() < this.#flushesLogMs) return;
    this.#flushesLogMs = clock.monotonicMs() + flushLogMs;
    this.#ask(reader.flushLog().catch(() => {}));
  }

  /** One question at a time. */
  #ask(work: Promise<void>): void {
    this.#isBusy = true;
    this.#arrival = new AbortController();
    void work.finally(() => {
      this.#isBusy = false;
      this.#arrival.abort();
    });
  }

  #write(attempt: Attempt, row: Tuple): void {
    this.#facts.nowUs = this.#options.clock.nowMs() * 1000;
    attempt.encoder.encode(this.#facts, null, row, this.#options.target);
    attempt.rows += 1;
    this.rowCount += 1;
  }

  #discard(reason: string): void {
    const { read } = this.#attempt!;
    this.#options.logger.debug({ table: `${read.schema}.${read.table}`, reason }, 'a chunk is read again');
    this.#attempt = undefined;
    this.#plan.forget();
    this.#isAlone = true;
  }

  #failed(read: RequestedRead, error: unknown): void {
    this.#attempt = undefined;
    this.#plan.forget();
    if (!isTransient(error)) {
      // Settings that do not fit are no fault of the signal.
      if (error instanceof MillraceError && error.code.startsWith('postgres-values/')) this.#failure = error;
      else this.#giveUp(read, messageOf(error));
      return;
    }
    const { logger } = this.#options;
    logger.warn({ table: `${read.schema}.${read.table}`, reason: messageOf(error) }, 'a chunk could not be read');
    this.#pause.begin(longestPauseMs);
  }

  /** What they have written was told, or will not be told, and the read does not see it yet. */
  #awaitTransactions(read: RequestedRead): void {
    const table = `${read.schema}.${read.table}`;
    if (!this.#isAwaiting)
      this.#options.logger.info({ table }, 'transactions are open that must end before it is read');
    this.#isAwaiting = true;
    this.#pause.begin(longestAwaitMs);
  }

  #giveUp(read: RequestedRead, reason: string): void {
    const { reads, logger } = this.#options;
    const { schema, table, signalId: signal } = read;
    logger.warn({ table: `${schema}.${table}`, signal, reason }, 'the table cannot be read beside the stream');
    reads.finish(read.number);
  }
}
