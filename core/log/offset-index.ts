/** The sparse offset index of a segment: last offset of a batch → position where that batch starts, in Kafka's 8-byte entries. */

const entryBytes = 8;

export class OffsetIndex {
  readonly baseOffset: number;
  #content: Buffer;
  #bytes: number;

  /** `content` holds the entries of an existing index, as `bytes()` gave them. */
  constructor(baseOffset: number, content?: Buffer) {
    this.baseOffset = baseOffset;
    this.#content = content ?? Buffer.alloc(0);
    this.#bytes = this.#content.length;
  }

  get count(): number {
    return this.#bytes / entryBytes;
  }

  get sizeBytes(): number {
    return this.#bytes;
  }

  /** Offsets and positions grow from entry to entry. */
  append(offset: number, position: number): void {
    this.#content = withRoom(this.#content, this.#bytes, entryBytes);
    this.#content.writeInt32BE(offset - this.baseOffset, this.#bytes);
    this.#content.writeInt32BE(position, this.#bytes + 4);
    this.#bytes += entryBytes;
  }

  /** Where to start looking for `offset`: the position of the last indexed batch that ends at or before it, else 0. */
  lookup(offset: number): number {
    const relative = offset - this.baseOffset;
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#content.readInt32BE(middle * entryBytes) <= relative) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? 0 : this.#content.readInt32BE((low - 1) * entryBytes + 4);
  }

  last(): { offset: number; position: number } | undefined {
    if (this.#bytes === 0) return undefined;
    const at = this.#bytes - entryBytes;
    return { offset: this.baseOffset + this.#content.readInt32BE(at), position: this.#content.readInt32BE(at + 4) };
  }

  /** The entries of batches that end before `offset`. */
  before(offset: number): OffsetIndex {
    let bytes = this.#bytes;
    while (bytes > 0 && this.baseOffset + this.#content.readInt32BE(bytes - entryBytes) >= offset) bytes -= entryBytes;
    return new OffsetIndex(this.baseOffset, this.#content.subarray(0, bytes));
  }

  /** The entries as the file holds them. */
  bytes(): Buffer {
    return this.#content.subarray(0, this.#bytes);
  }

  /** Whole entries, growing offsets and positions, nothing outside a segment of `segmentBytes`. */
  isSane(segmentBytes: number): boolean {
    if (this.#bytes % entryBytes !== 0) return false;
    let lastRelative = -1;
    let lastPosition = -1;
    for (let at = 0; at < this.#bytes; at += entryBytes) {
      const relative = this.#content.readInt32BE(at);
      const position = this.#content.readInt32BE(at + 4);
      if (relative <= lastRelative || position <= lastPosition || position >= segmentBytes) return false;
      lastRelative = relative;
      lastPosition = position;
    }
    return true;
  }
}

/** A buffer with room for `more` bytes behind its first `used`; grows by doubling. */
export function withRoom(content: Buffer, used: number, more: number): Buffer {
  if (used + more <= content.length) return content;
  const grown = Buffer.alloc(Math.max(content.length * 2, used + more, 32 * more));
  content.copy(grown, 0, 0, used);
  return grown;
}
