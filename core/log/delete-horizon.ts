/** The date from which on the tombstones or the marker of a batch may go: it stands in the batch header in place of the base timestamp. */

import { BATCH_HEADER_BYTES, batchBaseTimestampMs, batchRecordCount, sealCrc } from '../protocol/batch-header.ts';
import { RecordScanner } from '../protocol/record-scanner.ts';

/** Attributes bit 6. */
const horizonBit = 0x40;

/** A record inside the uncompressed records of its batch. */
export interface RecordSpan {
  readonly start: number;
  readonly end: number;
  /** From the base timestamp of the batch. */
  readonly timestampDelta: number;
}

export function hasHorizon(batch: Buffer): boolean {
  return (batch[22]! & horizonBit) !== 0;
}

export function clearHorizon(batch: Buffer): void {
  batch[22]! &= ~horizonBit;
}

/** In place; the records must tell their times from it. */
export function setHorizon(batch: Buffer, horizonMs: number): void {
  batch[22]! |= horizonBit;
  batch.writeBigInt64BE(BigInt(horizonMs), 27);
}

const scanner = new RecordScanner(Buffer.alloc(0));

/** A copy of an uncompressed batch of one record, with the date. */
export function withHorizon(batch: Buffer, horizonMs: number): Buffer {
  scanner.setBuffer(batch);
  const end = scanner.scan(BATCH_HEADER_BYTES, batch.length);
  const span = { start: BATCH_HEADER_BYTES, end, timestampDelta: scanner.timestampDelta };
  const record = withTimestampDelta(batch, span, batchBaseTimestampMs(batch, 0) - horizonMs);
  const result = Buffer.concat([batch.subarray(0, BATCH_HEADER_BYTES), record]);
  setHorizon(result, horizonMs);
  return sealed(result, batchRecordCount(batch, 0));
}

/** The record with its timestamp told from another base, `shiftMs` later than the one before. */
export function withTimestampDelta(bytes: Buffer, record: RecordSpan, shiftMs: number): Buffer {
  const bodyStart = afterVarint(bytes, record.start);
  const restStart = afterVarint(bytes, bodyStart + 1);
  const delta = varlong(record.timestampDelta + shiftMs);
  const length = varlong(1 + delta.length + record.end - restStart);
  return Buffer.concat([
    length,
    bytes.subarray(bodyStart, bodyStart + 1),
    delta,
    bytes.subarray(restStart, record.end),
  ]);
}

/** Writes size, number of records and checksum of a batch that was changed, and returns it. */
export function sealed(batch: Buffer, recordCount: number): Buffer {
  batch.writeInt32BE(batch.length - 12, 8);
  batch.writeInt32BE(recordCount, 57);
  sealCrc(batch, 0);
  return batch;
}

function afterVarint(bytes: Buffer, at: number): number {
  let next = at;
  while (bytes[next]! >= 0x80) next += 1;
  return next + 1;
}

/** Zigzag, exact within ±2^52. */
function varlong(value: number): Buffer {
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  const bytes: number[] = [];
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}
