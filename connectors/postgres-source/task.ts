/** Copies a database: opens a session, reads the tables where a snapshot is due, then follows the stream. */

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SourceOffset } from '../contract/record.ts';
import type { SourceOutput, SourcePosition, SourceTask, SourceTaskContext } from '../contract/source.ts';
import { definition, type PostgresSourceConfig } from './config.ts';
import { SideReads } from './incremental/side-reads.ts';
import { encodePosition, type StreamPosition } from './position.ts';
import { RecordSink } from './record-sink.ts';
import { openSession, type Session, sourcePartition } from './session.ts';
import { SlotWatch } from './slot/slot-watch.ts';
import { freeSlot } from './slot/take-slot.ts';
import { olderTransactionsEnded } from './snapshot/older-transactions.ts';
import { preparedTransactionsEnded } from './snapshot/prepared-transactions.ts';
import { SnapshotPhase } from './snapshot/snapshot-phase.ts';
import { wantedSources } from './snapshot/snapshot-plans.ts';
import { Fences, hasUnread, type StoredSnapshot, storedSnapshot } from './snapshot/snapshot-store.ts';
import { type Beginning, begin, endOfLog } from './start.ts';
import { StreamPhase } from './stream/stream-phase.ts';
import { Tables } from './stream/tables.ts';
import { endSql, openSql } from './wire/connect.ts';

const slotWaitMs = 600_000;

export class PostgresSourceTask implements SourceTask {
  #context!: SourceTaskContext;
  #config!: PostgresSourceConfig;
  #session!: Session;
  #tables!: Tables;
  #watch!: SlotWatch;
  #beginning!: Beginning;
  readonly #sink = new RecordSink();
  #snapshot: SnapshotPhase | undefined;
  #stream: StreamPhase | undefined;
  #side: SideReads | undefined;
  /** Came before the stream was begun. */
  readonly #earlySignals: SourcePosition[] = [];
  #goalLsn: bigint | undefined;
  /** By table: what is stored of the snapshot. */
  readonly #tableOffsets = new Map<string, SourceOffset>();
  /** The position of the stream was not stored with the beginning of the snapshot yet. */
  #isBeginningUnstored = false;

  async open(context: SourceTaskContext): Promise<void> {
    this.#context = context;
    this.#config = definition.require(context.settings);
    const config = this.#config;
    const { clock, logger, gauges } = context;
    this.#session = await openSession(config, context);
    const { sql, connect } = this.#session;
    const slotName = config['slot.name'];
    this.#watch = new SlotWatch({ sql, clock, logger, gauges, slotName });
    const [tries, delayMs] = [config['slot.max.retries'], config['slot.retry.delay.ms']];
    const { applicationName } = connect;
    await freeSlot({ sql, clock, logger, slotName, applicationName, tries, delayMs }, AbortSignal.timeout(slotWaitMs));
    const stored = storedSnapshot(context.storedPositions, this.#serverName);
    for (const [table, offset] of stored.tables) this.#tableOffsets.set(table, offset);
    const isSnapshotOpen = stored.isOpen || (await this.#hasNewTables(stored));
    this.#beginning = await begin({ config, session: this.#session, logger, isSnapshotOpen });
    this.#tables = this.#makeTables();
    if (this.#beginning.snapshot !== 'none') await this.#openSnapshot(this.#beginning);
    else await this.#follow();
  }

  async poll(output: SourceOutput, signal: AbortSignal): Promise<'more' | 'finished'> {
    this.#sink.open(output, this.#context.clock.nowMs());
    this.#watch.look();
    if (this.#snapshot !== undefined) return this.#pollSnapshot(this.#snapshot, output, signal);
    if (this.#stream !== undefined) return this.#stream.poll(output, signal);
    // Only a snapshot was asked for, and it is done.
    if (this.#context.once) return 'finished';
    await this.#context.clock.sleep(1000, signal).catch(() => {});
    return 'more';
  }

  async committed(offsets: readonly SourcePosition[]): Promise<void> {
    this.#stream?.committed(offsets.filter(({ partition }) => partition['server'] === this.#serverName));
  }

  signalled(signals: readonly SourcePosition[]): void {
    if (this.#side === undefined) this.#earlySignals.push(...signals);
    else this.#side.requested(signals);
  }

  async close(): Promise<void> {
    await this.#snapshot?.close();
    await this.#stream?.close();
    await this.#session?.replication.close();
    if (this.#session !== undefined) await endSql(this.#session.client);
  }

  get #serverName(): string {
    return sourcePartition(this.#config).server;
  }

  /** Tables that came with the settings; what was written before they were published is only in them. */
  async #hasNewTables(stored: StoredSnapshot): Promise<boolean> {
    const config = this.#config;
    const { sql, filter, tables } = this.#session;
    const isForSome = config['publication.autocreate.mode'] === 'filtered' && config['snapshot.mode'] !== 'no_data';
    if (!isForSome || !hasUnread(stored, wantedSources(config, filter, tables))) return false;
    await olderTransactionsEnded(sql, this.#context);
    return true;
  }

  async #openSnapshot({ position, slotSnapshot, snapshot }: Beginning): Promise<void> {
    const { connect, server, sql, filter } = this.#session;
    this.#isBeginningUnstored = true;
    if (snapshot === 'new') this.#tableOffsets.clear();
    const isTold = slotSnapshot === undefined && this.#session.slot?.isTwoPhase === true;
    if (snapshot === 'new' && isTold) await preparedTransactionsEnded(sql, this.#context);
    this.#snapshot = await SnapshotPhase.open({
      config: this.#config,
      context: this.#context,
      serverName: this.#serverName,
      ...{ server, sql, filter, slotSnapshot },
      target: this.#sink,
      connect: () => openSql(connect),
      encoderOf: (shape) => this.#tables.encoderOf(shape),
      lsn: position.lsn,
      isNew: snapshot === 'new',
      finalPosition: () => this.#storedAs(position),
    });
  }

  async #pollSnapshot(snapshot: SnapshotPhase, output: SourceOutput, signal: AbortSignal): Promise<'more'> {
    if (this.#isBeginningUnstored) {
      // From now on the slot is known to be ours, and a gap in it would be noticed.
      this.#isBeginningUnstored = false;
      const { partition, offset } = this.#storedAs(this.#beginning.position);
      output.position(partition, offset);
    }
    const isDone = await snapshot.poll(this.#noting(output), signal);
    if (snapshot.isBetweenParts) output.transactionEnds();
    if (!isDone) return 'more';
    await snapshot.close();
    this.#snapshot = undefined;
    await this.#follow();
    return 'more';
  }

  /** The output, with an ear for what is stored of tables. */
  #noting(output: SourceOutput): SourceOutput {
    const offsets = this.#tableOffsets;
    return {
      partition: (topic, spread) => output.partition(topic, spread),
      transactionEnds: () => output.transactionEnds(),
      get roomBytes() {
        return output.roomBytes;
      },
      get busy() {
        return output.busy;
      },
      position(partition, offset) {
        const table = partition['table'];
        if (typeof table === 'string' && offset === null) offsets.delete(table);
        else if (typeof table === 'string' && offset !== null) offsets.set(table, offset);
        output.position(partition, offset);
      },
    };
  }

  async #follow(): Promise<void> {
    const { position, streams } = this.#beginning;
    if (!streams) return;
    if (this.#context.once) this.#goalLsn ??= await endOfLog(this.#session);
    const shared = { config: this.#config, context: this.#context, session: this.#session, tables: this.#tables };
    this.#side = new SideReads({ ...shared, target: this.#sink });
    this.#side.requested(this.#earlySignals.splice(0));
    this.#stream = new StreamPhase({
      ...shared,
      sink: this.#sink,
      side: this.#side,
      position,
      seen: new Fences(this.#tableOffsets),
      goalLsn: this.#goalLsn,
      spoolFolder: join(tmpdir(), 'millrace-spool'),
      storedAs: (reached) => this.#storedAs(reached),
    });
  }

  #storedAs(position: StreamPosition): SourcePosition {
    const { identity, owner } = this.#session;
    return { partition: sourcePartition(this.#config), offset: encodePosition({ position, identity, owner }) };
  }

  #makeTables(): Tables {
    const { sql, types, envelope, filter } = this.#session;
    const { logger } = this.#context;
    return new Tables({
      ...{ sql, types, envelope },
      isCaptured: (schema, table) => filter.isCaptured(schema, table),
      onTable: ({ shape, leftOut }) => {
        if (leftOut.length === 0) return;
        const table = `${shape.schema}.${shape.table}`;
        logger.warn({ table, columns: leftOut }, 'columns are left out: their types have no representation');
      },
    });
  }
}
