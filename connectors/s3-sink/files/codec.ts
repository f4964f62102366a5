/** Compresses chunks of a file on the thread pool; compressed chunks one behind the other are one compressed file. */

import { promisify } from 'node:util';
import { constants, gzip, zstdCompress } from 'node:zlib';

export type CodecName = 'none' | 'gzip' | 'zstd';

export interface Codec {
  /** What object names end in, behind the format's own ending. */
  readonly extension: string;
  /** Resolves to the compressed bytes; `chunk` must not change until then. `none` answers the chunk itself. */
  encode(chunk: Buffer): Promise<Buffer> | Buffer;
  /** Compressed bytes per byte to expect before anything was compressed. */
  readonly firstRatio: number;
}

/** Output buffers of this size take a whole compressed chunk in one turn of the thread pool in most cases. */
const outputBytes = 256 * 1024;

const gzipAsync = promisify(gzip);
const zstdAsync = promisify(zstdCompress);

export function createCodec(name: CodecName, level: number | undefined): Codec {
  if (name === 'gzip') {
    const gzipLevel = Math.min(9, Math.max(1, level ?? 6));
    return {
      extension: '.gz',
      firstRatio: 0.25,
      encode: (chunk) => gzipAsync(chunk, { level: gzipLevel, chunkSize: outputFor(chunk) }),
    };
  }
  if (name === 'zstd') {
    const params = { [constants.ZSTD_c_compressionLevel]: level ?? 1 };
    return {
      extension: '.zst',
      firstRatio: 0.25,
      encode: (chunk) => zstdAsync(chunk, { params, chunkSize: outputFor(chunk) }),
    };
  }
  return { extension: '', firstRatio: 1, encode: (chunk) => chunk };
}

function outputFor(chunk: Buffer): number {
  return Math.min(outputBytes, Math.max(1024, chunk.length));
}
