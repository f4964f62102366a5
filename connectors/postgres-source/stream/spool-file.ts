/**
 * A file that nobody but this process can read: rows are in it as the server sent them, with columns that are captured by
 * nobody. What is written is encrypted with a key that is never stored, so that neither a crash nor a copy of the disk leaves any
 * of it readable.
 */

import { type Cipheriv, createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';

/** The files of one run. Each has a start of its own for the counter, so that no two are encrypted with the same stream. */
export class SpoolKey {
  readonly #key = randomBytes(32);

  async open(path: string): Promise<SpoolFile> {
    return new SpoolFile(path, await open(path, 'wx+', 0o600), this.#key);
  }
}

const algorithm = 'aes-256-ctr';

export class SpoolFile {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #key: Buffer;
  readonly #start = randomBytes(16);
  readonly #cipher: Cipheriv;
  #bytes = 0;

  constructor(path: string, file: FileHandle, key: Buffer) {
    this.#path = path;
    this.#file = file;
    this.#key = key;
    this.#cipher = createCipheriv(algorithm, key, this.#start);
  }

  /** How much was appended. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Rejects with the error of the file system; the file is of no use then. */
  async append(block: Buffer): Promise<void> {
    await this.#file.writev([this.#cipher.update(block)], this.#bytes);
    this.#bytes += block.length;
  }

  /** Reads from the beginning: each call gives the next `count` bytes. There must be so many. */
  reader(): (count: number) => Promise<Buffer> {
    const decipher = createDecipheriv(algorithm, this.#key, this.#start);
    let position = 0;
    let encrypted = Buffer.alloc(0);
    return async (count) => {
      // Memory outside of the heap that is asked for again and again makes the collector run again and again.
      if (encrypted.length < count) encrypted = Buffer.allocUnsafeSlow(count);
      const { bytesRead } = await this.#file.read(encrypted, 0, count, position);
      if (bytesRead < count) throw new Error(`${this.#path} is shorter than what was written into it`);
      position += count;
      return decipher.update(encrypted.subarray(0, count));
    };
  }

  /** Closes and removes it. */
  async close(): Promise<void> {
    await this.#file.close();
    await rm(this.#path, { force: true });
  }
}
