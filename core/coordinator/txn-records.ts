/** Keys and values of `__transaction_state`, byte for byte Kafka's (TransactionLogKey 0, TransactionLogValue 0 and 1). */

import { Reader } from '../protocol/reader.ts';
import { Writer } from '../protocol/writer.ts';
import { javaHashCode } from './group-records.ts';
import { type TxnPartitions, type TxnSnapshot, type TxnStatus, txnStatuses } from './txn-state.ts';

const keyVersion = 0;
const valueVersion = 0;

export function encodeTxnKey(transactionalId: string): Buffer {
  return new Writer().int16(keyVersion).string(transactionalId).toBuffer();
}

/** Undefined for a key of a later version, which is left alone. */
export function decodeTxnKey(bytes: Buffer): string | undefined {
  const reader = new Reader(bytes);
  return reader.int16() === keyVersion ? reader.string() : undefined;
}

export function encodeTxnValue(snapshot: TxnSnapshot): Buffer {
  const writer = new Writer();
  writer.int16(valueVersion).int64(snapshot.producerId).int16(snapshot.producerEpoch).int32(snapshot.timeoutMs);
  writer.int8(txnStatuses.indexOf(snapshot.status));
  // Kafka's own reader wants null here, not an empty list.
  if (snapshot.status === 'Empty') writer.int32(-1);
  else {
    writer.int32(snapshot.partitions.size);
    for (const [topic, partitions] of snapshot.partitions) {
      writer.string(topic).int32(partitions.size);
      for (const partition of partitions) writer.int32(partition);
    }
  }
  return writer.int64(snapshot.updatedMs).int64(snapshot.startMs).toBuffer();
}

/** Throws when the value makes no sense or has a version that is not known here. */
export function decodeTxnValue(bytes: Buffer): TxnSnapshot {
  const reader = new Reader(bytes);
  const version = reader.int16();
  if (version !== valueVersion) throw new RangeError(`version ${version} of a transaction's record is not known`);
  const producerId = reader.int64();
  const producerEpoch = reader.int16();
  const timeoutMs = reader.int32();
  const status = statusOf(reader.int8());
  const partitions: TxnPartitions = new Map();
  for (let left = reader.int32(); left > 0; left--) {
    const topic = reader.string();
    const numbers = new Set<number>();
    for (let rest = reader.int32(); rest > 0; rest--) numbers.add(reader.int32());
    partitions.set(topic, numbers);
  }
  const updatedMs = reader.int64();
  return { producerId, producerEpoch, timeoutMs, status, partitions, updatedMs, startMs: reader.int64() };
}

function statusOf(id: number): TxnStatus {
  const status = txnStatuses[id];
  if (status === undefined) throw new RangeError(`the state ${id} of a transaction is not known`);
  return status;
}

export function txnPartitionOf(transactionalId: string, partitionCount: number): number {
  return (javaHashCode(transactionalId) & 0x7fffffff) % partitionCount;
}
