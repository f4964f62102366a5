/** The stream as part of a task: polls that append what is there, and the position behind it; the slot follows what is durable. */

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SourceOutput, SourcePosition, SourceTaskContext } from '../../contract/source.ts';
import type { PostgresSourceConfig } from '../config.ts';
import { HeartbeatRecords } from '../envelope/heartbeat-records.ts';
import type { SideReads } from '../incremental/side-reads.ts';
import { decodePosition, type StreamPosition } from '../position.ts';
import type { RecordSink } from '../record-sink.ts';
import type { Session } from '../session.ts';
import { Replication } from './replication.ts';
import { streamOptions } from './stream-settings.ts';
import type { SeenChanges, Tables } from './tables.ts';

export interface StreamPhaseOptions {
  readonly config: PostgresSourceConfig;
  readonly context: Pick<SourceTaskContext, 'clock' | 'logger' | 'gauges' | 'marksTransactions'>;
  readonly session: Session;
  readonly tables: Tables;
  readonly sink: RecordSink;
  /** Where the stream goes on. */
  readonly position: StreamPosition;
  /** Changes that a snapshot has told already. */
  readonly seen: SeenChanges;
  readonly side: SideReads;
  /** In a bounded run: where the server's log ended when it began. */
  readonly goalLsn: bigint | undefined;
  readonly spoolFolder: string;
  /** What is stored for a position. */
  storedAs(position: StreamPosition): SourcePosition;
}

/** A poll without anything to append comes back after this time. */
const longestPollMs = 1000;

/** From one poll that has changes to the next: what a poll costs is not spent on every change. */
const betweenPollsMs = 3;

/** The same where more than so much has come: whoever is far behind is not waited for by the millisecond. */
const manyBytes = 256 * 1024;
const betweenLargePollsMs = 20;

/** Reading that goes on for longer lets the rest of its thread have a turn. */
const longestTurnMs = 10;

/** How long a chunk that is held waits for a word of the server before it is asked again. */
const longestSideWaitMs = 50;
const betweenAsksMs = 10;

/** How often a position is stored that has moved without any change. */
const idlePositionMs = 5000;

export class StreamPhase {
  readonly #options: StreamPhaseOptions;
  readonly #stream: Replication;
  readonly #heartbeats: HeartbeatRecords;
  #storedLsn = 0n;
  #nextIdleMs = 0;
  #nextHeartbeatMs = Number.POSITIVE_INFINITY;
  #yieldedAtMs = 0;
  #nextAskMs = 0;
  #lastPollMs = Number.NEGATIVE_INFINITY;
  /** The last poll ended within a transaction of which it had told something. */
  #isPartTold = false;
  #reportedChanges = 0;
  /** Room in the output below which a poll ends with the next transaction, so that none has to be held in part. */
  #enoughRoomBytes = 0;

  /** Starts the stream. What the server refuses comes with the first poll. */
  constructor(options: StreamPhaseOptions) {
    const { config, context, session, tables, sink, position, seen, side, spoolFolder } = options;
    this.#options = options;
    this.#heartbeats = new HeartbeatRecords(session.envelope);
    if (config['heartbeat.interval.ms'] > 0) this.#nextHeartbeatMs = context.clock.monotonicMs();
    const { clock } = context;
    this.#stream = Replication.start({
      ...streamOptions(config, session),
      ...{ clock, position, target: sink, tables, seen, spoolFolder },
      watch: side,
    });
  }

  /** Appends what is there until the output is full. The sink is open on the output. */
  async poll(output: SourceOutput, signal: AbortSignal): Promise<'more' | 'finished'> {
    const { context } = this.#options;
    const { clock } = context;
    const endsAtMs = clock.monotonicMs() + longestPollMs;
    const { roomBytes } = output;
    const { writer } = this.#stream;
    const before = this.#recordCount;
    this.#stream.reader.isClockWanted = true;
    this.#enoughRoomBytes = context.marksTransactions ? roomBytes / 2 : 0;
    while (!signal.aborted && output.roomBytes > 0) {
      const isQuiet = await this.#read(output);
      const hasChanges = this.#recordCount > before;
      this.#beat();
      if (this.#hasEnough(output)) break;
      if (isQuiet && !hasChanges) {
        if (this.#isIdlePositionDue()) break;
        if (this.#isFinished()) return this.#end(output);
      }
      const nowMs = clock.monotonicMs();
      if (nowMs >= endsAtMs) break;
      if (!isQuiet) continue;
      // What comes while the changes before are written shares one poll: it could not be written sooner.
      const busy = hasChanges ? output.busy : undefined;
      const isMuch = roomBytes - output.roomBytes > manyBytes;
      const pauseMs = hasChanges ? this.#lastPollMs + (isMuch ? betweenLargePollsMs : betweenPollsMs) - nowMs : 0;
      if (hasChanges && busy === undefined && pauseMs <= 0) break;
      await this.#wait(pauseMs > 0 ? pauseMs : endsAtMs - nowMs, signal, busy);
    }
    if (this.#recordCount > before) this.#lastPollMs = clock.monotonicMs();
    const hasTold = this.#isPartTold || this.#recordCount > before;
    this.#report(output, hasTold);
    this.#isPartTold = hasTold && writer.isInTransaction;
    if (!writer.isInTransaction) output.transactionEnds();
    return 'more';
  }

  /** These positions are durable. */
  committed(offsets: readonly SourcePosition[]): void {
    const { config } = this.#options;
    if (config['lsn.flush.mode'] === 'manual' || !config['flush.lsn.source']) return;
    for (const { offset } of offsets) {
      const stored = offset === null ? undefined : decodePosition(offset);
      if (stored !== undefined) this.#stream.acknowledger.flushed(stored.position.lsn);
    }
  }

  async close(): Promise<void> {
    await this.#options.side.close();
    await this.#stream.close();
  }

  get #recordCount(): number {
    return this.#stream.writer.changeCount + this.#options.side.rowCount;
  }

  /** Takes what is there until the output is full; true when nothing more is. */
  async #read(output: SourceOutput): Promise<boolean> {
    const { reader } = this.#stream;
    const { side, context } = this.#options;
    const { clock } = context;
    side.look();
    while (output.roomBytes > 0) {
      if (side.isActive) {
        if (side.isWaiting) await side.settle();
        side.advance(output, this.#stream.writer.position.lsn, this.#hasTold);
        if (output.roomBytes <= 0) return false;
        if (side.holdsStream) return true;
      }
      const step = reader.step();
      if (step === 'nothing') return true;
      if (step === 'unsettled') await reader.settle();
      if (clock.monotonicMs() - this.#yieldedAtMs > longestTurnMs) {
        await nextTurn();
        this.#yieldedAtMs = clock.monotonicMs();
      }
      if (this.#hasEnough(output)) break;
    }
    return false;
  }

  /** Between two transactions, where the poll is better ended than filled. */
  #hasEnough(output: SourceOutput): boolean {
    const isBetween = !this.#stream.writer.isInTransaction;
    return isBetween && (this.#isPartTold || output.roomBytes < this.#enoughRoomBytes);
  }

  async #wait(leftMs: number, signal: AbortSignal, orUntil: Promise<void> | undefined): Promise<void> {
    const { side, context } = this.#options;
    const dueMs = Math.min(this.#nextHeartbeatMs - context.clock.monotonicMs(), leftMs);
    if (!side.isActive) {
      await this.#stream.arrival(signal, Math.max(1, Math.ceil(dueMs)), orUntil);
      return;
    }
    // A server that has nothing to send says where its log ends only when it is asked.
    if (side.needsEnd && context.clock.monotonicMs() >= this.#nextAskMs) {
      this.#stream.acknowledger.ask();
      this.#nextAskMs = context.clock.monotonicMs() + betweenAsksMs;
    }
    const { arrival } = side;
    const ends = arrival === undefined ? signal : AbortSignal.any([signal, arrival]);
    await this.#stream.arrival(ends, Math.max(1, Math.min(Math.ceil(dueMs), longestSideWaitMs)), orUntil);
  }

  readonly #hasTold = (lsn: bigint): boolean => this.#stream.hasTold(lsn);

  /** The server's log went on without anything that is captured: its slot should move too. */
  #isIdlePositionDue(): boolean {
    const { reader } = this.#stream;
    if (reader.quietLsn <= this.#storedLsn) return false;
    return reader.isAnswerWanted || this.#options.context.clock.monotonicMs() >= this.#nextIdleMs;
  }

  #report(output: SourceOutput, hasChanges: boolean): void {
    const { writer, reader, serverClock } = this.#stream;
    const { context, seen, side, storedAs } = this.#options;
    const { clock, gauges } = context;
    const besides = side.takePositions();
    if (!hasChanges && besides.length === 0 && !this.#isIdlePositionDue()) return;
    writer.idle(reader.quietLsn);
    reader.isAnswerWanted = false;
    const position = writer.positionNow();
    const { partition, offset } = storedAs(position);
    output.position(partition, offset);
    for (const each of besides) output.position(each.partition, each.offset);
    seen.passed(position.lsn);
    this.#storedLsn = position.lsn;
    this.#nextIdleMs = clock.monotonicMs() + idlePositionMs;
    // Without a change there was none left to tell; rows that are read beside the stream are none.
    const hasTold = this.#isPartTold || writer.changeCount > this.#reportedChanges;
    this.#reportedChanges = writer.changeCount;
    const lagMs = hasTold ? serverClock.at(clock.nowMs()) - writer.sourceTimeUs / 1000 : 0;
    gauges.set('source_lag_ms', Math.max(0, Math.floor(lagMs)));
  }

  #beat(): void {
    const { context, config, session, sink } = this.#options;
    const { clock, logger } = context;
    if (clock.monotonicMs() < this.#nextHeartbeatMs) return;
    this.#nextHeartbeatMs = clock.monotonicMs() + config['heartbeat.interval.ms'];
    this.#heartbeats.put(sink, clock.nowMs());
    const query = config['heartbeat.action.query'];
    if (query === undefined) return;
    session.sql.query(query).catch((error: unknown) => {
      logger.warn({ error: String(error) }, 'the query of the heartbeat failed');
    });
  }

  #isFinished(): boolean {
    const { goalLsn, side } = this.#options;
    if (goalLsn === undefined || side.isActive) return false;
    const { reader, writer, acknowledger } = this.#stream;
    if (reader.quietLsn >= goalLsn || writer.position.lsn >= goalLsn) return true;
    // A server that has nothing to send says where its log ends only when it is asked.
    acknowledger.ask();
    return false;
  }

  #end(output: SourceOutput): 'finished' {
    this.#report(output, true);
    return 'finished';
  }
}
