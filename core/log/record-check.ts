/** Whether the records of a batch may enter a log: their keys where it is compacted, and their timestamps. */

import { MillraceError } from '../base/errors.ts';
import {
  BATCH_HEADER_BYTES,
  batchBaseTimestampMs,
  batchCodec,
  batchMaxTimestampMs,
  batchRecordCount,
  isControl,
  isLogAppendTime,
  sealCrc,
  setMaxTimestampMs,
} from '../protocol/batch-header.ts';
import {
  type BatchProblem,
  type RecordError,
  type RecordSummary,
  validateRecords,
} from '../protocol/batch-validate.ts';
import { codecOf, decompress } from '../protocol/compression.ts';
import { protocolErrors } from '../protocol/error-codes.ts';
import { kafkaErrors } from '../protocol/kafka-errors.ts';
import { RecordScanner } from '../protocol/record-scanner.ts';
import type { LogConfig } from './log-config.ts';

export interface RecordCheck {
  readonly config: LogConfig;
  readonly nowMs: number;
}

/** Where the uncompressed records lie. */
interface Records {
  readonly bytes: Buffer;
  readonly start: number;
}

/** Records named in an answer; what is wrong with more of them is wrong with these. */
const maxRecordErrors = 100;

/** Takes about 40 ms with the slowest codec, during which nothing else is served. */
const minDecompressedBytes = 16 * 1024 * 1024;

/** What compaction and consumers decompress at most: a batch beyond it could be kept and never be read again. */
const maxDecompressedBytes = 64 * 1024 * 1024;

/** `summary` is what validation found; the batch is changed only when it is fine. */
export function checkRecords(batch: Buffer, summary: RecordSummary, check: RecordCheck): BatchProblem | undefined {
  const { config } = check;
  let records: Records = { bytes: batch, start: BATCH_HEADER_BYTES };
  // Keys are what a compacted log lives on: there a compressed batch is opened.
  if (config.isCompacted && !isControl(batch, 0) && !summary.isKnown) {
    const opened = open(batch, summary, config);
    if (!Buffer.isBuffer(opened)) return opened;
    records = { bytes: opened, start: 0 };
  }
  const problem =
    keyProblem(batch, summary, { records, config }) ?? timestampProblem(batch, summary, { records, check });
  if (problem === undefined && config.messageTimestampType === 'CreateTime') correctMaxTimestamp(batch, summary);
  return problem;
}

/** The records of a compressed batch, checked like uncompressed ones. */
function open(batch: Buffer, summary: RecordSummary, { maxMessageBytes }: LogConfig): Buffer | BatchProblem {
  const maxBytes = Math.min(maxDecompressedBytes, Math.max(minDecompressedBytes, 4 * maxMessageBytes));
  const codec = codecOf(batchCodec(batch, 0));
  if (codec === undefined) return invalid(`the compression type ${batchCodec(batch, 0)} does not exist`);
  try {
    const bytes = decompress(codec, batch.subarray(BATCH_HEADER_BYTES), maxBytes);
    const range = { start: 0, end: bytes.length, count: batchRecordCount(batch, 0) };
    return validateRecords(bytes, range, summary) ?? bytes;
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    // Told that it is too large, a producer sends the records in smaller batches.
    const isBomb = protocolErrors.is(error, 'decompressed-too-large');
    return { errorCode: isBomb ? kafkaErrors.MESSAGE_TOO_LARGE : kafkaErrors.INVALID_RECORD, message: error.message };
  }
}

function keyProblem(
  batch: Buffer,
  summary: RecordSummary,
  { records, config }: { records: Records; config: LogConfig },
): BatchProblem | undefined {
  if (!config.isCompacted || isControl(batch, 0) || !summary.hasNullKey) return undefined;
  const message = 'a compacted topic takes no record without a key';
  const recordErrors = errorsOf(batch, records, (record) => (record.keyStart < 0 ? message : undefined));
  return { errorCode: kafkaErrors.INVALID_RECORD, message, recordErrors };
}

function timestampProblem(
  batch: Buffer,
  summary: RecordSummary,
  { records, check }: { records: Records; check: RecordCheck },
): BatchProblem | undefined {
  // The broker stamps these records itself: whatever the producer wrote is replaced.
  if (check.config.messageTimestampType === 'LogAppendTime') return undefined;
  if (isLogAppendTime(batch, 0)) return wrongTime('the batch says LogAppendTime, which only the broker may set');
  const baseMs = batchBaseTimestampMs(batch, 0);
  if (!summary.isKnown) {
    // What is compressed is believed; the records lie between these two.
    const message = timeProblem(baseMs, check) ?? timeProblem(batchMaxTimestampMs(batch, 0), check);
    return message === undefined ? undefined : wrongTime(message);
  }
  const first = timeProblem(baseMs + summary.minTimestampDelta, check);
  const last = timeProblem(baseMs + summary.maxTimestampDelta, check);
  // A record without a time may hide another one that is too old.
  if (first === undefined && last === undefined && baseMs + summary.minTimestampDelta >= 0) return undefined;
  const recordErrors = errorsOf(batch, records, ({ timestampDelta }) => timeProblem(baseMs + timestampDelta, check));
  return recordErrors[0] === undefined ? undefined : { ...wrongTime(recordErrors[0].message), recordErrors };
}

/** A negative timestamp says that the record has none. */
function timeProblem(timestampMs: number, { config, nowMs }: RecordCheck): string | undefined {
  if (timestampMs < 0) return undefined;
  if (nowMs - timestampMs > config.messageTimestampBeforeMaxMs) {
    return `the timestamp ${timestampMs} is more than ${config.messageTimestampBeforeMaxMs} ms in the past`;
  }
  if (timestampMs - nowMs > config.messageTimestampAfterMaxMs) {
    return `the timestamp ${timestampMs} is more than ${config.messageTimestampAfterMaxMs} ms in the future`;
  }
  return undefined;
}

/** Retention and the search by time go by the header. */
function correctMaxTimestamp(batch: Buffer, summary: RecordSummary): void {
  if (!summary.isKnown || isControl(batch, 0)) return;
  const maxMs = Math.max(batchBaseTimestampMs(batch, 0) + summary.maxTimestampDelta, -1);
  if (batchMaxTimestampMs(batch, 0) === maxMs) return;
  setMaxTimestampMs(batch, 0, maxMs);
  sealCrc(batch, 0);
}

/** Walks records that were found to be whole. */
function errorsOf(
  batch: Buffer,
  { bytes, start }: Records,
  problemOf: (record: RecordScanner) => string | undefined,
): RecordError[] {
  const scanner = new RecordScanner(bytes);
  const errors: RecordError[] = [];
  let at = start;
  for (let index = 0; index < batchRecordCount(batch, 0) && errors.length < maxRecordErrors; index++) {
    at = scanner.scan(at, bytes.length);
    const message = problemOf(scanner);
    if (message !== undefined) errors.push({ index, message });
  }
  return errors;
}

function invalid(message: string): BatchProblem {
  return { errorCode: kafkaErrors.INVALID_RECORD, message };
}

function wrongTime(message: string): BatchProblem {
  return { errorCode: kafkaErrors.INVALID_TIMESTAMP, message };
}
