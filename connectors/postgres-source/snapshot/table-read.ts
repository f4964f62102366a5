/** One table that is being read for a snapshot: its parts, and what is stored of it. */

import type { SourceOffset } from '../../contract/record.ts';
import type { TableShape } from '../row.ts';
import { type Chunk, decodeProgress, encodeProgress, TableChunks } from './chunks.ts';
import { encodeFence, type Fence } from './fence.ts';
import { chunkStatement, type SnapshotSource } from './sources.ts';

/** What is known of a table before its first row is read. */
export interface TablePlan {
  readonly shape: TableShape;
  readonly rowFilter: string | null;
  readonly override: string | undefined;
}

interface TableReadOptions {
  readonly source: SnapshotSource;
  /** From an earlier run. */
  readonly stored: SourceOffset | undefined;
  /** Blocks of a part; 0 for tables in one. */
  readonly chunkBlocks: number;
}

export class TableRead {
  readonly source: SnapshotSource;
  plan: TablePlan | undefined;
  /** `new` until a connection has looked at it. */
  state: 'new' | 'opening' | 'reading' | 'done' | 'again' = 'new';
  /** Rows were given out. */
  hasGivenRows: boolean;
  readonly #stored: SourceOffset | undefined;
  readonly #chunkBlocks: number;
  #chunks: TableChunks | undefined;
  /** Parts that are read, and whose last row is held back. */
  #heldBack = 0;
  #isGone = false;
  #hasNews = false;
  #fence: Fence | null = null;
  /** Behind everything a later moment has seen; undefined while all rows are of one. */
  #laterLsn: bigint | undefined;

  constructor({ source, stored, chunkBlocks }: TableReadOptions) {
    this.source = source;
    this.#stored = stored;
    this.#chunkBlocks = chunkBlocks;
    this.hasGivenRows = stored !== undefined;
    if (stored?.['done'] === true) this.state = 'done';
  }

  /** `schema.table` of where the rows lie. */
  get name(): string {
    return `${this.source.stored.schema}.${this.source.stored.table}`;
  }

  get share(): number {
    return this.state === 'done' ? 1 : (this.#chunks?.share ?? 0);
  }

  /** Of the whole table; 0 before it was looked at. */
  get blocks(): number {
    return this.#chunks?.layout.blocks ?? 0;
  }

  /** False when it was written anew since its first part was read. `fence` is of the moment it is read at. */
  look(plan: TablePlan, layout: { filenode: number; blocks: number }, fence: Fence | null): boolean {
    if (this.#chunks !== undefined) return this.#chunks.layout.filenode === layout.filenode;
    this.plan = plan;
    const chunkBlocks = plan.override === undefined ? this.#chunkBlocks : 0;
    this.#chunks = new TableChunks(layout, chunkBlocks, this.#stored && decodeProgress(this.#stored));
    // Where rows of an earlier moment were given out, the log must tell all that came since.
    this.#fence = this.hasGivenRows ? null : fence;
    this.#laterLsn = this.hasGivenRows ? fence?.endLsn : undefined;
    this.state = 'reading';
    this.#settle();
    return true;
  }

  /** Some part was not taken yet. */
  get hasParts(): boolean {
    return this.#chunks?.hasMore === true;
  }

  /** Everything is read, though some of it may be held back. */
  get isRead(): boolean {
    return this.state === 'done' || this.#isGone || (this.state === 'reading' && this.#chunks?.left === this.#heldBack);
  }

  take(): Chunk | null {
    return this.#chunks?.take() ?? null;
  }

  statement(chunk: Chunk): { readonly text: string; readonly width: number } {
    if (this.plan === undefined) throw new Error(`${this.name} was not looked at`);
    return {
      text: chunkStatement({ source: this.source, ...this.plan }, chunk),
      width: this.plan.shape.columns.length,
    };
  }

  /** All rows of a part are read, and the last of them waits: only with it the part is finished. */
  holdBack(): void {
    this.#heldBack++;
  }

  /** What was held back of the part is given out. */
  giveOut(chunk: Chunk): void {
    this.#heldBack--;
    this.finish(chunk);
  }

  finish(chunk: Chunk): void {
    this.#chunks?.finish(chunk);
    this.#settle();
  }

  /** The table is gone: nothing more is to be read. */
  giveUp(): void {
    this.#isGone = true;
    this.#settle();
  }

  /** It must be read from its beginning, at another moment. */
  readAgain(): void {
    this.state = 'again';
  }

  /** What is to be stored, if that has changed since the last call. */
  takeOffset(): SourceOffset | undefined {
    if (!this.#hasNews) return undefined;
    this.#hasNews = false;
    return this.offset;
  }

  /** What a later run, or a later moment, goes on from. */
  get offset(): SourceOffset {
    const { oid } = this.source.reported;
    if (this.state === 'done') return { done: true, oid, ...this.#whatIsSeen };
    const progress = this.#chunks === undefined ? {} : encodeProgress(this.#chunks.progress);
    return { done: false, oid, ...progress };
  }

  get #whatIsSeen(): SourceOffset {
    if (this.#fence !== null) return encodeFence(this.#fence);
    return this.#laterLsn === undefined ? {} : { moments_lsn: this.#laterLsn.toString() };
  }

  #settle(): void {
    this.#hasNews = true;
    if (this.state === 'reading' && this.#chunks?.isDone) this.state = 'done';
    if (this.#isGone && this.#heldBack === 0) this.state = 'done';
  }
}
