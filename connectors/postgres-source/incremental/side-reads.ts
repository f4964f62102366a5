/** All that happens beside the stream, as part of a task: signals, new tables, and the tables that are read for them. */

import type { SourceOutput, SourcePosition, SourceTaskContext } from '../../contract/source.ts';
import { catalogTables } from '../catalog/captured-tables.ts';
import { publication } from '../catalog/publications.ts';
import { sqlOver } from '../catalog/sql.ts';
import { signalTableOf } from '../catalog/table-filter.ts';
import type { PostgresSourceConfig } from '../config.ts';
import type { RecordTarget } from '../envelope/change.ts';
import { lsnText } from '../lsn.ts';
import { applyPublication } from '../publication/apply.ts';
import type { TableShape, Tuple } from '../row.ts';
import { type Session, sourcePartition } from '../session.ts';
import type { ChangeWatch } from '../stream/change-watch.ts';
import type { Tables } from '../stream/tables.ts';
import { endSql, openSql } from '../wire/connect.ts';
import { ChunkReader } from './chunk-reader.ts';
import { IncrementalReads } from './incremental-reads.ts';
import { NewTables } from './new-tables.ts';
import { RequestedReads } from './requested-reads.ts';
import { SignalDesk } from './signal-desk.ts';
import type { RowOperation } from './window.ts';

export interface SideReadsOptions {
  readonly config: PostgresSourceConfig;
  readonly context: Pick<SourceTaskContext, 'clock' | 'logger' | 'gauges' | 'once' | 'storedPositions'>;
  readonly session: Session;
  readonly tables: Tables;
  readonly target: RecordTarget;
}

/** Of rows that are held. */
const mostChunkBytes = 4 * 1024 * 1024;

export class SideReads implements ChangeWatch {
  readonly #desk: SignalDesk;
  readonly #incremental: IncrementalReads;
  readonly #newTables: NewTables | undefined;
  #lsn = 0n;

  constructor({ config, context, session, tables, target }: SideReadsOptions) {
    const { sql, filter, connect, server } = session;
    const { clock, logger, gauges, storedPositions } = context;
    const name = sourcePartition(config).server;
    const reads = new RequestedReads(name, storedPositions);
    const about = { publication: config['publication.name'], serverVersion: server.version };
    const viaPartitionRoot = config['publish.via.partition.root'];
    const isCaptured = (schema: string, table: string) => filter.isCaptured(schema, table);
    const all = () => catalogTables(sql);
    const shared = { reads, isCaptured, viaPartitionRoot, logger };
    const signalTable = signalTableOf(config);
    this.#desk = new SignalDesk({ ...shared, table: signalTable, tables: all });
    this.#incremental = new IncrementalReads({
      ...{ reads, target, clock, logger, gauges },
      chunkRows: config['incremental.snapshot.chunk.size'],
      encoderOf: (shape) => tables.encoderOf(shape),
      reader: new ChunkReader({
        ...about,
        connect: () => openSql(connect),
        where: `${connect.host}:${connect.port}/${connect.database}`,
        mostBytes: mostChunkBytes,
        awaitsPrepared: config['slot.two.phase'] || session.slot?.isTwoPhase === true,
      }),
    });
    this.#desk.requested(storedPositions);
    if (context.once) return;
    this.#newTables = new NewTables({
      ...{ ...shared, sql, server: name, clock, all },
      tables: session.tables,
      isWanted: (schema, table) => isCaptured(schema, table) || `${schema}.${table}` === signalTable,
      areRead: config['snapshot.mode'] !== 'no_data',
      publication: () => publication(sql, about.publication, about.serverVersion),
      publish: async (found) => {
        if (config['publication.autocreate.mode'] !== 'filtered' || server.isStandby) return;
        // Whoever holds a table would make the stream wait on the connection it has.
        const client = await openSql(connect);
        try {
          const { skippedOperations } = session.envelope;
          const own = { config, filter, logger, skippedOperations, serverVersion: server.version, isStandby: false };
          await applyPublication({ ...own, sql: sqlOver(client, connect.host), tables: found });
        } finally {
          await endSql(client);
        }
      },
    });
  }

  get isActive(): boolean {
    return this.#incremental.isActive || this.#desk.isWaiting;
  }

  /** The stream must not be read now. */
  get holdsStream(): boolean {
    return this.#incremental.holdsStream;
  }

  /** A chunk waits for the stream: where its end is should be asked for. */
  get needsEnd(): boolean {
    return this.#incremental.isWaiting;
  }

  /** Aborts when what was asked of the server is there; undefined where nothing was asked. */
  get arrival(): AbortSignal | undefined {
    return this.#incremental.arrival;
  }

  get rowCount(): number {
    return this.#incremental.rowCount;
  }

  /** Stored requests, at any time. */
  requested(positions: readonly SourcePosition[]): void {
    this.#desk.requested(positions);
  }

  /** Now and then: begins to look for new tables. */
  look(): void {
    this.#newTables?.advance();
  }

  /** Between two messages of the stream, while it is active. See `IncrementalReads.advance`. */
  advance(output: SourceOutput, toldLsn: bigint, passed: (lsn: bigint) => boolean): void {
    this.#incremental.advance(output, toldLsn, passed);
  }

  /** What is to be stored with the position of the stream. */
  takePositions(): SourcePosition[] {
    const newTables = this.#newTables?.takePositions() ?? [];
    return [...this.#incremental.takePositions(), ...this.#desk.takePositions(), ...newTables];
  }

  close(): Promise<void> {
    return this.#incremental.close();
  }

  get tableOid(): number {
    return this.#incremental.tableOid;
  }

  get isWaiting(): boolean {
    return this.#desk.isWaiting;
  }

  async settle(): Promise<void> {
    await this.#desk.settle(lsnText(this.#lsn));
    this.#incremental.changed();
  }

  begun(transactionId: number, commitLsn: bigint): void {
    this.#lsn = commitLsn;
    this.#incremental.begun(transactionId);
  }

  relation(shape: TableShape): void {
    this.#desk.relation(shape);
    this.#newTables?.relation(shape);
  }

  inserted(shape: TableShape, row: Tuple): void {
    this.#desk.inserted(shape, row);
  }

  change(op: RowOperation, shape: TableShape, before: Tuple | null, after: Tuple | null, transactionId: number): void {
    this.#incremental.change(op, shape, before, after, transactionId);
  }
}
