/** The server's answer to COPY TO STDOUT, cut into pieces of its data wherever the bytes of the connection are divided. Pure. */

import { backendTags, decodeServerError, frameHeaderBytes, type ServerError } from '../wire/messages.ts';

/** What is kept of an error; the rest of its fields say nothing that helps. */
const mostErrorBytes = 2 ** 16;

/**
 * Give it bytes with `feed`, take pieces with `next` until it says false: `bytes[start, end)` is data, never of two messages.
 * PostgreSQL documentation, "Message Formats".
 */
export class CopyFrames {
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
  #at = 0;
  #tag = 0;
  /** Of the message that has begun: bytes that have not come yet. */
  #left = 0;
  readonly #header = Buffer.alloc(frameHeaderBytes);
  #headerHas = 0;
  readonly #error: Buffer[] = [];
  #errorBytes = 0;
  #failure: ServerError | undefined;
  #isDone = false;

  /** The server waits for the next command: the answer is complete. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** What went wrong, once `isDone`. */
  get failure(): ServerError | undefined {
    return this.#failure;
  }

  feed(bytes: Buffer): void {
    this.bytes = bytes;
    this.#at = 0;
  }

  /** False when more bytes are needed. */
  next(): boolean {
    const { bytes } = this;
    for (;;) {
      if (this.#left === 0 && !this.#readHeader()) return false;
      const end = Math.min(bytes.length, this.#at + this.#left);
      const start = this.#at;
      this.#at = end;
      this.#left -= end - start;
      if (this.#tag === backendTags.copyData) {
        if (end === start) return false;
        this.start = start;
        this.end = end;
        return true;
      }
      this.#other(start, end);
      if (this.#left > 0) return false;
    }
  }

  /** Moves to the next message that has a body; false when it has not come. */
  #readHeader(): boolean {
    const { bytes } = this;
    while (this.#left === 0) {
      const has = this.#headerHas;
      const available = bytes.length - this.#at;
      if (has === 0 && available >= frameHeaderBytes) {
        this.#tag = bytes[this.#at]!;
        this.#left = bytes.readUInt32BE(this.#at + 1) - 4;
        this.#at += frameHeaderBytes;
        continue;
      }
      const taken = Math.min(frameHeaderBytes - has, available);
      bytes.copy(this.#header, has, this.#at, this.#at + taken);
      this.#at += taken;
      this.#headerHas = has + taken;
      if (this.#headerHas < frameHeaderBytes) return false;
      this.#headerHas = 0;
      this.#tag = this.#header[0]!;
      this.#left = this.#header.readUInt32BE(1) - 4;
    }
    return true;
  }

  #other(start: number, end: number): void {
    if (this.#tag === backendTags.error) {
      if (this.#errorBytes < mostErrorBytes) this.#error.push(Buffer.from(this.bytes.subarray(start, end)));
      this.#errorBytes += end - start;
      if (this.#left > 0) return;
      const error = Buffer.concat(this.#error);
      this.#failure = decodeServerError(error, 0, error.length);
    } else if (this.#tag === backendTags.readyForQuery && this.#left === 0) {
      this.#isDone = true;
    }
  }
}
