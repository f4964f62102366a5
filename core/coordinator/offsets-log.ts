/** One partition of `__consumer_offsets`: records in, applied to memory in log order once durable, and read back at start. */

import type { Clock } from '../base/clock.ts';
import { describeError } from '../base/errors.ts';
import type { PartitionLog } from '../log/partition-log.ts';
import { BatchBuilder } from '../protocol/batch-builder.ts';
import { BATCH_HEADER_BYTES, batchLastOffset, batchSizeBytes } from '../protocol/batch-header.ts';
import { kafkaErrors } from '../protocol/kafka-errors.ts';
import { RecordCursor } from '../protocol/record-cursor.ts';
import { coordinatorErrors } from './error-codes.ts';

export interface OffsetsRecord {
  readonly key: Buffer;
  /** Null is a tombstone. */
  readonly value: Buffer | null;
}

const replayReadBytes = 1_048_576;

export class OffsetsLog {
  readonly #log: PartitionLog;
  readonly #clock: Clock;
  readonly #builder = new BatchBuilder({ initialBytes: 1024 });
  /** Settles when every append before it was applied; keeps memory equal to a replay. */
  #applied: Promise<unknown> = Promise.resolve();

  constructor(log: PartitionLog, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /**
   * Appends the records as one batch and resolves when they are durable, after `apply` ran; `apply` runs in the order
   * of the log and only for what is durable. Resolves to the error code of the log, never rejects.
   */
  append(records: readonly OffsetsRecord[], apply: () => void): Promise<number> {
    const timestampMs = this.#clock.nowMs();
    for (const { key, value } of records) this.#builder.appendRecord({ key, value, timestampMs });
    const appended = this.#log.append(this.#builder.build(), { acks: -1, origin: 'coordinator' });
    const before = this.#applied;
    const outcome = appended.then(
      async ({ errorCode }) => {
        await before;
        if (errorCode === kafkaErrors.NONE) apply();
        return errorCode;
      },
      () => kafkaErrors.KAFKA_STORAGE_ERROR,
    );
    this.#applied = outcome;
    return outcome;
  }

  /** Resolves when everything appended so far is applied or refused. */
  async settled(): Promise<void> {
    await this.#applied;
  }

  /** Shows every record from the first to the last; rejects with `coordinator/offsets-damaged` when one makes no sense. */
  async replay(onRecord: (record: OffsetsRecord) => void): Promise<void> {
    const cursor = new RecordCursor({ topic: this.#log.topic, partition: this.#log.partition });
    const { failure, topic, partition } = this.#log;
    if (failure !== undefined) {
      const message = `the partition cannot be read: ${failure.message}`;
      throw coordinatorErrors.error('offsets-damaged', { message, where: `${topic}-${partition}`, cause: failure });
    }
    let offset = this.#log.logStartOffset;
    while (offset < this.#log.highWatermark) {
      const batches = await this.#log.read(offset, { maxBytes: replayReadBytes, minOneBatch: true });
      if (batches.length === 0) return;
      cursor.reset(batches, offset);
      this.#show(cursor, onRecord);
      offset = offsetBehind(batches);
    }
  }

  #show(cursor: RecordCursor, onRecord: (record: OffsetsRecord) => void): void {
    while (cursor.next()) {
      const key = Buffer.from(cursor.bytes.subarray(cursor.keyStart, cursor.keyEnd));
      const { valueStart, valueEnd } = cursor;
      const value = valueStart < 0 ? null : Buffer.from(cursor.bytes.subarray(valueStart, valueEnd));
      try {
        onRecord({ key, value });
      } catch (cause) {
        const where = `${this.#log.topic}-${this.#log.partition}, offset ${cursor.offset}`;
        throw coordinatorErrors.error('offsets-damaged', { message: describeError(cause), where, cause });
      }
    }
  }
}

/** The offset behind the last whole batch; it counts even where compaction left the batch without records. */
function offsetBehind(batches: Buffer): number {
  let last = -1;
  let at = 0;
  while (batches.length - at >= BATCH_HEADER_BYTES && batchSizeBytes(batches, at) <= batches.length - at) {
    last = batchLastOffset(batches, at);
    at += batchSizeBytes(batches, at);
  }
  return last + 1;
}
