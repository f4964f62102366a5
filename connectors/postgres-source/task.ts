/** Copies changes: opens a session, reads what is there of the stream in each poll, and moves the slot behind what is durable. */

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SourceOutput, SourcePosition, SourceTask, SourceTaskContext } from '../contract/source.ts';
import { definition, type PostgresSourceConfig } from './config.ts';
import { HeartbeatRecords } from './envelope/heartbeat-records.ts';
import { decodePosition, encodePosition, type StreamPosition } from './position.ts';
import { RecordSink } from './record-sink.ts';
import { openSession, type Session, sourcePartition } from './session.ts';
import { readSlot, slotComplaint } from './slot/slot-state.ts';
import { SlotWatch } from './slot/slot-watch.ts';
import { createSlot, freeSlot } from './slot/take-slot.ts';
import { planStart } from './start-plan.ts';
import { Replication } from './stream/replication.ts';
import { streamOptions } from './stream/stream-settings.ts';
import { Tables } from './stream/tables.ts';

/** A poll without anything to append comes back after this time. */
const longestPollMs = 1000;

/** How long a poll that has changes waits for more of them. */
const lingerMs = 2;

/** Reading that goes on for longer lets the rest of its thread have a turn. */
const longestTurnMs = 10;

/** How often a position is stored that has moved without any change. */
const idlePositionMs = 5000;

export class PostgresSourceTask implements SourceTask {
  #context!: SourceTaskContext;
  #config!: PostgresSourceConfig;
  #session!: Session;
  #replication: Replication | undefined;
  #heartbeats!: HeartbeatRecords;
  #watch!: SlotWatch;
  readonly #sink = new RecordSink();
  #storedLsn = 0n;
  #nextIdleMs = 0;
  #nextHeartbeatMs = Number.POSITIVE_INFINITY;
  #yieldedAtMs = 0;
  /** In a bounded run: where the server's log ended when it began. */
  #goalLsn: bigint | undefined;

  async open(context: SourceTaskContext): Promise<void> {
    this.#context = context;
    this.#config = definition.require(context.settings);
    const { clock, logger, gauges } = context;
    const config = this.#config;
    this.#session = await openSession(config, context);
    const { sql, envelope, connect } = this.#session;
    const slotName = config['slot.name'];
    this.#watch = new SlotWatch({ sql, clock, logger, gauges, slotName });
    this.#heartbeats = new HeartbeatRecords(envelope);
    if (config['heartbeat.interval.ms'] > 0) this.#nextHeartbeatMs = clock.monotonicMs();
    const [tries, delayMs] = [config['slot.max.retries'], config['slot.retry.delay.ms']];
    const { applicationName } = connect;
    await freeSlot({ sql, clock, logger, slotName, applicationName, tries, delayMs }, AbortSignal.timeout(600_000));
    const position = await this.#begin();
    if (context.once) this.#goalLsn = await this.#endOfLog();
    this.#replication = Replication.start({
      ...streamOptions(config, this.#session),
      clock,
      position,
      target: this.#sink,
      tables: this.#tables(),
      spoolFolder: join(tmpdir(), 'millrace-spool'),
    });
  }

  async poll(output: SourceOutput, signal: AbortSignal): Promise<'more' | 'finished'> {
    const { clock } = this.#context;
    this.#sink.open(output, clock.nowMs());
    const endsAtMs = clock.monotonicMs() + longestPollMs;
    const before = this.#stream.writer.changeCount;
    let firstChangeMs: number | undefined;
    while (!signal.aborted && output.roomBytes > 0) {
      const isQuiet = await this.#read(output);
      const nowMs = clock.monotonicMs();
      if (this.#stream.writer.changeCount > before) firstChangeMs ??= nowMs;
      this.#beat();
      if (isQuiet && firstChangeMs === undefined) {
        if (this.#isIdlePositionDue()) break;
        if (this.#isFinished()) return this.#end(output);
      }
      // The server sends row by row: what comes within a moment shares what a poll costs.
      const leftMs = (firstChangeMs === undefined ? endsAtMs : firstChangeMs + lingerMs) - nowMs;
      if (leftMs <= 0) break;
      if (isQuiet) await this.#wait(leftMs, signal);
    }
    this.#report(output, this.#stream.writer.changeCount > before);
    this.#watch.look();
    return 'more';
  }

  async committed(offsets: readonly SourcePosition[]): Promise<void> {
    if (this.#config['lsn.flush.mode'] === 'manual' || !this.#config['flush.lsn.source']) return;
    for (const { offset } of offsets) {
      const stored = offset === null ? undefined : decodePosition(offset);
      if (stored !== undefined) this.#stream.acknowledger.flushed(stored.position.lsn);
    }
  }

  async close(): Promise<void> {
    await this.#replication?.close();
    await this.#session?.replication.close();
    if (this.#config?.['slot.drop.on.stop'] === true) await this.#dropSlot();
    await this.#session?.client.end().catch(() => {});
  }

  get #stream(): Replication {
    if (this.#replication === undefined) throw new Error('the task was not opened');
    return this.#replication;
  }

  /** Where the stream begins; makes the slot where there is none. */
  async #begin(): Promise<StreamPosition> {
    const { stored, slot, identity, server, replication } = this.#session;
    const config = this.#config;
    const strategy = config['offset.mismatch.strategy'];
    const complaint = stored === undefined ? undefined : slotComplaint(stored, slot, identity, strategy);
    const plan = planStart({
      mode: config['snapshot.mode'],
      configured: {
        snapshots: config['snapshot.mode.configuration.based.snapshot.data'],
        streams: config['snapshot.mode.configuration.based.start.stream'],
        repairs: config['snapshot.mode.configuration.based.snapshot.on.data.error'],
      },
      stored: stored?.position,
      isSnapshotOpen: false,
      complaint,
      slot,
    });
    if (plan.slot !== 'keep') {
      if (plan.slot === 'replace') await this.#dropSlot();
      const wish = { name: identity.slot, serverVersion: server.version, failover: config['slot.failover'] };
      const made = await createSlot(replication, wish);
      this.#context.logger.info(
        { slot: identity.slot, lsn: String(made.consistentLsn) },
        'the replication slot was created',
      );
      return { lsn: made.consistentLsn, partial: undefined };
    }
    const confirmedLsn = slot?.confirmedLsn ?? 0n;
    if (stored === undefined) return { lsn: confirmedLsn, partial: undefined };
    const isPast = confirmedLsn > stored.position.lsn;
    const trustsSlot = strategy === 'trust_slot' || (strategy === 'trust_greater_lsn' && isPast);
    return trustsSlot ? { lsn: confirmedLsn, partial: undefined } : stored.position;
  }

  #tables(): Tables {
    const { sql, types, envelope, filter } = this.#session;
    const { logger } = this.#context;
    return new Tables({
      sql,
      types,
      envelope,
      isCaptured: (schema, table) => filter.isCaptured(schema, table),
      onTable: ({ shape, leftOut }) => {
        const table = `${shape.schema}.${shape.table}`;
        if (leftOut.length > 0)
          logger.warn({ table, columns: leftOut }, 'columns are left out: their types have no representation');
      },
    });
  }

  /** Takes what is there until the output is full; true when nothing more is. */
  async #read(output: SourceOutput): Promise<boolean> {
    const { reader } = this.#stream;
    const { clock } = this.#context;
    while (output.roomBytes > 0) {
      const step = reader.step();
      if (step === 'nothing') return true;
      if (step === 'unsettled') await reader.settle();
      if (clock.monotonicMs() - this.#yieldedAtMs > longestTurnMs) {
        await nextTurn();
        this.#yieldedAtMs = clock.monotonicMs();
      }
    }
    return false;
  }

  async #wait(leftMs: number, signal: AbortSignal): Promise<void> {
    const dueMs = Math.min(this.#nextHeartbeatMs - this.#context.clock.monotonicMs(), leftMs);
    await this.#stream.arrival(signal, Math.max(1, Math.ceil(dueMs)));
  }

  /** The server's log went on without anything that is captured: its slot should move too. */
  #isIdlePositionDue(): boolean {
    const { reader } = this.#stream;
    if (reader.quietLsn <= this.#storedLsn) return false;
    return reader.isAnswerWanted || this.#context.clock.monotonicMs() >= this.#nextIdleMs;
  }

  #report(output: SourceOutput, hasChanges: boolean): void {
    const { writer, reader } = this.#stream;
    const { clock, gauges } = this.#context;
    if (!hasChanges && !this.#isIdlePositionDue()) return;
    if (!hasChanges || reader.quietLsn > 0n) writer.idle(reader.quietLsn);
    reader.isAnswerWanted = false;
    const position = writer.positionNow();
    const { identity, owner } = this.#session;
    output.position(sourcePartition(this.#config), encodePosition({ position, identity, owner }));
    this.#storedLsn = position.lsn;
    this.#nextIdleMs = clock.monotonicMs() + idlePositionMs;
    if (hasChanges) gauges.set('source_lag_ms', Math.max(0, clock.nowMs() - Math.floor(writer.sourceTimeUs / 1000)));
  }

  #beat(): void {
    const { clock } = this.#context;
    if (clock.monotonicMs() < this.#nextHeartbeatMs) return;
    this.#nextHeartbeatMs = clock.monotonicMs() + this.#config['heartbeat.interval.ms'];
    this.#heartbeats.put(this.#sink, clock.nowMs());
    const query = this.#config['heartbeat.action.query'];
    if (query === undefined) return;
    this.#session.sql.query(query).catch((error: unknown) => {
      this.#context.logger.warn({ error: String(error) }, 'the query of the heartbeat failed');
    });
  }

  #isFinished(): boolean {
    if (this.#goalLsn === undefined) return false;
    const { reader, writer, acknowledger } = this.#stream;
    if (reader.quietLsn >= this.#goalLsn || writer.position.lsn >= this.#goalLsn) return true;
    // A server that has nothing to send says where its log ends only when it is asked.
    acknowledger.ask();
    return false;
  }

  #end(output: SourceOutput): 'finished' {
    this.#report(output, true);
    return 'finished';
  }

  async #endOfLog(): Promise<bigint> {
    const { sql, server } = this.#session;
    const now = server.isStandby ? 'pg_last_wal_replay_lsn' : 'pg_current_wal_flush_lsn';
    const [row] = await sql.query(`SELECT pg_catalog.${now}() - '0/0'::pg_lsn AS lsn`);
    return BigInt(row?.['lsn'] ?? 0);
  }

  async #dropSlot(): Promise<void> {
    const { sql, identity } = this.#session;
    if ((await readSlot(sql, identity.slot)) === undefined) return;
    await sql.query('SELECT pg_catalog.pg_drop_replication_slot($1)', [identity.slot]);
  }
}
