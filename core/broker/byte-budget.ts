/** A bound on bytes shared by all connections: whoever does not fit waits its turn. */

export class ByteBudget {
  readonly limitBytes: number;
  #usedBytes = 0;
  readonly #waiting = new Set<() => void>();

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Takes the bytes if they fit. Something larger than the whole budget fits when nothing else is in it. */
  tryTake(bytes: number): boolean {
    if (this.#usedBytes > 0 && this.#usedBytes + bytes > this.limitBytes) return false;
    this.#usedBytes += bytes;
    return true;
  }

  /** Takes the bytes even beyond the limit: for what already exists and can only be counted. */
  take(bytes: number): void {
    this.#usedBytes += bytes;
  }

  /** How much one more reader may ask for: a quarter of what is free, so that no reader starves the next, never under the floor. */
  share(wantedBytes: number, floorBytes: number): number {
    const fairBytes = Math.floor((this.limitBytes - this.#usedBytes) / 4);
    return Math.min(wantedBytes, Math.max(fairBytes, floorBytes));
  }

  /** Calls `fn` once, after bytes came back. */
  whenFreed(fn: () => void): void {
    this.#waiting.add(fn);
  }

  forget(fn: () => void): void {
    this.#waiting.delete(fn);
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes;
    if (this.#waiting.size === 0) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const fn of waiting) fn();
  }
}
