/** One gzip file is decoded at a time: a decoder costs memory and would have to begin anew if it were evicted. */

import type { TrackedFile } from './tracked-file.ts';

export class GzipSlot {
  #owner: TrackedFile | undefined;
  readonly #waiting = new Set<TrackedFile>();

  /** True when the file may decode now; otherwise it is in line. */
  take(file: TrackedFile): boolean {
    if (this.#owner === undefined) {
      this.#owner = file;
      this.#waiting.delete(file);
    }
    if (this.#owner === file) return true;
    this.#waiting.add(file);
    return false;
  }

  /** Gives the slot back, or leaves the line; returns the file whose turn it is now. */
  release(file: TrackedFile): TrackedFile | undefined {
    this.#waiting.delete(file);
    if (this.#owner !== file) return undefined;
    this.#owner = undefined;
    const [next] = this.#waiting;
    return next;
  }
}
