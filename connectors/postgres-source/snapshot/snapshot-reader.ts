/** Reads tables as of one moment, or of a few, over several connections, a row at a time, and says what is to be stored of it. */

import type pg from 'pg';
import type { Clock } from '../../../core/base/clock.ts';
import type { SourceOffset } from '../../contract/record.ts';
import type { TableShape, Tuple } from '../row.ts';
import { type Anchor, openAnchor } from './anchor.ts';
import { Lane } from './lane.ts';
import { LastRows, type RowPlace } from './last-rows.ts';
import type { SnapshotSource } from './sources.ts';
import { type TablePlan, TableRead } from './table-read.ts';

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
}

export interface TableOffset {
  /** `schema.table` of where the rows lie. */
  readonly table: string;
  readonly offset: SourceOffset;
}

interface TableRow {
  readonly table: TableRead;
  /** As changes of the table report it: several tables may come under one. */
  readonly tableOid: number;
  /** Stays valid until its lane has given another one of the same part. */
  readonly tuple: Tuple;
}

/**
 * Take rows with `next`; when it says null, store `takeOffsets` and wait for `arrival`, until `isDone`. Offsets count what
 * was given out, so they belong to the same transaction as the rows. What was not read is read at a later moment after a
 * restart, and when the moment has lasted for long: what changed between is told by the log, and by `fence` of the offset
 * where it need not be.
 */
export class SnapshotReader {
  readonly #options: SnapshotOptions;
  #tables: TableRead[] = [];
  #lanes: Lane[] = [];
  #anchor: Anchor | undefined;
  #momentEndsMs = Number.POSITIVE_INFINITY;
  /** Something is read as of this moment: however short it is, it gets on. */
  #isMomentUsed = false;
  #at = 0;
  /** By the object id that their changes report. */
  #groups = new Map<number, TableRead[]>();
  readonly #lastRows = new LastRows<TableRow>((oid) => {
    return this.#groups.get(oid)?.every(({ state }) => state === 'done') === true;
  });
  #shape: TableShape | undefined;
  #wake: (() => void) | undefined;
  #isReady = false;
  #again: Promise<void> | undefined;
  #failure: unknown;
  /** Rows given out. */
  rowCount = 0;
  /** Of the row that `next` gave last: whether it is the last one of its table, or of all. */
  place: RowPlace = 'within';

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
    return this.#again === undefined && this.#areTablesDone && this.#lastRows.isEmpty;
  }

  /** The next row, valid until the next call; null when none is here. Throws what the server or the connection says. */
  next(): Tuple | null {
    if (this.#failure !== undefined) throw this.#failure;
    const placed = this.#lastRows.next();
    if (placed !== undefined) return this.#give(placed.row.table, placed.row.tuple, placed.place);
    for (let tries = 0; tries < this.#lanes.length; tries++) {
      const lane = this.#lanes[this.#at];
      const tuple = lane?.next() ?? null;
      const table = lane?.table;
      if (tuple !== null && table !== undefined) {
        if (lane?.isLastOfPart !== true && this.#lastRows.isEmpty) return this.#give(table, tuple, 'within');
        this.#lastRows.add({ table, tuple, tableOid: table.source.reported.oid }, lane?.isLastOfPart === true);
        return this.next();
      }
      this.#at = (this.#at + 1) % this.#lanes.length;
    }
    this.#isReady = false;
    if (!this.#lastRows.isEmpty && this.#hasPlaced()) return this.next();
    if (this.#again === undefined && this.#needsLaterMoment()) this.#takeLaterMoment();
    return null;
  }

  #give(table: TableRead, tuple: Tuple, place: RowPlace): Tuple {
    if (table.plan === undefined) throw new Error(`${table.name} was not looked at`);
    this.#shape = table.plan.shape;
    table.hasGivenRows = true;
    this.rowCount++;
    this.place = place;
    return tuple;
  }

  /** Nothing is here: whether rows that were held back can go. */
  #hasPlaced(): boolean {
    const isOver = this.#again === undefined && this.#areTablesDone;
    if (isOver) this.#lastRows.end();
    // A table that was written anew tells all of it once more.
    else this.#lastRows.giveUp(({ table }) => table.state === 'again');
    return this.#lastRows.hasPlaced;
  }

  get #areTablesDone(): boolean {
    return this.#tables.every(({ state }) => state === 'done');
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
    // By name: a later moment has tables of its own.
    const waiting = new Set(this.#lastRows.waiting.map(({ table }) => table.name));
    return this.#tables.flatMap((table) => {
      // Its offset tells of a row that is not given out.
      if (waiting.has(table.name)) return [];
      const offset = table.takeOffset();
      return offset === undefined ? [] : [{ table: table.name, offset }];
    });
  }

  /** How far it is: tables, and the share of the bytes of those that were looked at. */
  get progress(): { readonly tables: number; readonly tablesDone: number; readonly share: number } {
    const blocks = this.#tables.reduce((sum, table) => sum + table.blocks, 0);
    const read = this.#tables.reduce((sum, table) => sum + table.blocks * table.share, 0);
    const tablesDone = this.#tables.filter(({ state }) => state === 'done').length;
    return { tables: this.#tables.length, tablesDone, share: blocks === 0 ? 1 : read / blocks };
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
    const known = new Map(this.#tables.map((table) => [table.name, table]));
    this.#tables = (await sources()).map((source) => {
      const name = `${source.stored.schema}.${source.stored.table}`;
      const earlier = known.get(name);
      if (earlier?.state === 'done') return earlier;
      const table = new TableRead({ source, stored: stored.get(name), chunkBlocks });
      table.hasGivenRows ||= earlier?.hasGivenRows === true;
      return table;
    });
    this.#groups = Map.groupBy(this.#tables, ({ source }) => source.reported.oid);
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

  /** A table nobody has looked at is one connection's until its parts are known. */
  #choose(): TableRead | undefined {
    if (this.#isMomentOver) return undefined;
    const table = this.#tables.find((each) => each.state === 'new' || (each.state === 'reading' && each.hasParts));
    this.#isMomentUsed ||= table !== undefined;
    if (table?.state === 'new') table.state = 'opening';
    return table;
  }

  /** While a moment lasts, the server keeps every row that it sees, also of other tables. */
  get #isMomentOver(): boolean {
    return this.#isMomentUsed && this.#options.clock.monotonicMs() >= this.#momentEndsMs;
  }

  #needsLaterMoment(): boolean {
    if (!this.#lanes.every(({ isIdle }) => isIdle)) return false;
    // What was written anew looks empty to those that began before.
    const isMore = this.#tables.some(({ state, hasParts }) => state === 'new' || hasParts);
    return (this.#isMomentOver && isMore) || this.#tables.some(({ state }) => state === 'again');
  }

  /** Parts that were read stay read; a table that was written anew begins from its first. */
  #takeLaterMoment(): void {
    const reading = this.#tables.filter(({ state }) => state === 'reading');
    const offsets = new Map(reading.map(({ name, offset }) => [name, offset]));
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
