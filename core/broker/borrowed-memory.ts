/** What one answer has borrowed of the memory that goes round. */

import type { BatchMemory } from '../protocol/batch-memory.ts';

export class BorrowedMemory {
  readonly #memory: BatchMemory;
  #taken: Buffer[] = [];

  constructor(memory: BatchMemory) {
    this.#memory = memory;
  }

  take(minBytes: number): Buffer {
    const taken = this.#memory.take(minBytes);
    this.#taken.push(taken);
    return taken;
  }

  /** Nobody reads what was taken so far any more. */
  giveBack(): void {
    for (const taken of this.#taken) this.#memory.give(taken);
    this.#taken = [];
  }
}
