/** The codecs of record batches by Kafka's names, with a cap on what decompression may yield. */

import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { messageOf } from '../base/errors.ts';
import { protocolErrors } from './error-codes.ts';

/** As they stand in the batch attributes. */
export const codecIds = { none: 0, gzip: 1, zstd: 4 } as const;

export type Codec = keyof typeof codecIds;

const codecs = new Map<number, Codec>(Object.entries(codecIds).map(([codec, id]) => [id, codec as Codec]));

export function codecOf(id: number): Codec | undefined {
  return codecs.get(id);
}

export function compress(codec: Codec, input: Buffer): Buffer {
  switch (codec) {
    case 'none':
      return input;
    case 'gzip':
      return gzipSync(input);
    case 'zstd':
      return zstdCompressSync(input);
  }
}

/** Throws `protocol/decompressed-too-large` over `maxBytes`, before more is allocated, and `protocol/corrupt-batch` for damaged input. */
export function decompress(codec: Codec, input: Buffer, maxBytes: number): Buffer {
  switch (codec) {
    case 'none':
      return input;
    case 'gzip':
      return inflate(() => gunzipSync(input, { maxOutputLength: maxBytes }), maxBytes);
    case 'zstd':
      return inflate(() => zstdDecompressSync(input, { maxOutputLength: maxBytes }), maxBytes);
  }
}

function inflate(run: () => Buffer, maxBytes: number): Buffer {
  try {
    return run();
  } catch (cause) {
    if (cause instanceof RangeError) {
      throw protocolErrors.error('decompressed-too-large', {
        message: `a batch decompresses to more than ${maxBytes} bytes`,
        cause,
      });
    }
    throw protocolErrors.error('corrupt-batch', { message: `a batch does not decompress: ${messageOf(cause)}`, cause });
  }
}
