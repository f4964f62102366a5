/** Reads the batches of an ended segment in runs of whole ones, verified, in bounded memory. */

import { BATCH_HEADER_BYTES, batchCrc, batchSizeBytes, computeBatchCrc } from '../protocol/batch-header.ts';
import { logErrors } from './error-codes.ts';
import type { OpenFiles } from './open-files.ts';
import type { Segment } from './segment.ts';

/** One run: small enough that work on it does not hold up the process for long. */
const runBytes = 256 * 1024;

/** Yields buffers of whole batches in file order; the bytes are only good until the next one. Throws `log/damaged`. */
export async function* wholeBatches(files: OpenFiles, segment: Segment): AsyncGenerator<Buffer, void> {
  let buffer = Buffer.allocUnsafeSlow(runBytes);
  let position = 0;
  while (position < segment.sizeBytes) {
    const filled = await files.read(segment, buffer, position);
    const end = wholeEnd(segment, buffer.subarray(0, filled), position);
    if (end === 0) {
      const needed = filled < BATCH_HEADER_BYTES ? 0 : batchSizeBytes(buffer, 0);
      if (needed <= buffer.length || needed > segment.sizeBytes - position) {
        throw damaged(segment, position, 'the segment ends inside a batch');
      }
      buffer = Buffer.allocUnsafeSlow(needed);
      continue;
    }
    yield buffer.subarray(0, end);
    position += end;
  }
}

/** Where the last whole batch of `bytes` ends, each checked. */
function wholeEnd(segment: Segment, bytes: Buffer, position: number): number {
  let at = 0;
  while (at + BATCH_HEADER_BYTES <= bytes.length) {
    const sizeBytes = batchSizeBytes(bytes, at);
    if (sizeBytes < BATCH_HEADER_BYTES) throw damaged(segment, position + at, `a batch announces ${sizeBytes} bytes`);
    if (at + sizeBytes > bytes.length) break;
    if (computeBatchCrc(bytes, at) !== batchCrc(bytes, at)) {
      throw damaged(segment, position + at, 'the checksum of the batch does not fit its bytes');
    }
    at += sizeBytes;
  }
  return at;
}

function damaged(segment: Segment, position: number, message: string) {
  return logErrors.error('damaged', { message, where: `${segment.logPath}, position ${position}` });
}
