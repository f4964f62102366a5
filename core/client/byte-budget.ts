/** A bound on bytes held at once: those who come when it is spent wait their turn, in order. Pure but for promises. */

interface Waiter {
  readonly bytes: number;
  readonly admit: () => void;
}

export class ByteBudget {
  readonly #maxBytes: number;
  #usedBytes = 0;
  #waiters: Waiter[] = [];

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Takes at once when nobody waits and there is room; an empty budget admits any size, so that nothing waits for ever. */
  tryTake(bytes: number): boolean {
    if (this.#waiters.length > 0 || !this.#hasRoom(bytes)) return false;
    this.#usedBytes += bytes;
    return true;
  }

  /** Resolves when the bytes are taken; rejects with the signal's reason, and nothing is taken then. */
  take(bytes: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.tryTake(bytes)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        reject(signal.reason);
        this.#admitWaiters();
      };
      const waiter = {
        bytes,
        admit: () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      this.#waiters.push(waiter);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes;
    this.#admitWaiters();
  }

  #hasRoom(bytes: number): boolean {
    return this.#usedBytes === 0 || this.#usedBytes + bytes <= this.#maxBytes;
  }

  #admitWaiters(): void {
    for (let next = this.#waiters[0]; next !== undefined && this.#hasRoom(next.bytes); next = this.#waiters[0]) {
      this.#waiters.shift();
      this.#usedBytes += next.bytes;
      next.admit();
    }
  }
}
