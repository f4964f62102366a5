/** Checks record batches before they are stored or believed: lengths, checksum, counts and every record's structure. */

import {
  BATCH_HEADER_BYTES,
  BATCH_PREFIX_BYTES,
  batchCodec,
  batchCrc,
  batchLastOffsetDelta,
  batchLength,
  batchMagic,
  batchRecordCount,
  batchSizeBytes,
  computeBatchCrc,
} from './batch-header.ts';
import { kafkaErrors } from './kafka-errors.ts';
import { type HeaderRange, RecordScanner } from './record-scanner.ts';

export interface BatchProblem {
  /** One of `kafkaErrors`, as a broker answers it. */
  readonly errorCode: number;
  readonly message: string;
}

const noBytes = Buffer.alloc(0);
/** One for all calls: validation is synchronous. */
const scanner = new RecordScanner(noBytes);
const header: HeaderRange = { keyStart: 0, keyEnd: 0, valueStart: 0, valueEnd: 0 };

/**
 * What is wrong with the batch that must fill `buffer[start, end)`, or undefined. The records of a compressed batch
 * are covered by the checksum alone.
 */
export function validateBatch(buffer: Buffer, start: number, end: number): BatchProblem | undefined {
  const problem = headerProblem(buffer, start, end);
  if (problem !== undefined) return problem;
  if (computeBatchCrc(buffer, start) !== batchCrc(buffer, start)) {
    return corrupt('the checksum of the batch does not fit its bytes');
  }
  const count = batchRecordCount(buffer, start);
  if (count <= 0) return invalid(`the batch announces ${count} records`);
  if (batchLastOffsetDelta(buffer, start) !== count - 1) {
    return invalid(`the last offset delta ${batchLastOffsetDelta(buffer, start)} does not fit ${count} records`);
  }
  if (batchCodec(buffer, start) > 4) return invalid(`the compression type ${batchCodec(buffer, start)} does not exist`);
  if (batchCodec(buffer, start) !== 0) return undefined;
  scanner.setBuffer(buffer);
  const recordProblem = recordsProblem(start + BATCH_HEADER_BYTES, end, count);
  // The buffer may be large and must not live as long as the scanner.
  scanner.setBuffer(noBytes);
  return recordProblem;
}

function headerProblem(buffer: Buffer, start: number, end: number): BatchProblem | undefined {
  if (end - start < BATCH_HEADER_BYTES || end > buffer.length) return corrupt('the batch is shorter than its header');
  // The magic stands at the same place in all formats, the length means another thing in the old ones.
  const magic = batchMagic(buffer, start);
  if (magic < 2) {
    const message = `the message format ${magic} is no longer stored`;
    return { errorCode: kafkaErrors.UNSUPPORTED_FOR_MESSAGE_FORMAT, message };
  }
  if (magic > 2) return invalid(`the message format ${magic} does not exist`);
  const sizeBytes = batchSizeBytes(buffer, start);
  if (sizeBytes > end - start) return corrupt(`the batch of ${sizeBytes} bytes is cut off after ${end - start}`);
  if (sizeBytes < BATCH_HEADER_BYTES) return corrupt(`the batch announces ${sizeBytes} bytes, less than its header`);
  if (sizeBytes < end - start) return invalid('more than one batch, or bytes behind it');
  return undefined;
}

/** Walks the records in the scanner's buffer. */
function recordsProblem(start: number, end: number, count: number): BatchProblem | undefined {
  let at = start;
  for (let index = 0; index < count; index++) {
    at = scanner.scan(at, end);
    if (at < 0) return invalid(`record ${index} of ${count} does not fit the batch`);
    if (scanner.offsetDelta !== index) return invalid(`record ${index} has the offset delta ${scanner.offsetDelta}`);
    if (scanner.headerCount > 0 && !headersFit()) return invalid(`the headers of record ${index} do not fit it`);
  }
  return at === end ? undefined : invalid(`${end - at} bytes are left behind the last of ${count} records`);
}

function headersFit(): boolean {
  for (let left = scanner.headerCount; left > 0; left--) if (!scanner.scanHeader(header)) return false;
  return scanner.isAtEnd;
}

/** The positions of the whole batches in `buffer`, in order; it ends before a batch that is cut off or has no sane length. */
export function* walkBatches(buffer: Buffer, start = 0, end = buffer.length): Generator<number, void> {
  let at = start;
  while (end - at >= BATCH_HEADER_BYTES) {
    const sizeBytes = BATCH_PREFIX_BYTES + batchLength(buffer, at);
    if (sizeBytes < BATCH_HEADER_BYTES || sizeBytes > end - at) return;
    yield at;
    at += sizeBytes;
  }
}

function corrupt(message: string): BatchProblem {
  return { errorCode: kafkaErrors.CORRUPT_MESSAGE, message };
}

function invalid(message: string): BatchProblem {
  return { errorCode: kafkaErrors.INVALID_RECORD, message };
}
