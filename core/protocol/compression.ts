/** The codecs of record batches by Kafka's names, with a cap on what decompression may yield. */

import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { messageOf } from '../base/errors.ts';
import { damaged, decompressedTooLarge } from './lz-output.ts';
import { decodeLz4, encodeLz4 } from './lz4.ts';
import { decodeSnappy, encodeSnappy } from './snappy.ts';

/** As they stand in the batch attributes. */
export const codecIds = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;

export type Codec = keyof typeof codecIds;

const codecs = Object.keys(codecIds) as Codec[];

/** undefined for the attribute values that mean nothing. */
export function codecOf(id: number): Codec | undefined {
  return codecs[id];
}

export function compress(codec: Codec, input: Buffer): Buffer {
  switch (codec) {
    case 'none':
      return input;
    case 'gzip':
      return gzipSync(input);
    case 'snappy':
      return encodeSnappy(input);
    case 'lz4':
      return encodeLz4(input);
    case 'zstd':
      return zstdCompressSync(input);
  }
}

/**
 * Throws `protocol/decompressed-too-large` as soon as the output passes `maxBytes`, and `protocol/corrupt-batch` for
 * input that the codec did not write.
 */
export function decompress(codec: Codec, input: Buffer, maxBytes: number): Buffer {
  switch (codec) {
    case 'none':
      return input;
    case 'gzip':
      return inflate((maxOutputLength) => gunzipSync(input, { maxOutputLength }), maxBytes);
    case 'snappy':
      return decodeSnappy(input, maxBytes);
    case 'lz4':
      return decodeLz4(input, maxBytes);
    case 'zstd':
      return inflate((maxOutputLength) => zstdDecompressSync(input, { maxOutputLength }), maxBytes);
  }
}

/** node:zlib allocates as the output grows and throws a RangeError at its limit, which may not be 0. */
function inflate(run: (maxOutputLength: number) => Buffer, maxBytes: number): Buffer {
  try {
    return run(Math.max(maxBytes, 1));
  } catch (cause) {
    throw cause instanceof RangeError ? decompressedTooLarge(maxBytes, cause) : damaged(messageOf(cause), cause);
  }
}
