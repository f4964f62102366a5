/** Compresses chunks of a file on the thread pool; compressed chunks one behind the other are one compressed file. */

import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { ZstdFrames } from './zstd-frames.ts';

export type CodecName = 'none' | 'gzip' | 'zstd';

export interface Codec {
  /** What object names end in, behind the format's own ending. */
  readonly extension: string;
  /** Compressed bytes per byte to expect before anything was compressed. */
  readonly firstRatio: number;
  /** The compressed bytes in pieces; `chunk` must not change until they are copied. */
  encode(chunk: Buffer): Promise<readonly Buffer[]>;
  close(): void;
}

/** Output of this size takes a whole compressed chunk in one turn of the thread pool in most cases. */
const outputBytes = 256 * 1024;

const gzipAsync = promisify(gzip);

export function createCodec(name: CodecName, level: number | undefined): Codec {
  switch (name) {
    case 'none':
      return { extension: '', firstRatio: 1, encode: async (chunk) => [chunk], close() {} };
    case 'gzip':
      return gzipCodec(Math.min(9, Math.max(1, level ?? 6)));
    case 'zstd':
      return zstdCodec(level ?? 1);
  }
}

function gzipCodec(level: number): Codec {
  return {
    extension: '.gz',
    firstRatio: 0.25,
    async encode(chunk) {
      const chunkSize = Math.min(outputBytes, Math.max(1024, chunk.length));
      return [await gzipAsync(chunk, { level, chunkSize })];
    },
    close() {},
  };
}

function zstdCodec(level: number): Codec {
  const frames = new ZstdFrames(level);
  return { extension: '.zst', firstRatio: 0.25, encode: (chunk) => frames.encode(chunk), close: () => frames.close() };
}
