/** Reads the plain bytes of an open gzip file of any number of members, forwards only, with bounded memory. */

import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { ByteSource, ByteWindow } from './byte-source.ts';
import { fileSourceErrors } from './error-codes.ts';
import { errorCode, readAt } from './file-access.ts';

/** Compressed bytes per step: what a damaged block can keep from being read at most. */
const pieceBytes = 16 * 1024;
const chunkBytes = 64 * 1024;

export function isGzip(head: Buffer): boolean {
  return head.length >= 3 && head[0] === 0x1f && head[1] === 0x8b && head[2] === 8;
}

export class GzipBytes implements ByteSource {
  readonly #path: string;
  readonly #plain: AsyncIterator<Buffer>;
  readonly #gunzip = createGunzip({ chunkSize: chunkBytes });
  #buffer = Buffer.alloc(0);
  /** The plain bytes not asked past yet: `#buffer[#from, #to)`, the first of them at `#position` of the file. */
  #from = 0;
  #to = 0;
  #position = 0;
  #end: 'complete' | 'unfinished' | undefined;

  constructor(fd: number, path: string) {
    this.#path = path;
    const pieces = Readable.from(readPieces(fd), { objectMode: false, highWaterMark: pieceBytes });
    // Failures of either stream reach the reader through the iterator.
    pipeline(pieces, this.#gunzip, () => {});
    this.#plain = this.#gunzip[Symbol.asyncIterator]();
  }

  async read(position: number, atLeast: number): Promise<ByteWindow> {
    while (this.#position < position && (await this.#skipTowards(position)));
    while (this.#to - this.#from < atLeast && (await this.#more(atLeast)));
    return {
      bytes: this.#buffer.subarray(0, Math.min(this.#to, this.#from + Math.max(atLeast, chunkBytes))),
      start: this.#from,
      behind: this.#from,
      isEnd: this.#end !== undefined && this.#to - this.#from <= Math.max(atLeast, chunkBytes),
      isFinal: this.#end === 'complete' && this.#to - this.#from <= Math.max(atLeast, chunkBytes),
    };
  }

  close(): void {
    this.#gunzip.destroy();
  }

  async #skipTowards(position: number): Promise<boolean> {
    if (this.#from === this.#to && !(await this.#more(1))) return false;
    const step = Math.min(this.#to - this.#from, position - this.#position);
    this.#from += step;
    this.#position += step;
    return true;
  }

  /** False at the end. */
  async #more(atLeast: number): Promise<boolean> {
    if (this.#end !== undefined) return false;
    const chunk = await this.#next();
    if (chunk === undefined) return false;
    const kept = this.#to - this.#from;
    if (this.#buffer.length - this.#to < chunk.length) {
      const wanted = Math.max(kept + chunk.length, atLeast + chunkBytes);
      const target = this.#buffer.length >= wanted ? this.#buffer : Buffer.allocUnsafeSlow(wanted);
      this.#buffer.copy(target, 0, this.#from, this.#to);
      this.#buffer = target;
      this.#from = 0;
      this.#to = kept;
    }
    chunk.copy(this.#buffer, this.#to);
    this.#to += chunk.length;
    return true;
  }

  async #next(): Promise<Buffer | undefined> {
    try {
      const { value, done } = await this.#plain.next();
      if (!done) return value;
      this.#end = 'complete';
    } catch (error) {
      if (errorCode(error) !== 'Z_BUF_ERROR') throw this.#damaged(error);
      this.#end = 'unfinished';
    }
    return undefined;
  }

  #damaged(cause: unknown): unknown {
    if (!errorCode(cause).startsWith('Z_')) return cause;
    const message = `the gzip file is damaged: ${(cause as Error).message}`;
    return fileSourceErrors.error('bad-gzip', { message, where: this.#path, cause });
  }
}

async function* readPieces(fd: number): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    const piece = Buffer.allocUnsafe(pieceBytes);
    const count = await readAt(fd, piece, pieceBytes, position);
    if (count === 0) return;
    position += count;
    yield piece.subarray(0, count);
  }
}
