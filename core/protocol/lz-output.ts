/** The growing output that the LZ decoders fill: literals, and matches that repeat what is already there. */

import { protocolErrors } from './error-codes.ts';

/** Below this a loop beats the call into the runtime. */
const callFromBytes = 16;

export class LzOutput {
  readonly #maxBytes: number;
  #bytes: Buffer;
  #position = 0;

  constructor(options: { expectedBytes: number; maxBytes: number }) {
    this.#maxBytes = options.maxBytes;
    if (options.expectedBytes > options.maxBytes) throw this.#tooLarge();
    this.#bytes = Buffer.allocUnsafeSlow(options.expectedBytes);
  }

  get length(): number {
    return this.#position;
  }

  /** Copies `input[start, end)`; the caller has checked that the range exists. */
  literal(input: Buffer, start: number, end: number): void {
    const length = end - start;
    const at = this.#room(length);
    if (length >= callFromBytes) {
      input.copy(this.#bytes, at, start, end);
      return;
    }
    const bytes = this.#bytes;
    for (let index = 0; index < length; index++) bytes[at + index] = input[start + index]!;
  }

  /** Repeats `length` bytes from `distance` bytes back, which may overlap what is being written. */
  match(distance: number, length: number): void {
    if (distance < 1 || distance > this.#position) throw damaged('a match reaches before the start');
    const at = this.#room(length);
    const bytes = this.#bytes;
    const from = at - distance;
    if (length < callFromBytes) {
      for (let index = 0; index < length; index++) bytes[at + index] = bytes[from + index]!;
      return;
    }
    // What is copied at once must be written already; an overlapping match doubles it in each round.
    let copied = 0;
    while (copied < length) {
      const run = Math.min(length - copied, distance + copied);
      bytes.copyWithin(at + copied, from, from + run);
      copied += run;
    }
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.#position);
  }

  #room(byteCount: number): number {
    const at = this.#position;
    const end = at + byteCount;
    if (end > this.#bytes.length) this.#grow(end);
    this.#position = end;
    return at;
  }

  #grow(needed: number): void {
    if (needed > this.#maxBytes) throw this.#tooLarge();
    const larger = Buffer.allocUnsafeSlow(Math.min(this.#maxBytes, Math.max(2 * this.#bytes.length, needed, 1024)));
    this.#bytes.copy(larger, 0, 0, this.#position);
    this.#bytes = larger;
  }

  #tooLarge() {
    return decompressedTooLarge(this.#maxBytes);
  }
}

export function decompressedTooLarge(maxBytes: number, cause?: unknown) {
  const message = `compressed data grows beyond ${maxBytes} bytes`;
  return protocolErrors.error('decompressed-too-large', { message, cause });
}

export function damaged(message: string, cause?: unknown) {
  return protocolErrors.error('corrupt-batch', { message: `compressed data is damaged: ${message}`, cause });
}
