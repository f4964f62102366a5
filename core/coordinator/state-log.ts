/** Reads a partition that holds the state of a coordinator: every record in order, with the transaction it belongs to, and every marker. */

import { describeError } from '../base/errors.ts';
import type { PartitionLog } from '../log/partition-log.ts';
import {
  batchBaseOffset,
  batchLastOffset,
  batchProducerId,
  batchSizeBytes,
  isControl,
  isTransactional,
} from '../protocol/batch-header.ts';
import { walkBatches } from '../protocol/batch-validate.ts';
import { decodeMarker, type TransactionMarker } from '../protocol/control-batch.ts';
import { RecordCursor } from '../protocol/record-cursor.ts';

export interface StateRecord {
  readonly key: Buffer;
  /** Null is a tombstone. */
  readonly value: Buffer | null;
}

export interface StateReader {
  /** `transactionOf` is the producer whose transaction decides about the record; -1 when it holds by itself. */
  onRecord(record: StateRecord, transactionOf: number): void;
  onMarker(marker: TransactionMarker): void;
  /** What is thrown when something makes no sense. */
  damaged(details: { message: string; where: string; cause: unknown }): Error;
}

const readBytes = 1_048_576;

export async function replayState(log: PartitionLog, reader: StateReader): Promise<void> {
  const { failure, topic, partition } = log;
  const where = `${topic}-${partition}`;
  if (failure !== undefined) {
    throw reader.damaged({ message: `the partition cannot be read: ${failure.message}`, where, cause: failure });
  }
  const cursor = new RecordCursor({ topic, partition });
  let offset = log.logStartOffset;
  while (offset < log.highWatermark) {
    const batches = await log.read(offset, { maxBytes: readBytes, minOneBatch: true });
    if (batches.length === 0) return;
    for (const at of walkBatches(batches)) {
      const batch = batches.subarray(at, at + batchSizeBytes(batches, at));
      try {
        showBatch(batch, cursor, { reader, fromOffset: offset });
      } catch (cause) {
        const place = `${where}, batch at offset ${batchBaseOffset(batch, 0)}`;
        throw reader.damaged({ message: describeError(cause), where: place, cause });
      }
    }
    offset = endOf(batches);
  }
}

function showBatch(
  batch: Buffer,
  cursor: RecordCursor,
  { reader, fromOffset }: { reader: StateReader; fromOffset: number },
): void {
  if (isControl(batch, 0)) {
    const marker = decodeMarker(batch, 0);
    if (marker !== undefined) reader.onMarker(marker);
    return;
  }
  const transactionOf = isTransactional(batch, 0) ? batchProducerId(batch, 0) : -1;
  cursor.reset(batch, fromOffset);
  while (cursor.next()) {
    const key = Buffer.from(cursor.bytes.subarray(cursor.keyStart, cursor.keyEnd));
    const { valueStart, valueEnd } = cursor;
    const value = valueStart < 0 ? null : Buffer.from(cursor.bytes.subarray(valueStart, valueEnd));
    reader.onRecord({ key, value }, transactionOf);
  }
}

/** The offset behind the last whole batch; it counts even where compaction left the batch without records. */
function endOf(batches: Buffer): number {
  let last = -1;
  for (const at of walkBatches(batches)) last = batchLastOffset(batches, at);
  return last + 1;
}
