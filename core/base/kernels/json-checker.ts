/** Checks JSON documents that lie one behind the other in a buffer: the host of the `json` kernel. */

import { instantiate } from './instantiate.ts';
import { jsonKernel } from './json.wasm.ts';

/** The kernel's stack of closing brackets lies in front. */
const textAt = 1024;

/** Bytes copied in at a time: many documents in one go, and few enough to stay in the processor's cache. */
const windowBytes = 60 * 1024;

interface JsonKernel {
  checkJson(start: number, end: number): number;
}

const none: Buffer = Buffer.alloc(0);

export class JsonChecker {
  readonly #kernel = instantiate<JsonKernel>(jsonKernel);
  readonly #memory = Buffer.from(this.#kernel.memory.buffer);
  /** What of which buffer is in the kernel's memory. */
  #bytes = none;
  #start = 0;
  #end = 0;

  /** Documents up to this size can be checked. */
  static readonly mostBytes = windowBytes;

  /** Call before bytes that were seen may have changed. */
  reset(): void {
    this.#bytes = none;
  }

  /** 0 for what is no document, 1 for one, 2 for one with line breaks between its tokens; fastest when starts grow. */
  check(bytes: Buffer, start: number, end: number): number {
    if (bytes !== this.#bytes || start < this.#start || end > this.#end) this.#copyFrom(bytes, start);
    const offset = textAt - this.#start;
    return this.#kernel.checkJson(start + offset, end + offset);
  }

  #copyFrom(bytes: Buffer, start: number): void {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = Math.min(start + windowBytes, bytes.length);
    bytes.copy(this.#memory, textAt, start, this.#end);
  }
}
