/** One gzip file is decoded at a time: a decoder costs memory and would have to begin anew if it were evicted. */

import type { TrackedFile } from './tracked-file.ts';

export class GzipSlot {
  readonly #wake: (next: TrackedFile) => void;
  #owner: TrackedFile | undefined;
  readonly #waiting = new Set<TrackedFile>();

  constructor(wake: (next: TrackedFile) => void) {
    this.#wake = wake;
  }

  /** True when the file may decode now; otherwise it is in line and will be woken. */
  take(file: TrackedFile): boolean {
    this.#owner ??= file;
    if (this.#owner === file) this.#waiting.delete(file);
    else this.#waiting.add(file);
    return this.#owner === file;
  }

  /** Closes the file's decoder, if it has one, and lets the next in line decode. A file in line stays there. */
  release(file: TrackedFile): void {
    if (this.#owner !== file) return;
    file.source?.close();
    file.source = undefined;
    this.#owner = undefined;
    const [next] = this.#waiting;
    if (next !== undefined) this.#wake(next);
  }

  /** The file has nothing to decode any more. */
  leave(file: TrackedFile): void {
    this.#waiting.delete(file);
    this.release(file);
  }
}
