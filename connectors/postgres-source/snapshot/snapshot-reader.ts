/** Reads tables as of one moment, or of a few, over several connections, a row at a time, and says what is to be stored of it. */

import type pg from 'pg';
import type { Clock } from '../../../core/base/clock.ts';
import type { SourceOffset } from '../../contract/record.ts';
import type { TableShape, Tuple } from '../row.ts';
import { type Anchor, openAnchor } from './anchor.ts';
import type { Chunk } from './chunks.ts';
import { Lane } from './lane.ts';
import { LastRows, type RowPlace } from './last-rows.ts';
import { SnapshotTables, type TableOffset } from './snapshot-tables.ts';
import type { SnapshotSource } from './sources.ts';
import type { TablePlan, TableRead } from './table-read.ts';

export interface SnapshotOptions {
  /** A connection of its own, with the settings that decide how values are printed. */
  connect(): Promise<pg.Client>;
  /** Tables of now, in the order in which they are begun. Asked again when some must be read anew. */
  sources(): Promise<readonly SnapshotSource[]>;
  /** Called once for each table before its first row; undefined when it is gone. */
  plan(source: SnapshotSource): Promise<TablePlan | undefined>;
  /** By `schema.table` of where rows lie: what earlier runs have stored. */
  readonly stored: ReadonlyMap<string, SourceOffset>;
  /** The moment a new slot was made at; undefined to read at a moment of its own. */
  readonly slotSnapshot: string | undefined;
  readonly clock: Clock;
  /** `snapshot.moment.max.ms` */
  readonly longestMomentMs: number;
  /** `snapshot.max.threads` */
  readonly laneCount: number;
  /** `snapshot.chunk.bytes`; 0 where the server cannot read a range of blocks (before version 14). */
  readonly chunkBytes: number;
  readonly blockBytes: number;
  /** Rows of a part are given out one behind the other, and never in between those of another one. */
  readonly keepsParts: boolean;
}

interface TableRow {
  readonly table: TableRead;
  /** As changes of the table report it: several tables may come under one. */
  readonly tableOid: number;
  /** Stays valid until its lane has given another one of the same part. */
  readonly tuple: Tuple;
  /** Its part. */
  readonly chunk: Chunk;
  readonly isLastOfPart: boolean;
}

/**
 * Take rows with `next`; when it says null, store `takeOffsets` and wait for `arrival`, until `isDone`. Offsets count what
 * was given out, so they belong to the same transaction as the rows. What was not read is read at a later moment after a
 * restart, and when the moment has lasted for long: what changed between is told by the log, and by `fence` of the offset
 * where it need not be.
 */
export class SnapshotReader {
  readonly #options: SnapshotOptions;
  readonly #tables = new SnapshotTables();
  #lanes: Lane[] = [];
  #anchor: Anchor | undefined;
  #momentEndsMs = Number.POSITIVE_INFINITY;
  /** Something is read as of this moment: however short it is, it gets on. */
  #isMomentUsed = false;
  #at = 0;
  readonly #lastRows = new LastRows<TableRow>((oid) => this.#tables.isRead(oid));
  /** With `keepsParts`: whose part has begun; the others wait. */
  #openLane: Lane | undefined;
  #shape: TableShape | undefined;
  #wake: (() => void) | undefined;
  #isReady = false;
  #again: Promise<void> | undefined;
  #failure: unknown;
  /** Rows given out. */
  rowCount = 0;
  /** Of the row that `next` gave last: whether it is the last one of its table, or of all. */
  place: RowPlace = 'within';
  /** No part is given out in part, apart from those whose size has no bound. Means something with `keepsParts` alone. */
  isBetweenParts = true;

  private constructor(options: SnapshotOptions) {
    this.#options = options;
  }

  /** Begins to read; rejects with what the server says. */
  static async open(options: SnapshotOptions): Promise<SnapshotReader> {
    const reader = new SnapshotReader(options);
    try {
      await reader.#begin(options.slotSnapshot, options.stored);
    } catch (error) {
      await reader.#end();
      throw error;
    }
    return reader;
  }

  /** Of the row that `next` gave last. */
  get shape(): TableShape {
    if (this.#shape === undefined) throw new Error('no row was taken');
    return this.#shape;
  }

  get isDone(): boolean {
    return this.#again === undefined && this.#tables.areDone;
  }

  /** The next row, valid until the next call; null when none is here. Throws what the server or the connection says. */
  next(): Tuple | null {
    if (this.#failure !== undefined) throw this.#failure;
    const placed = this.#lastRows.next();
    if (placed !== undefined) return this.#give(placed.row, placed.place);
    for (let tries = 0; tries < this.#lanes.length; tries++) {
      const lane = this.#lanes[this.#at];
      const tuple = lane === undefined ? null : this.#nextOf(lane);
      if (tuple !== null) return tuple;
      if (this.#lastRows.hasPlaced) return this.next();
      this.#at = (this.#at + 1) % this.#lanes.length;
    }
    this.#isReady = false;
    if (!this.#lastRows.isEmpty) this.#placeHeld();
    if (this.#lastRows.hasPlaced) return this.next();
    if (this.#again === undefined && this.#needsLaterMoment()) this.#takeLaterMoment();
    return null;
  }

  /** null also where what came is placed or held back. */
  #nextOf(lane: Lane): Tuple | null {
    if (this.#options.keepsParts && this.#mustWait(lane)) {
      lane.begin();
      return null;
    }
    for (let tuple = lane.next(); tuple !== null; tuple = lane.next()) {
      const { table, chunk, isLastOfPart } = lane;
      if (table === undefined || chunk === undefined) throw new Error('a row came out of no part');
      this.#openLane = isLastOfPart ? undefined : lane;
      if (!isLastOfPart && this.#lastRows.isEmpty) return this.#count(table, tuple, chunk, 'within');
      if (isLastOfPart) table.holdBack();
      this.#lastRows.add({ table, tuple, tableOid: table.source.reported.oid, chunk, isLastOfPart }, isLastOfPart);
      if (this.#lastRows.hasPlaced) return null;
    }
    return null;
  }

  #give({ table, tuple, chunk, isLastOfPart }: TableRow, place: RowPlace): Tuple {
    this.#count(table, tuple, chunk, place);
    if (!isLastOfPart) return tuple;
    this.isBetweenParts = true;
    table.giveOut(chunk);
    return tuple;
  }

  #count(table: TableRead, tuple: Tuple, chunk: Chunk, place: RowPlace): Tuple {
    if (table.plan === undefined) throw new Error(`${table.name} was not looked at`);
    this.#shape = table.plan.shape;
    table.hasGivenRows = true;
    this.rowCount++;
    this.place = place;
    this.isBetweenParts = chunk.toBlock === null;
    return tuple;
  }

  /** Behind the end of a part its own table goes on: what comes there tells whether a row is the last one. */
  #mustWait(lane: Lane): boolean {
    if (this.#openLane !== undefined) return lane !== this.#openLane;
    const [held] = this.#lastRows.held;
    return (
      held !== undefined && !this.#tables.isRead(held.tableOid) && lane.table?.source.reported.oid !== held.tableOid
    );
  }

  /** Nothing is here: rows that were held back go, where nothing more can tell of them. */
  #placeHeld(): void {
    if (this.#again !== undefined) return;
    if (this.#tables.areRead) {
      this.#lastRows.end();
      return;
    }
    const isOver = this.#needsLaterMoment();
    const isAtRest = (oid: number) =>
      this.#lanes.every(({ isIdle, table }) => isIdle || table?.source.reported.oid !== oid);
    this.#lastRows.giveUp(({ table, tableOid }) => {
      if (isOver) return !table.isRead;
      return this.#options.keepsParts && !this.#tables.isRead(tableOid) && isAtRest(tableOid);
    });
  }

  /** Resolves when `next` may have something, the snapshot is done, or `signal` aborts. */
  async arrival(signal: AbortSignal): Promise<void> {
    if (this.#isReady || this.isDone || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    this.#wake = wake;
    signal.addEventListener('abort', wake, { once: true });
    await promise;
    signal.removeEventListener('abort', wake);
    this.#wake = undefined;
  }

  /** What has changed since the last call, for the rows given out so far. */
  takeOffsets(): TableOffset[] {
    return this.#tables.takeOffsets();
  }

  get progress(): SnapshotTables['progress'] {
    return this.#tables.progress;
  }

  async close(): Promise<void> {
    await this.#again?.catch(() => {});
    await this.#end();
  }

  async #begin(slotSnapshot: string | undefined, stored: ReadonlyMap<string, SourceOffset>): Promise<void> {
    const { connect, sources, laneCount, chunkBytes, blockBytes, clock, longestMomentMs } = this.#options;
    const chunkBlocks = chunkBytes === 0 ? 0 : Math.max(1, Math.floor(chunkBytes / blockBytes));
    const anchor = await openAnchor(await connect(), slotSnapshot);
    this.#anchor = anchor;
    this.#momentEndsMs = clock.monotonicMs() + longestMomentMs;
    this.#isMomentUsed = false;
    this.#tables.begin(await sources(), stored, chunkBlocks);
    this.#lanes = Array.from({ length: laneCount }, () => {
      return new Lane({
        connect,
        blockBytes,
        snapshotName: anchor.name,
        choose: () => this.#choose(),
        plan: (table) => this.#options.plan(table.source),
        look: (table, plan, layout) => table.look(plan, layout, anchor.fence),
        onReady: () => this.#ready(),
      });
    });
    this.#at = 0;
    this.#ready();
  }

  #choose(): TableRead | undefined {
    if (this.#isMomentOver) return undefined;
    const table = this.#tables.choose();
    this.#isMomentUsed ||= table !== undefined;
    return table;
  }

  /** While a moment lasts, the server keeps every row that it sees, also of other tables. */
  get #isMomentOver(): boolean {
    return this.#isMomentUsed && this.#options.clock.monotonicMs() >= this.#momentEndsMs;
  }

  #needsLaterMoment(): boolean {
    if (!this.#lanes.every(({ isIdle }) => isIdle)) return false;
    // What was written anew looks empty to those that began before.
    return (this.#isMomentOver && this.#tables.haveParts) || this.#tables.areToBeReadAgain;
  }

  /** Parts that were read stay read; a table that was written anew begins from its first. */
  #takeLaterMoment(): void {
    const { offsets } = this.#tables;
    this.#again = this.#end()
      .then(() => this.#begin(undefined, offsets))
      .catch((error: unknown) => {
        this.#failure = error;
      })
      .finally(() => {
        this.#again = undefined;
        this.#ready();
      });
  }

  async #end(): Promise<void> {
    const lanes = this.#lanes;
    this.#lanes = [];
    await Promise.all(lanes.map((lane) => lane.close()));
    await this.#anchor?.close();
    this.#anchor = undefined;
  }

  #ready(): void {
    this.#isReady = true;
    this.#wake?.();
  }
}
