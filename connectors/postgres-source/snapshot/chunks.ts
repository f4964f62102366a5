/** A table in parts of blocks: which are read, which are to be read, and how that is stored. Pure. */

import type { SourceOffset } from '../../contract/record.ts';

/** How a table lies on disk. */
interface TableLayout {
  /** Of its file: another number means that it was written anew, and every row lies elsewhere. */
  readonly filenode: number;
  readonly blocks: number;
}

/** The blocks [from, to) of a table. */
export interface Chunk {
  readonly index: number;
  readonly fromBlock: number;
  /** null: to its end, from the beginning. */
  readonly toBlock: number | null;
}

/** What is stored of a table that is being read. */
interface TableProgress extends TableLayout {
  readonly chunkBlocks: number;
  /** So many chunks from the first one on are read. */
  readonly done: number;
  /** Chunks behind them that are read too. */
  readonly more: readonly number[];
}

export class TableChunks {
  readonly layout: TableLayout;
  readonly chunkBlocks: number;
  readonly count: number;
  readonly #read = new Set<number>();
  #done = 0;
  #next = 0;

  /** `chunkBlocks` 0 reads the table in one part. With `progress` that fits, what is read stays read. */
  constructor(layout: TableLayout, chunkBlocks: number, progress?: TableProgress) {
    const isSame = progress !== undefined && progress.filenode === layout.filenode;
    // Blocks that came since hold rows that changed since, and changes are read from the log.
    this.layout = isSame ? { filenode: layout.filenode, blocks: progress.blocks } : layout;
    this.chunkBlocks = isSame ? progress.chunkBlocks : chunkBlocks;
    this.count = this.chunkBlocks === 0 ? 1 : Math.ceil(this.layout.blocks / this.chunkBlocks);
    if (!isSame) return;
    this.#done = Math.min(progress.done, this.count);
    for (const index of progress.more) this.#read.add(index);
    this.#next = this.#done;
  }

  get isDone(): boolean {
    return this.#done >= this.count;
  }

  /** Parts that are not finished. */
  get left(): number {
    return this.count - this.#done - this.#read.size;
  }

  /** From 0 to 1. */
  get share(): number {
    return this.count === 0 ? 1 : (this.#done + this.#read.size) / this.count;
  }

  /** The next part to read; null when all are taken. */
  take(): Chunk | null {
    return this.hasMore ? this.#chunk(this.#next++) : null;
  }

  /** `take` would give a part. */
  get hasMore(): boolean {
    // What was read before a restart may have been counted as done meanwhile.
    this.#next = Math.max(this.#next, this.#done);
    while (this.#read.has(this.#next)) this.#next++;
    return this.#next < this.count;
  }

  /** All rows of the part are given out. */
  finish({ index }: Chunk): void {
    this.#read.add(index);
    while (this.#read.delete(this.#done)) this.#done++;
  }

  get progress(): TableProgress {
    const more = [...this.#read].sort((a, b) => a - b);
    return { ...this.layout, chunkBlocks: this.chunkBlocks, done: this.#done, more };
  }

  #chunk(index: number): Chunk {
    const { chunkBlocks } = this;
    if (chunkBlocks === 0) return { index, fromBlock: 0, toBlock: null };
    const fromBlock = index * chunkBlocks;
    return { index, fromBlock, toBlock: Math.min(fromBlock + chunkBlocks, this.layout.blocks) };
  }
}

export function encodeProgress({ filenode, blocks, chunkBlocks, done, more }: TableProgress): SourceOffset {
  return { filenode, blocks, chunk_blocks: chunkBlocks, chunks_done: done, more: more.join(',') };
}

/** Undefined for an offset that says something else. */
export function decodeProgress(offset: SourceOffset): TableProgress | undefined {
  const { filenode, blocks, chunk_blocks: chunkBlocks, chunks_done: done, more } = offset;
  const isOne = [filenode, blocks, chunkBlocks, done].every((each) => Number.isSafeInteger(each) && Number(each) >= 0);
  if (!isOne || typeof more !== 'string' || !/^(\d+(,\d+)*)?$/.test(more)) return undefined;
  return {
    filenode: Number(filenode),
    blocks: Number(blocks),
    chunkBlocks: Number(chunkBlocks),
    done: Number(done),
    more: more === '' ? [] : more.split(',').map(Number),
  };
}
