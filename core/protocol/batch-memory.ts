/** Memory for record batches that goes round: fresh pages cost more than filling them, so a batch that is done lends its own to a later one. */

import { invariant } from '../base/errors.ts';

/** Less is not worth keeping. */
const leastKeptBytes = 4096;

/** Requests of one client differ by a few bytes: what served one should serve the next. */
const grainBytes = 16 * 1024;

function roundedUp(bytes: number): number {
  return bytes < grainBytes ? bytes : Math.ceil(bytes / grainBytes) * grainBytes;
}

export class BatchMemory {
  readonly #maxBytes: number;
  /** Smallest first. */
  readonly #free: Buffer[] = [];
  #freeBytes = 0;

  /** Keeps at most `maxBytes` for later. */
  constructor(options: { maxBytes: number }) {
    this.#maxBytes = options.maxBytes;
  }

  /** Memory of at least that size with unknown content: the smallest there is, so that a small batch does not hold what a large one needs. */
  take(minBytes: number): Buffer {
    const index = this.#free.findIndex((memory) => memory.length >= minBytes);
    if (index < 0) return Buffer.allocUnsafeSlow(roundedUp(minBytes));
    const [memory] = this.#free.splice(index, 1);
    this.#freeBytes -= memory!.length;
    return memory!;
  }

  /** Takes back a batch from `BatchBuilder.build` that nobody reads any more; its bytes will change. */
  give(batch: Buffer): void {
    // A batch that was moved to another thread left nothing behind.
    const memory = Buffer.from(batch.buffer);
    if (memory.length < leastKeptBytes || memory.length > this.#maxBytes) return;
    invariant(!this.#free.some((other) => other.buffer === memory.buffer), 'a batch was given back twice');
    const index = this.#free.findIndex((other) => other.length >= memory.length);
    this.#free.splice(index < 0 ? this.#free.length : index, 0, memory);
    this.#freeBytes += memory.length;
    // Small ones go first: they are cheap to make again, and too small for whoever needs a large one.
    while (this.#freeBytes > this.#maxBytes) this.#freeBytes -= this.#free.shift()!.length;
  }
}
