/** Reads an open file by position through one buffer that all files of a task share. */

import type { ByteSource, ByteWindow } from './byte-source.ts';
import { readAt, readNow } from './file-access.ts';
import { markerBytes } from './fingerprint.ts';
import type { TrackedFile } from './tracked-file.ts';

/** One read at a time uses it, so a task needs one buffer however many files it follows. */
export class SharedBuffer {
  #buffer = Buffer.alloc(0);

  /** Grows for the longest line there may be and stays so: long lines seldom come alone. */
  take(byteCount: number): Buffer {
    if (this.#buffer.length < byteCount) this.#buffer = Buffer.allocUnsafeSlow(byteCount);
    return this.#buffer;
  }
}

export class PlainBytes implements ByteSource {
  readonly #fd: number;
  readonly #isRemote: boolean;
  readonly #shared: SharedBuffer;

  /** The file is open. */
  constructor({ fd, isRemote }: Pick<TrackedFile, 'fd' | 'isRemote'>, shared: SharedBuffer) {
    this.#fd = fd!;
    this.#isRemote = isRemote;
    this.#shared = shared;
  }

  /** The bytes before the position come with every read, so that comparing them costs no call. */
  async read(position: number, atLeast: number): Promise<ByteWindow> {
    const start = Math.min(markerBytes, position);
    const length = start + atLeast;
    const buffer = this.#shared.take(length);
    const read = this.#isRemote ? readAt : readNow;
    const count = await read(this.#fd, buffer, length, position - start);
    return { bytes: buffer.subarray(0, count), start, behind: 0, isEnd: count < length, isFinal: false };
  }

  close(): void {}
}
