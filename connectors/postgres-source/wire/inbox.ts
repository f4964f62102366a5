/** What a connection has received and nobody has used yet: one window of bytes, bounded, moved and copied as little as can be. */

export class Inbox {
  bytes: Buffer;
  /** What is not used yet is `bytes[start, end)`. */
  start = 0;
  end = 0;
  readonly #usualBytes: number;
  readonly #mostBytes: number;

  /** `usualBytes` is what may wait before reading should stop; one message that is larger may take up to `mostBytes`. */
  constructor(options: { usualBytes: number; mostBytes: number }) {
    this.#usualBytes = options.usualBytes;
    this.#mostBytes = Math.max(options.mostBytes, options.usualBytes);
    this.bytes = Buffer.allocUnsafeSlow(64 * 1024);
  }

  get heldBytes(): number {
    return this.end - this.start;
  }

  /** Whether so much waits that nothing more should be read. A message that is being awaited whole does not count. */
  isFull(awaitedBytes: number): boolean {
    return this.heldBytes >= Math.max(this.#usualBytes, awaitedBytes);
  }

  /** Adds a copy of the chunk. */
  push(chunk: Buffer): void {
    if (this.bytes.length - this.end < chunk.length) this.#makeRoom(chunk.length);
    chunk.copy(this.bytes, this.end);
    this.end += chunk.length;
  }

  /** Everything before `position` is used. What is held moves at the next `push` at the earliest. */
  used(position: number): void {
    this.start = position;
    if (this.start < this.end) return;
    this.start = 0;
    this.end = 0;
    // What one giant needed is not kept.
    if (this.bytes.length > 4 * this.#usualBytes) this.bytes = Buffer.allocUnsafeSlow(this.#usualBytes);
  }

  /** Whether a message of this size may be held. */
  takes(messageBytes: number): boolean {
    return messageBytes <= this.#mostBytes;
  }

  #makeRoom(count: number): void {
    const held = this.heldBytes;
    const needed = held + count;
    // Moving little to the front of much costs less than growing.
    const stays = needed <= this.bytes.length && held <= this.bytes.length / 2;
    const target = stays ? this.bytes : Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.bytes.length));
    this.bytes.copy(target, 0, this.start, this.end);
    this.bytes = target;
    this.start = 0;
    this.end = held;
  }
}
