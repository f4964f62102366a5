/** The same work as the wire codec's, written by hand for one version of one message: what generated code is held against. */

import { BATCH_HEADER_BYTES } from '../../core/protocol/batch-header.ts';

/** Produce request, version 7. */
export function decodeProduceRequest(frame: Buffer) {
  let at = 0;
  const text = () => {
    const length = frame.readInt16BE(at);
    at += 2 + length;
    return frame.toString('utf8', at - length, at);
  };
  const int32 = () => {
    at += 4;
    return frame.readInt32BE(at - 4);
  };
  const transactionalIdBytes = frame.readInt16BE(at);
  let transactionalId: string | null = null;
  if (transactionalIdBytes < 0) at += 2;
  else transactionalId = text();
  const acks = frame.readInt16BE(at);
  at += 2;
  const timeoutMs = int32();
  const topicData = new Array(int32());
  for (let t = 0; t < topicData.length; t++) {
    const name = text();
    const partitionData = new Array(int32());
    for (let p = 0; p < partitionData.length; p++) {
      const index = int32();
      const length = int32();
      at += length;
      partitionData[p] = { index, records: frame.subarray(at - length, at) };
    }
    topicData[t] = { name, partitionData };
  }
  return { transactionalId, acks, timeoutMs, topicData };
}

export interface FetchedPart {
  readonly partitionIndex: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly records: Buffer;
}

/** Fetch response, version 11, without aborted transactions: the pieces around the record data. */
export function encodeFetchResponse(
  topics: readonly { topic: string; partitions: readonly FetchedPart[] }[],
): Buffer[] {
  const pieces: Buffer[] = [];
  let buffer = Buffer.allocUnsafe(512);
  let at = buffer.writeInt32BE(0, 0);
  at = buffer.writeInt16BE(0, at);
  at = buffer.writeInt32BE(0, at);
  at = buffer.writeInt32BE(topics.length, at);
  for (const { topic, partitions } of topics) {
    const length = Buffer.byteLength(topic);
    at = buffer.writeInt16BE(length, at);
    at += buffer.write(topic, at);
    at = buffer.writeInt32BE(partitions.length, at);
    for (const part of partitions) {
      at = buffer.writeInt32BE(part.partitionIndex, at);
      at = buffer.writeInt16BE(part.errorCode, at);
      at = buffer.writeBigInt64BE(BigInt(part.highWatermark), at);
      at = buffer.writeBigInt64BE(BigInt(part.lastStableOffset), at);
      at = buffer.writeBigInt64BE(BigInt(part.logStartOffset), at);
      at = buffer.writeInt32BE(-1, at);
      at = buffer.writeInt32BE(-1, at);
      at = buffer.writeInt32BE(part.records.length, at);
      pieces.push(buffer.subarray(0, at), part.records);
      buffer = Buffer.allocUnsafe(512);
      at = 0;
    }
  }
  return pieces;
}

/** Copies lines of one length into records behind each other, with varints of exactly the size they need. */
export function buildRecords(lines: Buffer, lineBytes: number, into: Buffer): number {
  const varint = (value: number, at: number) => {
    let rest = value * 2;
    let position = at;
    for (; rest >= 0x80; rest >>>= 7) into[position++] = rest | 0x80;
    into[position] = rest;
    return position + 1;
  };
  let at = BATCH_HEADER_BYTES;
  for (let index = 0; index * lineBytes < lines.length; index++) {
    const bodyBytes = 6 + lineBytes + (lineBytes > 63 ? 1 : 0) + (index > 63 ? 1 : 0) - 1;
    at = varint(bodyBytes, at);
    into[at++] = 0;
    into[at++] = 0;
    at = varint(index, at);
    into[at++] = 1;
    at = varint(lineBytes, at);
    lines.copy(into, at, index * lineBytes, (index + 1) * lineBytes);
    at += lineBytes;
    into[at++] = 0;
  }
  return at;
}

/** Adds up the value lengths of the records in `batch`. */
export function sumValueBytes(batch: Buffer): number {
  let at = BATCH_HEADER_BYTES;
  const varint = () => {
    let bits = batch[at++]!;
    if (bits >= 0x80) bits += (batch[at++]! - 1) << 7;
    if (bits >= 0x4000) bits += (batch[at++]! - 1) << 14;
    return (bits >>> 1) ^ -(bits & 1);
  };
  let sum = 0;
  while (at < batch.length) {
    const length = varint();
    const end = at + length;
    at += 1;
    varint();
    varint();
    const keyBytes = varint();
    if (keyBytes > 0) at += keyBytes;
    sum += varint();
    at = end;
  }
  return sum;
}
