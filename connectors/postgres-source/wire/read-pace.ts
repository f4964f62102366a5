/**
 * When to leave the socket alone for a moment: a server that sends row by row fills it meanwhile, and one read for many rows
 * costs both sides less than a read for each.
 */

/** So many small chunks within the window are one transaction that is to be seen at once; more are a flow. */
const chunksPerWindow = 16;
const windowMs = 1;
/** A chunk of this size is worth its read. */
const largeChunkBytes = 16 * 1024;

export class ReadPace {
  readonly #onRested: () => void;
  #window: NodeJS.Timeout | undefined;
  #smallChunks = 0;

  /** `onRested` is called at the end of each rest. */
  constructor(onRested: () => void) {
    this.#onRested = onRested;
  }

  /** Nothing should be read now. */
  get isResting(): boolean {
    return this.#smallChunks >= chunksPerWindow;
  }

  /** A chunk was read. */
  took(chunkBytes: number): void {
    if (chunkBytes >= largeChunkBytes) return;
    this.#smallChunks += 1;
    this.#window ??= setTimeout(() => this.#end(), windowMs);
  }

  /** There is no further rest. */
  close(): void {
    clearTimeout(this.#window);
    this.#window = undefined;
    this.#smallChunks = 0;
  }

  #end(): void {
    const wasResting = this.isResting;
    this.#window = undefined;
    this.#smallChunks = 0;
    if (wasResting) this.#onRested();
  }
}
