/** The time index of a segment: largest timestamp so far → the offset that has it, in Kafka's 12-byte entries. */

import { withRoom } from './offset-index.ts';

const entryBytes = 12;

export interface TimeIndexEntry {
  readonly timestampMs: number;
  readonly offset: number;
}

export class TimeIndex {
  readonly baseOffset: number;
  #content: Buffer;
  #bytes: number;

  constructor(baseOffset: number, content?: Buffer) {
    this.baseOffset = baseOffset;
    this.#content = content ?? Buffer.alloc(0);
    this.#bytes = this.#content.length;
  }

  get sizeBytes(): number {
    return this.#bytes;
  }

  /** Ignored unless the timestamp is larger than the last entry's: the first offset that reached it counts. */
  append(timestampMs: number, offset: number): void {
    const last = this.last();
    if (last !== undefined && timestampMs <= last.timestampMs) return;
    this.#content = withRoom(this.#content, this.#bytes, entryBytes);
    this.#content.writeBigInt64BE(BigInt(timestampMs), this.#bytes);
    this.#content.writeInt32BE(offset - this.baseOffset, this.#bytes + 8);
    this.#bytes += entryBytes;
  }

  last(): TimeIndexEntry | undefined {
    return this.#bytes === 0 ? undefined : this.#entry(this.#bytes / entryBytes - 1);
  }

  /** The last entry whose timestamp is at most `timestampMs`: every batch before its offset is older than that entry. */
  lookup(timestampMs: number): TimeIndexEntry | undefined {
    let low = 0;
    let high = this.#bytes / entryBytes;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#timestampAt(middle) <= timestampMs) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? undefined : this.#entry(low - 1);
  }

  /** The entries that were made when no later offset was known. */
  upTo(offset: number): TimeIndex {
    let count = this.#bytes / entryBytes;
    while (count > 0 && this.#entry(count - 1).offset > offset) count -= 1;
    return new TimeIndex(this.baseOffset, this.#content.subarray(0, count * entryBytes));
  }

  bytes(): Buffer {
    return this.#content.subarray(0, this.#bytes);
  }

  /** Whole entries with growing timestamps and offsets that do not shrink. */
  isSane(): boolean {
    if (this.#bytes % entryBytes !== 0) return false;
    let last: TimeIndexEntry = { timestampMs: Number.NEGATIVE_INFINITY, offset: this.baseOffset };
    for (let index = 0; index < this.#bytes / entryBytes; index += 1) {
      const entry = this.#entry(index);
      if (entry.timestampMs <= last.timestampMs || entry.offset < last.offset) return false;
      last = entry;
    }
    return true;
  }

  #timestampAt(index: number): number {
    return Number(this.#content.readBigInt64BE(index * entryBytes));
  }

  #entry(index: number): TimeIndexEntry {
    return {
      timestampMs: this.#timestampAt(index),
      offset: this.baseOffset + this.#content.readInt32BE(index * entryBytes + 8),
    };
  }
}
