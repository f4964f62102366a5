/** A ring of bytes in shared memory with one writer and one reader, each in its own thread; neither ever waits in it. */

import { invariant } from './errors.ts';

/** Int32 slots in front of the bytes. Positions count up and wrap at 2^32; the two sides' own slots lie on lines of their own. */
const headSlot = 0;
const tailSlot = 16;
const controlBytes = 128;

/** Memory for a ring; `capacityBytes` is a power of two. Pages that are never used cost nothing. */
export function allocateRing(capacityBytes: number): SharedArrayBuffer {
  invariant(Number.isInteger(Math.log2(capacityBytes)), 'the capacity of a ring is a power of two');
  return new SharedArrayBuffer(controlBytes + capacityBytes);
}

/** One side's view. A side uses either `write` or `read`, never both. */
export class ByteRing {
  readonly #control: Int32Array;
  readonly #bytes: Buffer;

  constructor(memory: SharedArrayBuffer) {
    this.#control = new Int32Array(memory, 0, controlBytes / 4);
    this.#bytes = Buffer.from(memory, controlBytes);
  }

  get capacityBytes(): number {
    return this.#bytes.length;
  }

  /** Copies as much of `bytes` from `start` on as there is room for; returns how much that was. */
  write(bytes: Uint8Array, start: number): number {
    const head = Atomics.load(this.#control, headSlot);
    const count = Math.min(bytes.length - start, this.capacityBytes - this.usedBytes);
    if (count === 0) return 0;
    const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const at = (head >>> 0) % this.capacityBytes;
    const first = Math.min(count, this.capacityBytes - at);
    copy(source, start, this.#bytes, at, first);
    copy(source, start + first, this.#bytes, 0, count - first);
    Atomics.store(this.#control, headSlot, (head + count) | 0);
    return count;
  }

  /** Written and not read yet. */
  get usedBytes(): number {
    return (Atomics.load(this.#control, headSlot) - Atomics.load(this.#control, tailSlot)) >>> 0;
  }

  /** Takes what is there, as far as it fits; returns how many bytes of `into` were filled. */
  read(into: Buffer): number {
    const tail = Atomics.load(this.#control, tailSlot);
    const count = Math.min(this.usedBytes, into.length);
    const at = (tail >>> 0) % this.capacityBytes;
    const first = Math.min(count, this.capacityBytes - at);
    copy(this.#bytes, at, into, 0, first);
    copy(this.#bytes, 0, into, first, count - first);
    Atomics.store(this.#control, tailSlot, (tail + count) | 0);
    return count;
  }
}

/**
 * `Buffer.copy` of a whole buffer becomes `TypedArray.set`, which in shared memory goes word by word; of a part it is one
 * memmove, three times as fast. So the last byte goes by itself.
 */
function copy(from: Buffer, start: number, to: Buffer, at: number, count: number): void {
  if (count === 0) return;
  const last = count - 1;
  from.copy(to, at, start, start + last);
  to[at + last] = from[start + last]!;
}
