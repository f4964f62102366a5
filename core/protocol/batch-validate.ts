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
  /** Which records it is about, where single records are to blame. */
  readonly recordErrors?: readonly RecordError[];
}

export interface RecordError {
  /** The place of the record in its batch. */
  readonly index: number;
  readonly message: string;
}

/** What the records of one batch have in common; filled in where somebody asks for it, so that no batch costs an object. */
export interface RecordSummary {
  /** False when the records were not looked at: they are compressed. */
  isKnown: boolean;
  minTimestampDelta: number;
  maxTimestampDelta: number;
  hasNullKey: boolean;
}

const noBytes = Buffer.alloc(0);
/** One for all calls: validation is synchronous. */
const scanner = new RecordScanner(noBytes);
/** For those who do not ask. */
const unread: RecordSummary = newSummary();
const header: HeaderRange = { keyStart: 0, keyEnd: 0, valueStart: 0, valueEnd: 0 };

export function newSummary(): RecordSummary {
  return { isKnown: false, minTimestampDelta: 0, maxTimestampDelta: 0, hasNullKey: false };
}

/**
 * What is wrong with the batch that must fill `buffer[start, end)`, or undefined. The records of a compressed batch
 * are covered by the checksum alone.
 */
export function validateBatch(
  buffer: Buffer,
  start: number,
  end: number,
  summary?: RecordSummary,
): BatchProblem | undefined {
  if (summary !== undefined) summary.isKnown = false;
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
  return validateRecords(buffer, { start: start + BATCH_HEADER_BYTES, end, count }, summary);
}

/** What is wrong with the uncompressed records that must fill the range, or undefined. */
export function validateRecords(
  buffer: Buffer,
  range: { readonly start: number; readonly end: number; readonly count: number },
  summary: RecordSummary = unread,
): BatchProblem | undefined {
  scanner.setBuffer(buffer);
  const problem = recordsProblem(range, summary);
  // The buffer may be large and must not live as long as the scanner.
  scanner.setBuffer(noBytes);
  return problem;
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
function recordsProblem(
  { start, end, count }: { readonly start: number; readonly end: number; readonly count: number },
  summary: RecordSummary,
): BatchProblem | undefined {
  let at = start;
  let minDelta = Number.POSITIVE_INFINITY;
  let maxDelta = Number.NEGATIVE_INFINITY;
  let hasNullKey = false;
  for (let index = 0; index < count; index++) {
    at = scanner.scan(at, end);
    if (at < 0) return invalid(`record ${index} of ${count} does not fit the batch`);
    if (scanner.offsetDelta !== index) return invalid(`record ${index} has the offset delta ${scanner.offsetDelta}`);
    if (scanner.headerCount > 0 && !headersFit()) return invalid(`the headers of record ${index} do not fit it`);
    if (scanner.timestampDelta < minDelta) minDelta = scanner.timestampDelta;
    if (scanner.timestampDelta > maxDelta) maxDelta = scanner.timestampDelta;
    if (scanner.keyStart < 0) hasNullKey = true;
  }
  summary.isKnown = true;
  summary.minTimestampDelta = minDelta;
  summary.maxTimestampDelta = maxDelta;
  summary.hasNullKey = hasNullKey;
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
