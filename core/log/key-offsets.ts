/** The last offset of each key of a range of the log, in typed arrays: 24 bytes a key, whatever the keys are. */

import { hashKey, keyHash } from './key-hash.ts';

/** A fuller table would be searched too long. */
const maxLoad = 0.9;

const bytesPerSlot = 24;

export class KeyOffsets {
  readonly #slots: number;
  readonly #hashes: Int32Array;
  /** -1 in a slot that is free. */
  readonly #offsets: Float64Array;
  #count = 0;

  /** Room for about `maxKeys` keys, but never more than `maxBytes`. */
  constructor({ maxKeys, maxBytes }: { maxKeys: number; maxBytes: number }) {
    const wanted = Math.ceil(Math.max(maxKeys, 1) / maxLoad) + 1;
    this.#slots = Math.max(Math.min(wanted, Math.floor(maxBytes / bytesPerSlot)), 2);
    this.#hashes = new Int32Array(this.#slots * 4);
    this.#offsets = new Float64Array(this.#slots).fill(-1);
  }

  get count(): number {
    return this.#count;
  }

  /** How many more different keys are taken for sure. */
  get room(): number {
    return Math.max(Math.floor(this.#slots * maxLoad), 1) - this.#count;
  }

  /** Remembers that the key `bytes[start, end)` stands at `offset`; later offsets replace earlier ones. */
  set(bytes: Uint8Array, key: { start: number; end: number }, offset: number): void {
    const slot = this.#find(bytes, key.start, key.end);
    if (this.#offsets[slot] === -1) {
      this.#count += 1;
      this.#hashes.set(keyHash, slot * 4);
    }
    this.#offsets[slot] = offset;
  }

  /** The last offset of the key, or -1. */
  get(bytes: Uint8Array, start: number, end: number): number {
    return this.#offsets[this.#find(bytes, start, end)]!;
  }

  /** The slot of the key, or the free one where it belongs. Two keys share a slot only if all 128 bits are equal. */
  #find(bytes: Uint8Array, start: number, end: number): number {
    hashKey(bytes, start, end);
    const [h1, h2, h3, h4] = [keyHash[0]!, keyHash[1]!, keyHash[2]!, keyHash[3]!];
    const hashes = this.#hashes;
    let slot = (h1 >>> 0) % this.#slots;
    for (;;) {
      if (this.#offsets[slot] === -1) return slot;
      const at = slot * 4;
      if (hashes[at] === h1 && hashes[at + 1] === h2 && hashes[at + 2] === h3 && hashes[at + 3] === h4) return slot;
      slot = slot + 1 === this.#slots ? 0 : slot + 1;
    }
  }
}
