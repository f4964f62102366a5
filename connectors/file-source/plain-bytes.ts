/** Reads an open file by position through one buffer that all files of a task share. */

import type { ByteSource, ByteWindow } from './byte-source.ts';
import { readAt } from './file-access.ts';
import { markerBytes } from './fingerprint.ts';

/** One read at a time uses it, so a task needs one buffer however many files it follows. */
export class SharedBuffer {
  #buffer = Buffer.alloc(0);

  /** Grows for a long line, and shrinks back with the next ordinary read. */
  take(byteCount: number, ordinaryBytes: number): Buffer {
    const wanted = Math.max(byteCount, ordinaryBytes);
    if (this.#buffer.length !== wanted) this.#buffer = Buffer.allocUnsafeSlow(wanted);
    return this.#buffer;
  }
}

export class PlainBytes implements ByteSource {
  readonly #fd: number;
  readonly #shared: SharedBuffer;
  readonly #bufferBytes: number;

  constructor(fd: number, shared: SharedBuffer, bufferBytes: number) {
    this.#fd = fd;
    this.#shared = shared;
    this.#bufferBytes = bufferBytes;
  }

  /** The bytes before the position come with every read, so that comparing them costs no call. */
  async read(position: number, atLeast: number): Promise<ByteWindow> {
    const start = Math.min(markerBytes, position);
    const length = start + atLeast;
    const buffer = this.#shared.take(length, this.#bufferBytes + markerBytes);
    const count = await readAt(this.#fd, buffer, length, position - start);
    return { bytes: buffer.subarray(0, count), start, behind: 0, isEnd: count < length, isFinal: false };
  }

  close(): void {}
}
