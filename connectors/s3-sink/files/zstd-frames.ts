/** Compresses chunks into zstd frames with a few compressors that are kept: making one costs a fifth of a chunk's compression. */

import { constants, createZstdCompress, type ZstdCompress } from 'node:zlib';

/** The thread pool has four threads, which others need too. */
const mostCompressors = 3;

/** Output buffers of this size take a whole compressed chunk in one turn of the thread pool in most cases. */
const outputBytes = 256 * 1024;

interface Job {
  readonly chunk: Buffer;
  resolve(frame: readonly Buffer[]): void;
  reject(error: Error): void;
}

export class ZstdFrames {
  readonly #level: number;
  readonly #idle: Compressor[] = [];
  readonly #waiting: Job[] = [];
  #count = 0;

  constructor(level: number) {
    this.#level = level;
  }

  /** The frame in pieces; `chunk` must not change until it resolves. */
  encode(chunk: Buffer): Promise<readonly Buffer[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ chunk, resolve, reject });
      this.#next();
    });
  }

  close(): void {
    for (const compressor of this.#idle) compressor.close();
    this.#idle.length = 0;
  }

  #next(): void {
    if (this.#waiting.length === 0) return;
    if (this.#idle.length === 0 && this.#count >= mostCompressors) return;
    const compressor = this.#idle.pop() ?? this.#create();
    const job = this.#waiting.shift()!;
    compressor.encode(job.chunk).then(
      (frame) => {
        this.#idle.push(compressor);
        job.resolve(frame);
        this.#next();
      },
      (error: Error) => {
        this.#count--;
        compressor.close();
        job.reject(error);
        this.#next();
      },
    );
  }

  #create(): Compressor {
    this.#count++;
    return new Compressor(this.#level);
  }
}

class Compressor {
  readonly #stream: ZstdCompress;
  #pieces: Buffer[] = [];
  #reject: ((error: Error) => void) | undefined;

  constructor(level: number) {
    this.#stream = createZstdCompress({
      chunkSize: outputBytes,
      params: { [constants.ZSTD_c_compressionLevel]: level },
    });
    this.#stream.on('data', (piece: Buffer) => this.#pieces.push(piece));
    this.#stream.on('error', (error) => this.#reject?.(error));
  }

  /** One chunk at a time. */
  encode(chunk: Buffer): Promise<readonly Buffer[]> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      this.#stream.write(chunk);
      this.#stream.flush(constants.ZSTD_e_end, () => {
        const pieces = this.#pieces;
        this.#pieces = [];
        resolve(pieces);
      });
    });
  }

  close(): void {
    this.#stream.close();
  }
}
