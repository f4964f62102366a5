/** Finds the aborted transactions that a `read_committed` reader of a range must leave out. */

import type { Disk } from '../base/disk.ts';
import { AbortedIndex, type AbortedTransaction } from './aborted-index.ts';
import { logErrors } from './error-codes.ts';
import type { LogState } from './log-state.ts';
import type { Segment } from './segment.ts';

/** The index of the segment from its file, or undefined when that is missing or makes no sense. */
export async function readAbortedIndex(disk: Disk, segment: Segment): Promise<AbortedIndex | undefined> {
  const bytes = await disk.readFile(segment.filePath('.txnindex'));
  if (bytes === undefined) return undefined;
  const index = new AbortedIndex(bytes);
  return index.isSane(segment.baseOffset, segment.nextOffset) ? index : undefined;
}

export class AbortedReader {
  readonly #disk: Disk;
  readonly #state: LogState;
  /** The one read last: a reader that catches up asks for the same segment many times. */
  #last: { readonly segment: Segment; readonly index: AbortedIndex } | undefined;

  constructor(options: { readonly disk: Disk; readonly state: LogState }) {
    this.#disk = options.disk;
    this.#state = options.state;
  }

  /** Those with a record in [fromOffset, toOffset). Call it inside the gate. Rejects with `log/damaged`. */
  async find(fromOffset: number, toOffset: number): Promise<readonly AbortedTransaction[]> {
    const found: AbortedTransaction[] = [];
    let segment: Segment | undefined = this.#state.segments.floor(fromOffset);
    for (; segment !== undefined; segment = this.#state.segments.after(segment)) {
      if (segment.abortedBytes === 0) continue;
      const index = await this.indexOf(segment);
      if (index.collect(fromOffset, toOffset, found).isComplete) break;
    }
    return found;
  }

  async indexOf(segment: Segment): Promise<AbortedIndex> {
    if (segment.aborted !== undefined) return segment.aborted;
    if (this.#last?.segment === segment) return this.#last.index;
    const index = await readAbortedIndex(this.#disk, segment);
    if (index === undefined) {
      const message = 'the index of aborted transactions is gone or makes no sense; the next start makes it anew';
      throw logErrors.error('damaged', { message, where: segment.filePath('.txnindex') });
    }
    this.#last = { segment, index };
    return index;
  }
}
