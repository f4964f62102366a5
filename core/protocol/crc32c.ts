/** CRC32C (Castagnoli), the checksum of record batches: the native package for long runs, a sliced table for short ones. */

import { createRequire } from 'node:module';

/** From this length on the native call pays for its crossing. */
const nativeFromBytes = 512;

type NativeCrc32c = (bytes: Uint8Array, initial?: number) => number;

const native = loadNative();

/** Eight tables of 256: `tables[n * 256 + byte]` is the remainder of `byte` followed by n zero bytes. */
const tables = buildTables();

/** The checksum of `buffer[start, end)` as an unsigned number; `initial` is the checksum of the bytes before them. */
export function crc32c(buffer: Buffer, start = 0, end = buffer.length, initial = 0): number {
  if (native !== undefined && end - start >= nativeFromBytes) return native(buffer.subarray(start, end), initial);
  return slicedCrc32c(buffer, start, end, initial);
}

/** The same in plain JavaScript, for short runs and for machines without the native package. */
export function slicedCrc32c(buffer: Uint8Array, start: number, end: number, initial = 0): number {
  const t = tables;
  let crc = ~initial;
  let at = start;
  for (; at + 8 <= end; at += 8) {
    crc ^= buffer[at]! | (buffer[at + 1]! << 8) | (buffer[at + 2]! << 16) | (buffer[at + 3]! << 24);
    crc =
      t[1792 + (crc & 0xff)]! ^
      t[1536 + ((crc >>> 8) & 0xff)]! ^
      t[1280 + ((crc >>> 16) & 0xff)]! ^
      t[1024 + (crc >>> 24)]! ^
      t[768 + buffer[at + 4]!]! ^
      t[512 + buffer[at + 5]!]! ^
      t[256 + buffer[at + 6]!]! ^
      t[buffer[at + 7]!]!;
  }
  for (; at < end; at++) crc = t[(crc ^ buffer[at]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

function buildTables(): Int32Array {
  const result = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    result[byte] = crc;
  }
  for (let index = 256; index < result.length; index++) {
    const before = result[index - 256]!;
    result[index] = (before >>> 8) ^ result[before & 0xff]!;
  }
  return result;
}

/** The prebuilt binary exists for common platforms only; without it everything works, slower. */
function loadNative(): NativeCrc32c | undefined {
  try {
    return (createRequire(import.meta.url)('@node-rs/crc32') as { crc32c: NativeCrc32c }).crc32c;
  } catch {
    return undefined;
  }
}
