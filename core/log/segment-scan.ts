/** Walks the batches of a segment's file from front to back in bounded memory, verifying each one before it is believed. */

import type { DiskFile } from '../base/disk.ts';
import {
  BATCH_HEADER_BYTES,
  batchBaseOffset,
  batchCrc,
  batchLastOffset,
  batchLastOffsetDelta,
  batchMagic,
  batchSizeBytes,
} from '../protocol/batch-header.ts';
import { crc32c } from '../protocol/crc32c.ts';

export interface ScanOptions {
  readonly position: number;
  readonly sizeBytes: number;
  /** No batch may begin before this offset. */
  readonly minOffset: number;
  /** Called for each intact batch; only the header at `at` of `buffer` is sure to be there, and only during the call. */
  readonly onBatch: (buffer: Buffer, at: number, position: number) => void;
}

export interface ScanEnd {
  /** Behind the last intact batch. */
  readonly position: number;
  readonly nextOffset: number;
  /** What is wrong with the bytes at `position`; undefined when the file ends there. */
  readonly problem: string | undefined;
}

/** Read at once; a batch that is larger is verified piece by piece. */
const chunkBytes = 1024 * 1024;

/** The checksum of a batch covers its bytes from here on. */
const crcCoversFrom = 21;

/** Less is not worth a whole chunk. */
const smallBytes = 64 * 1024;

/** As many as partitions are opened at the same time. */
const maxSpareChunks = 16;

/** Chunks that go round: a start scans every partition, and fresh memory for each would keep the garbage collector busy. */
let spareChunks: Buffer[] = [];

/** Gives the memory of scans back. */
export function dropScanMemory(): void {
  spareChunks = [];
}

/** Stops at the first batch that is not intact. */
export async function scanSegment(file: DiskFile, options: ScanOptions): Promise<ScanEnd> {
  const bytes = Math.min(chunkBytes, Math.max(options.sizeBytes - options.position, 0));
  if (bytes <= smallBytes) return scanWith(Buffer.allocUnsafe(bytes), file, options);
  const chunk = spareChunks.pop() ?? Buffer.allocUnsafeSlow(chunkBytes);
  try {
    return await scanWith(chunk.subarray(0, bytes), file, options);
  } finally {
    if (spareChunks.length < maxSpareChunks) spareChunks.push(chunk);
  }
}

async function scanWith(chunk: Buffer, file: DiskFile, options: ScanOptions): Promise<ScanEnd> {
  const { sizeBytes, onBatch } = options;
  let { position } = options;
  let nextOffset = options.minOffset;
  while (position < sizeBytes) {
    const filled = await file.read(chunk, position);
    let at = 0;
    while (at < filled) {
      const left = sizeBytes - position - at;
      if (filled - at < BATCH_HEADER_BYTES && left > filled - at && at > 0) break;
      const problem = headerProblem(chunk, at, { left, nextOffset });
      if (problem !== undefined) return { position: position + at, nextOffset, problem };
      const batchBytes = batchSizeBytes(chunk, at);
      if (batchBytes > filled - at && at > 0) break;
      const crc =
        batchBytes <= filled - at
          ? crc32c(chunk, at + crcCoversFrom, at + batchBytes)
          : await crcOfLarge(file, position, batchBytes);
      if (crc !== batchCrc(chunk, at)) {
        return { position: position + at, nextOffset, problem: 'the checksum of the batch does not fit its bytes' };
      }
      onBatch(chunk, at, position + at);
      nextOffset = batchLastOffset(chunk, at) + 1;
      at += batchBytes;
    }
    if (filled === 0) return { position, nextOffset, problem: 'the file is shorter than its size' };
    position += at;
  }
  return { position, nextOffset, problem: undefined };
}

function headerProblem(
  buffer: Buffer,
  at: number,
  { left, nextOffset }: { left: number; nextOffset: number },
): string | undefined {
  if (left < BATCH_HEADER_BYTES) return 'the file ends inside a batch header';
  if (batchMagic(buffer, at) !== 2) return `the message format ${batchMagic(buffer, at)} is not stored here`;
  const sizeBytes = batchSizeBytes(buffer, at);
  if (sizeBytes < BATCH_HEADER_BYTES) return `a batch of ${sizeBytes} bytes is shorter than its header`;
  if (sizeBytes > left) return `the file ends inside a batch of ${sizeBytes} bytes`;
  if (batchBaseOffset(buffer, at) < nextOffset)
    return `offset ${batchBaseOffset(buffer, at)} where ${nextOffset} is next`;
  if (batchLastOffsetDelta(buffer, at) < 0) return 'the batch ends before it begins';
  return undefined;
}

/** The checksum of a batch that does not fit into one chunk. */
async function crcOfLarge(file: DiskFile, position: number, batchBytes: number): Promise<number> {
  const piece = Buffer.allocUnsafeSlow(chunkBytes);
  let crc = 0;
  for (let at = crcCoversFrom; at < batchBytes; ) {
    const filled = await file.read(piece.subarray(0, Math.min(chunkBytes, batchBytes - at)), position + at);
    if (filled === 0) break;
    crc = crc32c(piece, 0, filled, crc);
    at += filled;
  }
  return crc;
}
