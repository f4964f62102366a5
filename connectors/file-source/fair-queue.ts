/** Whose turn it is: files that just woke come first, all others in turn by bytes, and neither starves the other. */

/** After so many turns of files that just woke, one file with a backlog has its turn. */
const freshTurnsInARow = 16;

/**
 * Deficit round robin. A turn may use more bytes than its quantum (a long line); what it used too much is paid off by
 * missing turns. A file in the queue is not added a second time.
 */
export class FairQueue<T> {
  readonly #quantumBytes: number;
  readonly #fresh = new Line<T>();
  readonly #backlog = new Line<T>();
  /** Bytes used beyond the quantum so far; only files that owe any. */
  readonly #debts = new Map<T, number>();
  #freshTurns = 0;

  constructor(quantumBytes: number) {
    this.#quantumBytes = quantumBytes;
  }

  get size(): number {
    return this.#fresh.size + this.#backlog.size;
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
    this.#freshTurns++;
    return this.#fresh.take();
  }

  /** The file's turn used `bytes` and it has more to do. */
  again(item: T, bytes: number): void {
    const debt = (this.#debts.get(item) ?? 0) + bytes - this.#quantumBytes;
    if (debt > 0) this.#debts.set(item, debt);
    else this.#debts.delete(item);
    this.#fresh.remove(item);
    this.#backlog.add(item);
  }

  /** The file is idle or gone. */
  forget(item: T): void {
    this.#fresh.remove(item);
    this.#backlog.remove(item);
    this.#debts.delete(item);
  }

  #nextOfBacklog(): T | undefined {
    // Every look pays off a quantum of somebody's debt, and debts are bounded by the longest line, so this ends.
    for (;;) {
      const first = this.#backlog.take();
      if (first === undefined) return undefined;
      const debt = this.#debts.get(first) ?? 0;
      if (debt < this.#quantumBytes || this.#backlog.size === 0) return first;
      this.#debts.set(first, debt - this.#quantumBytes);
      this.#backlog.add(first);
    }
  }
}

/** First in, first out, each item once. A set alone would search for its first item behind all that were taken. */
class Line<T> {
  readonly #members = new Set<T>();
  #items: T[] = [];
  #taken = 0;

  get size(): number {
    return this.#members.size;
  }

  has(item: T): boolean {
    return this.#members.has(item);
  }

  add(item: T): void {
    if (this.#members.has(item)) return;
    this.#members.add(item);
    this.#items.push(item);
  }

  /** It stays in the array until it would be taken. */
  remove(item: T): void {
    this.#members.delete(item);
  }

  take(): T | undefined {
    while (this.#taken < this.#items.length) {
      const item = this.#items[this.#taken++]!;
      if (this.#taken * 2 > this.#items.length) this.#compact();
      if (this.#members.delete(item)) return item;
    }
    return undefined;
  }

  #compact(): void {
    this.#items = this.#items.slice(this.#taken);
    this.#taken = 0;
  }
}
