/** The 61 bytes in front of every record batch (magic 2), read and patched in place at a position of a larger buffer. */

import { crc32c } from './crc32c.ts';

export const BATCH_HEADER_BYTES = 61;

/** Base offset and length: what stands before the bytes that the length counts. */
export const BATCH_PREFIX_BYTES = 12;

/** The base offset and the leader epoch lie before this position, outside the checksum: they are patched freely. */
const CRC_COVERS_FROM = 21;

export const batchBaseOffset = (buffer: Buffer, at: number) => int64At(buffer, at);

/** Bytes after the length field itself. */
export const batchLength = (buffer: Buffer, at: number) => int32At(buffer, at + 8);

/** The whole batch, prefix included. */
export const batchSizeBytes = (buffer: Buffer, at: number) => BATCH_PREFIX_BYTES + int32At(buffer, at + 8);

export const batchLeaderEpoch = (buffer: Buffer, at: number) => int32At(buffer, at + 12);
export const batchMagic = (buffer: Buffer, at: number) => buffer[at + 16]!;
export const batchCrc = (buffer: Buffer, at: number) => int32At(buffer, at + 17) >>> 0;
export const batchAttributes = (buffer: Buffer, at: number) => (buffer[at + 21]! << 8) | buffer[at + 22]!;

/** 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd; 5 to 7 mean nothing. */
export const batchCodec = (buffer: Buffer, at: number) => buffer[at + 22]! & 0x07;

/** True when the broker stamped the records at append, false for the producer's own times. */
export const isLogAppendTime = (buffer: Buffer, at: number) => (buffer[at + 22]! & 0x08) !== 0;
export const isTransactional = (buffer: Buffer, at: number) => (buffer[at + 22]! & 0x10) !== 0;
export const isControl = (buffer: Buffer, at: number) => (buffer[at + 22]! & 0x20) !== 0;

export const batchLastOffsetDelta = (buffer: Buffer, at: number) => int32At(buffer, at + 23);
export const batchLastOffset = (buffer: Buffer, at: number) => int64At(buffer, at) + int32At(buffer, at + 23);
export const batchBaseTimestampMs = (buffer: Buffer, at: number) => int64At(buffer, at + 27);
export const batchMaxTimestampMs = (buffer: Buffer, at: number) => int64At(buffer, at + 35);

/** -1 when the producer is not idempotent. */
export const batchProducerId = (buffer: Buffer, at: number) => int64At(buffer, at + 43);
export const batchProducerEpoch = (buffer: Buffer, at: number) => ((buffer[at + 51]! << 24) >> 16) | buffer[at + 52]!;
export const batchBaseSequence = (buffer: Buffer, at: number) => int32At(buffer, at + 53);
export const batchRecordCount = (buffer: Buffer, at: number) => int32At(buffer, at + 57);

/** Needs no new checksum. */
export function setBaseOffset(buffer: Buffer, at: number, offset: number): void {
  putInt64(buffer, at, offset);
}

/** Needs no new checksum. */
export function setLeaderEpoch(buffer: Buffer, at: number, epoch: number): void {
  putInt32(buffer, at + 12, epoch);
}

/** Seal the batch afterwards. */
export function setMaxTimestampMs(buffer: Buffer, at: number, timestampMs: number): void {
  putInt64(buffer, at + 35, timestampMs);
}

export interface BatchProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
}

/** Seal the batch afterwards. */
export function setProducer(buffer: Buffer, at: number, producer: BatchProducer): void {
  putInt64(buffer, at + 43, producer.producerId);
  buffer[at + 51] = producer.producerEpoch >> 8;
  buffer[at + 52] = producer.producerEpoch;
  putInt32(buffer, at + 53, producer.baseSequence);
}

/** Makes the batch a control batch. Seal the batch afterwards. */
export function setControl(buffer: Buffer, at: number): void {
  buffer[at + 22] = buffer[at + 22]! | 0x20;
}

/** Marks the batch as part of a transaction. Seal the batch afterwards. */
export function setTransactional(buffer: Buffer, at: number): void {
  buffer[at + 22] = buffer[at + 22]! | 0x10;
}

/** The checksum the bytes of the batch have now, whatever its header says. */
export function computeBatchCrc(buffer: Buffer, at: number): number {
  return crc32c(buffer, at + CRC_COVERS_FROM, at + batchSizeBytes(buffer, at));
}

/** Writes the checksum of the bytes as they are now. */
export function sealCrc(buffer: Buffer, at: number): void {
  putInt32(buffer, at + 17, computeBatchCrc(buffer, at));
}

export interface BatchHeader extends BatchProducer {
  readonly sizeBytes: number;
  readonly attributes: number;
  readonly baseTimestampMs: number;
  readonly maxTimestampMs: number;
  readonly recordCount: number;
}

/** Writes a whole header with base offset 0; the checksum is left to `sealCrc`. */
export function writeBatchHeader(buffer: Buffer, at: number, header: BatchHeader): void {
  putInt64(buffer, at, 0);
  putInt32(buffer, at + 8, header.sizeBytes - BATCH_PREFIX_BYTES);
  putInt32(buffer, at + 12, -1);
  buffer[at + 16] = 2;
  putInt32(buffer, at + 17, 0);
  buffer[at + 21] = header.attributes >> 8;
  buffer[at + 22] = header.attributes;
  putInt32(buffer, at + 23, header.recordCount - 1);
  putInt64(buffer, at + 27, header.baseTimestampMs);
  putInt64(buffer, at + 35, header.maxTimestampMs);
  setProducer(buffer, at, header);
  putInt32(buffer, at + 57, header.recordCount);
}

function int32At(buffer: Buffer, at: number): number {
  return (buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!;
}

/** Exact within ±2^53. */
function int64At(buffer: Buffer, at: number): number {
  return int32At(buffer, at) * 4_294_967_296 + (int32At(buffer, at + 4) >>> 0);
}

function putInt32(buffer: Buffer, at: number, value: number): void {
  buffer[at] = value >> 24;
  buffer[at + 1] = value >> 16;
  buffer[at + 2] = value >> 8;
  buffer[at + 3] = value;
}

function putInt64(buffer: Buffer, at: number, value: number): void {
  putInt32(buffer, at, Math.floor(value / 4_294_967_296));
  putInt32(buffer, at + 4, value | 0);
}
