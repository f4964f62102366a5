/** The aborted transactions of a segment, those whose marker lies in it: `.txnindex`, in Kafka's entries of 34 bytes. */

import { withRoom } from './offset-index.ts';

export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** Where the marker stands. */
  readonly lastOffset: number;
  /** No transaction that ends later begins before it. */
  readonly lastStableOffset: number;
}

/** int16 version, int64 producer id, int64 first, last and last stable offset. */
const entryBytes = 34;
const version = 0;

export class AbortedIndex {
  #content: Buffer;
  #bytes: number;

  /** `content` holds the entries of an existing index, as `bytes()` gave them. */
  constructor(content: Buffer = Buffer.alloc(0)) {
    this.#content = content;
    this.#bytes = content.length;
  }

  get sizeBytes(): number {
    return this.#bytes;
  }

  /** In the order of the markers. */
  append(transaction: AbortedTransaction): void {
    this.#content = withRoom(this.#content, this.#bytes, entryBytes);
    this.#content.writeInt16BE(version, this.#bytes);
    this.#content.writeBigInt64BE(BigInt(transaction.producerId), this.#bytes + 2);
    this.#content.writeBigInt64BE(BigInt(transaction.firstOffset), this.#bytes + 10);
    this.#content.writeBigInt64BE(BigInt(transaction.lastOffset), this.#bytes + 18);
    this.#content.writeBigInt64BE(BigInt(transaction.lastStableOffset), this.#bytes + 26);
    this.#bytes += entryBytes;
  }

  *entries(): Generator<AbortedTransaction, void> {
    for (let at = 0; at < this.#bytes; at += entryBytes) yield this.#entry(at);
  }

  /** Those with a record in [fromOffset, toOffset), from the last entries that can have one back to the first. */
  collect(fromOffset: number, toOffset: number, found: AbortedTransaction[]): { readonly isComplete: boolean } {
    for (let at = this.#firstEndingAt(fromOffset); at < this.#bytes; at += entryBytes) {
      const entry = this.#entry(at);
      if (entry.firstOffset < toOffset) found.push(entry);
      if (entry.lastStableOffset >= toOffset) return { isComplete: true };
    }
    return { isComplete: false };
  }

  /** The entries as the file holds them. */
  bytes(): Buffer {
    return this.#content.subarray(0, this.#bytes);
  }

  /** Whole entries of the version known here, growing, of markers in [baseOffset, nextOffset). */
  isSane(baseOffset: number, nextOffset: number): boolean {
    if (this.#bytes % entryBytes !== 0) return false;
    let before = baseOffset - 1;
    for (let at = 0; at < this.#bytes; at += entryBytes) {
      const { firstOffset, lastOffset } = this.#entry(at);
      if (this.#content.readInt16BE(at) !== version || lastOffset <= before || firstOffset >= lastOffset) return false;
      before = lastOffset;
    }
    return before < nextOffset;
  }

  #firstEndingAt(offset: number): number {
    let low = 0;
    let high = this.#bytes / entryBytes;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (Number(this.#content.readBigInt64BE(middle * entryBytes + 18)) < offset) low = middle + 1;
      else high = middle;
    }
    return low * entryBytes;
  }

  #entry(at: number): AbortedTransaction {
    return {
      producerId: Number(this.#content.readBigInt64BE(at + 2)),
      firstOffset: Number(this.#content.readBigInt64BE(at + 10)),
      lastOffset: Number(this.#content.readBigInt64BE(at + 18)),
      lastStableOffset: Number(this.#content.readBigInt64BE(at + 26)),
    };
  }
}
