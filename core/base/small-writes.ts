/** Small writes while many wait: made on this thread, slice by slice, because the trip to a thread of the pool costs several times the write. */

import fs from 'node:fs';

/** Writes that the pool has under way before the next one is made here: as many as it has threads. */
const poolThreads = 4;

const largestBytes = 16 * 1024;

/** Of one turn of the event loop, which makes one write at least: others wait no longer than this and one write. */
const sliceMs = 2;

/** A write into the page cache takes microseconds. One that takes this long stood behind the device, and the next would too. */
const slowMs = 10;

/** After a slow one, the pool alone writes for so long. */
const pauseMs = 250;

/** While a sync is under way for longer than this, the device is busy, and a write could stand behind it. */
const busySyncMs = 20;

/** Writes once, maybe not all of it; resolves to the bytes written. */
export type WriteSome = (fd: number, buffers: readonly Uint8Array[], position: number) => Promise<number>;

interface SmallWrite {
  readonly fd: number;
  readonly buffers: readonly Uint8Array[];
  readonly position: number;
  readonly resolve: (count: number | Promise<number>) => void;
  readonly reject: (error: unknown) => void;
}

export class SmallWrites {
  readonly #writeInPool: WriteSome;
  readonly #monotonicMs: () => number;
  #waiting: SmallWrite[] = [];
  #isDue = false;
  #pooledWrites = 0;
  #pausedUntilMs = 0;
  /** When each sync under way began, oldest first. */
  readonly #syncs = new Set<{ readonly startMs: number }>();

  constructor(options: { readonly writeInPool: WriteSome; readonly monotonicMs: () => number }) {
    this.#writeInPool = options.writeInPool;
    this.#monotonicMs = options.monotonicMs;
  }

  /** Writes once, maybe not all of it; resolves to the bytes written. */
  write(fd: number, buffers: readonly Uint8Array[], position: number): Promise<number> {
    if (this.#pooledWrites < poolThreads || !isSmall(buffers) || this.#mayBlock()) {
      return this.#pooled(fd, buffers, position);
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ fd, buffers, position, resolve, reject });
      this.#schedule();
    });
  }

  async #pooled(fd: number, buffers: readonly Uint8Array[], position: number): Promise<number> {
    this.#pooledWrites += 1;
    try {
      return await this.#writeInPool(fd, buffers, position);
    } finally {
      this.#pooledWrites -= 1;
    }
  }

  /** Runs a sync. */
  async during<T>(sync: () => Promise<T>): Promise<T> {
    const running = { startMs: this.#monotonicMs() };
    this.#syncs.add(running);
    try {
      return await sync();
    } finally {
      this.#syncs.delete(running);
    }
  }

  #mayBlock(): boolean {
    const nowMs = this.#monotonicMs();
    if (nowMs < this.#pausedUntilMs) return true;
    for (const { startMs } of this.#syncs) return nowMs - startMs > busySyncMs;
    return false;
  }

  #schedule(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => this.#slice());
  }

  #slice(): void {
    this.#isDue = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    const endMs = this.#monotonicMs() + sliceMs;
    let isBlocked = this.#mayBlock();
    for (const [at, write] of waiting.entries()) {
      if (isBlocked) write.resolve(this.#pooled(write.fd, write.buffers, write.position));
      else if (at > 0 && this.#monotonicMs() >= endMs) {
        this.#waiting = waiting.slice(at);
        this.#schedule();
        return;
      } else isBlocked = this.#writeNow(write);
    }
  }

  /** True when it took so long that the next one should not be made here. */
  #writeNow({ fd, buffers, position, resolve, reject }: SmallWrite): boolean {
    const startMs = this.#monotonicMs();
    try {
      resolve(
        buffers.length === 1
          ? fs.writeSync(fd, buffers[0]!, 0, buffers[0]!.byteLength, position)
          : fs.writevSync(fd, buffers as readonly NodeJS.ArrayBufferView[], position),
      );
    } catch (error) {
      reject(error);
    }
    const endMs = this.#monotonicMs();
    if (endMs - startMs < slowMs) return false;
    this.#pausedUntilMs = endMs + pauseMs;
    return true;
  }
}

function isSmall(buffers: readonly Uint8Array[]): boolean {
  let bytes = 0;
  for (const buffer of buffers) bytes += buffer.byteLength;
  return bytes <= largestBytes;
}
