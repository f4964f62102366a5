/** The snapshot as part of a task: polls that append rows and store how far it is, until everything is read. */

import type pg from 'pg';
import type { SourceOutput, SourcePosition, SourceTaskContext } from '../../contract/source.ts';
import type { CatalogPort } from '../catalog/port.ts';
import type { ServerFacts } from '../catalog/server-facts.ts';
import type { TableFilter } from '../catalog/table-filter.ts';
import type { PostgresSourceConfig } from '../config.ts';
import {
  type ChangeFacts,
  emptyFacts,
  type RecordTarget,
  type SnapshotMarker,
  type TableEncoder,
} from '../envelope/change.ts';
import type { TableShape } from '../row.ts';
import { SnapshotPlans } from './snapshot-plans.ts';
import { SnapshotReader } from './snapshot-reader.ts';
import { snapshotMark, storedSnapshot, tablePosition } from './snapshot-store.ts';

/** Ranges of blocks can be read since this version. */
const rangesSince = 140_000;
/** A poll without anything to append comes back after this time. */
const longestPollMs = 1000;

export interface SnapshotPhaseOptions {
  readonly config: PostgresSourceConfig;
  readonly context: Pick<SourceTaskContext, 'clock' | 'logger' | 'gauges' | 'storedPositions' | 'marksTransactions'>;
  /** As in the source partition of the stream. */
  readonly serverName: string;
  readonly server: ServerFacts;
  readonly sql: CatalogPort;
  readonly filter: TableFilter;
  /** Rows go there; its output is the one of the poll. */
  readonly target: RecordTarget;
  connect(): Promise<pg.Client>;
  encoderOf(shape: TableShape): Promise<TableEncoder>;
  /** Of the slot that was just made, and is not read yet; undefined to read at a moment of its own. */
  readonly slotSnapshot: string | undefined;
  /** Where the stream begins: stands in records as their position. */
  readonly lsn: bigint;
  /** Begins anew, whatever is stored of an earlier one. */
  readonly isNew: boolean;
  /** Stored in one with the end of the snapshot: where the stream begins. */
  finalPosition(): SourcePosition;
}

export class SnapshotPhase {
  readonly #options: SnapshotPhaseOptions;
  readonly #encoders: Map<TableShape, TableEncoder>;
  readonly #reader: SnapshotReader;
  readonly #facts: ChangeFacts = emptyFacts();
  readonly #startedMs: number;
  /** By object id. */
  readonly #begunTables = new Set<number>();
  #isMarked = false;
  #completedMs: number | undefined;
  /** The last poll ended within a part. */
  #isPartTold = false;
  /** Room in the output below which a poll ends with the next part, so that none has to be held in part. */
  #enoughRoomBytes = 0;
  #shape: TableShape | undefined;
  #encoder: TableEncoder | undefined;

  private constructor(options: SnapshotPhaseOptions, reader: SnapshotReader, encoders: Map<TableShape, TableEncoder>) {
    this.#options = options;
    this.#reader = reader;
    this.#encoders = encoders;
    const { clock } = options.context;
    this.#startedMs = clock.monotonicMs();
    this.#facts.op = 'r';
    this.#facts.lsn = options.lsn;
    this.#facts.sourceTimeUs = clock.nowMs() * 1000;
  }

  /** Takes the moment of the slot over before it resolves, so that the stream may begin. */
  static async open(options: SnapshotPhaseOptions): Promise<SnapshotPhase> {
    const { config, context, sql, filter, server, serverName, connect, slotSnapshot, isNew } = options;
    const encoders = new Map<TableShape, TableEncoder>();
    const prepare = async (shape: TableShape) => {
      encoders.set(shape, await options.encoderOf(shape));
    };
    const plans = new SnapshotPlans({ config, sql, filter, serverVersion: server.version, prepare });
    const reader = await SnapshotReader.open({
      connect,
      slotSnapshot,
      sources: () => plans.sources(),
      plan: (source) => plans.plan(source),
      stored: isNew ? new Map() : storedSnapshot(context.storedPositions, serverName).tables,
      clock: context.clock,
      longestMomentMs: config['snapshot.moment.max.ms'],
      laneCount: config['snapshot.max.threads'],
      chunkBytes: server.version >= rangesSince ? config['snapshot.chunk.bytes'] : 0,
      blockBytes: server.blockBytes,
      keepsParts: context.marksTransactions,
    });
    context.logger.info({ tables: reader.progress.tables, isNew }, 'the snapshot begins');
    return new SnapshotPhase(options, reader, encoders);
  }

  /** Appends what is there until the output is full; true when everything is read and stored as such. */
  async poll(output: SourceOutput, signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#options.context;
    if (this.#completedMs !== undefined) return this.#delay(this.#completedMs, signal);
    this.#mark(output);
    this.#facts.nowUs = clock.nowMs() * 1000;
    const startsInMs = this.#startedMs + this.#options.config['snapshot.delay.ms'] - clock.monotonicMs();
    if (startsInMs > 0) {
      await clock.sleep(Math.min(startsInMs, longestPollMs), signal).catch(() => {});
      return false;
    }
    const before = this.#reader.rowCount;
    this.#enoughRoomBytes = output.roomBytes / 2;
    // One for all waits of the poll: there are thousands in a second.
    const ends = AbortSignal.any([signal, AbortSignal.timeout(longestPollMs)]);
    while (!ends.aborted && output.roomBytes > 0 && !this.#reader.isDone) {
      this.#append(output);
      if (this.#hasEnough(output) || this.#reader.isDone) break;
      await this.#reader.arrival(ends);
    }
    this.#isPartTold = !this.isBetweenParts;
    return this.#report(output, this.#reader.rowCount - before);
  }

  /** True once the pause between the snapshot and the changes is over. */
  async #delay(completedMs: number, signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#options.context;
    const leftMs = completedMs + this.#options.config['streaming.delay.ms'] - clock.monotonicMs();
    if (leftMs > 0) await clock.sleep(Math.min(leftMs, longestPollMs), signal).catch(() => {});
    return leftMs <= longestPollMs && !signal.aborted;
  }

  /** No part of a table was told in part, or nobody asked for that: what was read may become visible. */
  get isBetweenParts(): boolean {
    return !this.#options.context.marksTransactions || this.#reader.isBetweenParts;
  }

  close(): Promise<void> {
    return this.#reader.close();
  }

  #append(output: SourceOutput): void {
    const { target } = this.#options;
    const facts = this.#facts;
    for (let row = this.#reader.next(); row !== null; row = this.#reader.next()) {
      const { shape, place } = this.#reader;
      facts.snapshot = 'true';
      if (shape !== this.#shape) {
        this.#shape = shape;
        this.#encoder = this.#encoders.get(shape);
        if (!this.#begunTables.has(shape.tableOid)) facts.snapshot = this.#first(shape.tableOid);
      }
      if (place !== 'within') facts.snapshot = lastMarker(place, facts.snapshot);
      this.#encoder?.encode(facts, null, row, target);
      if (this.#hasEnough(output)) return;
    }
  }

  /** The output is full, or the poll is better ended than filled. */
  #hasEnough(output: SourceOutput): boolean {
    if (output.roomBytes <= 0) return true;
    if (!this.#options.context.marksTransactions || !this.#reader.isBetweenParts) return false;
    return this.#isPartTold || output.roomBytes < this.#enoughRoomBytes;
  }

  #first(tableOid: number): 'first' | 'first_in_data_collection' {
    this.#begunTables.add(tableOid);
    return this.#begunTables.size === 1 ? 'first' : 'first_in_data_collection';
  }

  /** Before anything else is stored: that there is a snapshot, and nothing of an earlier one. */
  #mark(output: SourceOutput): void {
    if (this.#isMarked) return;
    this.#isMarked = true;
    const { serverName, context, isNew } = this.#options;
    put(output, snapshotMark(serverName, true));
    if (!isNew) return;
    for (const table of storedSnapshot(context.storedPositions, serverName).tables.keys()) {
      put(output, tablePosition(serverName, table, null));
    }
  }

  #report(output: SourceOutput, rows: number): boolean {
    const { config, serverName, context, finalPosition } = this.#options;
    for (const { table, offset } of this.#reader.takeOffsets()) {
      put(output, tablePosition(serverName, table, offset));
    }
    const { tables, tablesDone, share } = this.#reader.progress;
    const { gauges, clock, logger } = context;
    gauges.add('snapshot_rows_total', rows);
    gauges.set('snapshot_rows', this.#reader.rowCount);
    if (share > 0) gauges.set('snapshot_rows_estimated', Math.round(this.#reader.rowCount / share));
    gauges.set('snapshot_tables', tables);
    gauges.set('snapshot_tables_done', tablesDone);
    const spentS = (clock.monotonicMs() - this.#startedMs) / 1000;
    if (share > 0) gauges.set('snapshot_remaining_seconds', Math.round((spentS * (1 - share)) / share));
    if (!this.#reader.isDone) return false;
    put(output, snapshotMark(serverName, false));
    put(output, finalPosition());
    logger.info({ tables, rows: this.#reader.rowCount, seconds: Math.round(spentS) }, 'the snapshot is complete');
    this.#completedMs = clock.monotonicMs();
    return config['streaming.delay.ms'] === 0;
  }
}

/** Of a row that is both the first and the last one, the marker that counts more is told, as Debezium does. */
function lastMarker(place: 'last' | 'lastOfTable', first: SnapshotMarker): SnapshotMarker {
  if (place === 'last') return 'last';
  return first === 'first' ? 'first' : 'last_in_data_collection';
}

function put(output: SourceOutput, { partition, offset }: SourcePosition): void {
  output.position(partition, offset);
}
