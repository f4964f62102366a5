/** The buffers of one task: taken from a pool, counted against one budget. */

/** The smallest buffer handed out. */
export const smallestBuffer = 2048;

export class Memory {
  readonly budgetBytes: number;
  readonly #largest: number;
  readonly #idle = new Map<number, Buffer[]>();
  #idleBytes = 0;
  #usedBytes = 0;
  #waiters: (() => void)[] = [];

  /** `largestBytes` is the largest buffer worth keeping: the size of a part. */
  constructor(budgetBytes: number, largestBytes: number) {
    this.budgetBytes = budgetBytes;
    this.#largest = largestBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** A buffer of at least `bytes` with anything in it. May exceed the budget: callers wait before they take more. */
  take(bytes: number): Buffer {
    const size = this.#sizeFor(bytes);
    this.#usedBytes += size;
    const kept = this.#idle.get(size)?.pop();
    if (kept !== undefined) {
      this.#idleBytes -= size;
      return kept;
    }
    this.#dropIdle();
    return Buffer.allocUnsafeSlow(size);
  }

  /** Gives back the whole buffer that `take` returned; nobody may use it any more. */
  give(buffer: Buffer): void {
    const size = buffer.length;
    this.#usedBytes -= size;
    if (size <= this.#largest && this.#usedBytes + this.#idleBytes + size <= this.budgetBytes) {
      const kept = this.#idle.get(size);
      if (kept === undefined) this.#idle.set(size, [buffer]);
      else kept.push(buffer);
      this.#idleBytes += size;
    }
    this.#wake();
  }

  /** Resolves when a buffer is given back. */
  async change(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    this.#waiters.push(wake);
    signal.addEventListener('abort', wake, { once: true });
    await promise;
    signal.removeEventListener('abort', wake);
    signal.throwIfAborted();
  }

  /** Sizes are powers of two up to the size of a part; larger ones are made to measure. */
  #sizeFor(bytes: number): number {
    if (bytes > this.#largest) return bytes;
    const power = 2 ** Math.ceil(Math.log2(Math.max(bytes, smallestBuffer)));
    return Math.min(power, this.#largest);
  }

  /** Lets idle buffers of other sizes go until the budget holds them beside what is used. */
  #dropIdle(): void {
    for (const [size, kept] of this.#idle) {
      while (kept.length > 0 && this.#usedBytes + this.#idleBytes > this.budgetBytes) {
        kept.pop();
        this.#idleBytes -= size;
      }
    }
  }

  #wake(): void {
    if (this.#waiters.length === 0) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}
