/** The conservation oracle: what was written against what arrived; nothing missing, order kept, every doubled line counted. */

import { readLine } from './lines.ts';

export interface ConservationReport {
  readonly written: number;
  readonly arrived: number;
  readonly missing: number;
  readonly duplicates: number;
  /** Which lines were doubled, by stream; at most a handful. */
  readonly doubled: readonly DoubledRange[];
  /** First arrivals of one stream in one run of the target that came before a smaller sequence number. */
  readonly outOfOrder: number;
  /** Lines that are none of ours: cut, glued or changed. */
  readonly corrupt: number;
  /** At most a handful, for the message. */
  readonly examples: readonly string[];
}

export interface DoubledRange {
  readonly stream: number;
  readonly first: number;
  readonly last: number;
  readonly count: number;
}

const exampleLimit = 10;

/** Feed it every arrived line in the order of the target; it keeps one byte a written line. */
export class Oracle {
  readonly #seen: Uint8Array[];
  readonly #written: readonly number[];
  readonly #lastSequence: Int32Array;
  #arrived = 0;
  #duplicates = 0;
  #outOfOrder = 0;
  #corrupt = 0;
  readonly #examples: string[] = [];

  /** @param written lines written by each stream */
  constructor(written: readonly number[]) {
    this.#written = [...written];
    this.#seen = written.map((count) => new Uint8Array(count));
    this.#lastSequence = new Int32Array(written.length).fill(-1);
  }

  add(line: string): void {
    this.#arrived += 1;
    const id = readLine(line);
    const seen = id === undefined ? undefined : this.#seen[id.stream];
    if (id === undefined || seen === undefined || id.sequence >= seen.length) {
      this.#corrupt += 1;
      this.#note(`corrupt: ${line.slice(0, 300)}`);
      return;
    }
    const { stream, sequence } = id;
    if (seen[sequence] !== 0) {
      this.#duplicates += 1;
      seen[sequence] = Math.min(255, (seen[sequence] ?? 0) + 1);
      return;
    }
    seen[sequence] = 1;
    const last = this.#lastSequence[stream] ?? -1;
    if (sequence < last) {
      this.#outOfOrder += 1;
      this.#note(`out of order: stream ${stream} brought ${sequence} after ${last}`);
    }
    this.#lastSequence[stream] = Math.max(last, sequence);
  }

  report(): ConservationReport {
    let missing = 0;
    const doubled: DoubledRange[] = [];
    for (const [stream, seen] of this.#seen.entries()) {
      const range = doubledIn(stream, seen);
      if (range !== undefined && doubled.length < exampleLimit) doubled.push(range);
      for (let sequence = 0; sequence < seen.length; sequence += 1) {
        if (seen[sequence] !== 0) continue;
        missing += 1;
        this.#note(`missing: stream ${stream} line ${sequence} of ${seen.length}`);
      }
    }
    return {
      written: this.#written.reduce((sum, count) => sum + count, 0),
      arrived: this.#arrived,
      missing,
      duplicates: this.#duplicates,
      doubled,
      outOfOrder: this.#outOfOrder,
      corrupt: this.#corrupt,
      examples: this.#examples,
    };
  }

  #note(example: string): void {
    if (this.#examples.length < exampleLimit) this.#examples.push(example);
  }
}

function doubledIn(stream: number, seen: Uint8Array): DoubledRange | undefined {
  const first = seen.findIndex((count) => count > 1);
  if (first < 0) return undefined;
  return {
    stream,
    first,
    last: seen.findLastIndex((count) => count > 1),
    count: seen.filter((count) => count > 1).length,
  };
}
