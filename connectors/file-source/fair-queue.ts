/** Whose turn it is: files that just woke come first, all others in turn by bytes, and neither starves the other. */

/** After so many turns of files that just woke, one file with a backlog has its turn. */
const freshTurnsInARow = 16;

/**
 * Deficit round robin. A turn may use more bytes than its quantum (a long line); what it used too much is paid off by
 * missing turns. A file in the queue is not added a second time.
 */
export class FairQueue<T> {
  readonly #quantumBytes: number;
  readonly #fresh = new Set<T>();
  readonly #backlog = new Set<T>();
  /** Bytes used beyond the quantum so far; only files that owe any. */
  readonly #debts = new Map<T, number>();
  #freshTurns = 0;

  constructor(quantumBytes: number) {
    this.#quantumBytes = quantumBytes;
  }

  get size(): number {
    return this.#fresh.size + this.#backlog.size;
  }

  has(item: T): boolean {
    return this.#fresh.has(item) || this.#backlog.has(item);
  }

  /** A file that was idle has something to do. */
  wake(item: T): void {
    if (!this.#backlog.has(item)) this.#fresh.add(item);
  }

  /** Takes the next file out; undefined when there is none. */
  next(): T | undefined {
    const isBacklogDue = this.#backlog.size > 0 && (this.#fresh.size === 0 || this.#freshTurns >= freshTurnsInARow);
    if (isBacklogDue) {
      this.#freshTurns = 0;
      return this.#nextOfBacklog();
    }
    const [first] = this.#fresh;
    if (first === undefined) return undefined;
    this.#freshTurns++;
    this.#fresh.delete(first);
    return first;
  }

  /** The file's turn used `bytes` and it has more to do. */
  again(item: T, bytes: number): void {
    const debt = (this.#debts.get(item) ?? 0) + bytes - this.#quantumBytes;
    if (debt > 0) this.#debts.set(item, debt);
    else this.#debts.delete(item);
    this.#backlog.add(item);
  }

  /** The file is idle or gone. */
  forget(item: T): void {
    this.#fresh.delete(item);
    this.#backlog.delete(item);
    this.#debts.delete(item);
  }

  #nextOfBacklog(): T | undefined {
    // Every look pays off a quantum of somebody's debt, and debts are bounded by the longest line, so this ends.
    for (;;) {
      const [first] = this.#backlog;
      if (first === undefined) return undefined;
      this.#backlog.delete(first);
      const debt = this.#debts.get(first) ?? 0;
      if (debt < this.#quantumBytes || this.#backlog.size === 0) return first;
      this.#debts.set(first, debt - this.#quantumBytes);
      this.#backlog.add(first);
    }
  }
}
