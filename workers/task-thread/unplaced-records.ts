/** Records of a topic whose partitions are not known yet, in the order they came: placed as soon as they are. */

import type { SourceRecord } from '../../connectors/contract/record.ts';
import type { ByteRange, RecordAppender } from '../../connectors/contract/source.ts';
import { lineByLine } from './line-by-line.ts';
import { type Poll, sizeOf } from './partition-batches.ts';

interface Unplaced {
  readonly spread: number;
  readonly record: SourceRecord;
}

/**
 * Kept by partition they cannot be yet, and by spread the order between spreads would be lost, of which many share a
 * partition. Only the first poll that writes to a topic has any.
 */
export class UnplacedRecords {
  readonly #poll: Poll;
  readonly #pollBytes: number;
  #records: Unplaced[] = [];
  /** What these records are of the poll's counts. */
  #usedBytes = 0;
  #payloadBytes = 0;

  constructor(poll: Poll, pollBytes: number) {
    this.#poll = poll;
    this.#pollBytes = pollBytes;
  }

  get isEmpty(): boolean {
    return this.#records.length === 0;
  }

  appender(spread: number): RecordAppender {
    const keep = (record: SourceRecord) => this.#keep(spread, record);
    const append: RecordAppender['append'] = (bytes, start, end, timestampMs) =>
      keep({ key: null, value: Buffer.from(bytes.subarray(start, end)), timestampMs });
    return {
      append,
      appendLines: lineByLine(append, () => this.#pollBytes - this.#poll.usedBytes),
      appendKeyed: (bytes, key, value, timestampMs) =>
        keep({ key: copyOf(bytes, key), value: copyOf(bytes, value), timestampMs }),
      appendRecord: ({ key, value, timestampMs, headers = [] }) =>
        keep({
          key: key && Buffer.from(key),
          value: value && Buffer.from(value),
          headers: headers.map((header) => ({ key: header.key, value: header.value && Buffer.from(header.value) })),
          timestampMs,
        }),
    };
  }

  /** Gives each to the appender of its spread, which counts it, or refuses it. */
  place(appenderOf: (spread: number) => RecordAppender): void {
    const poll = this.#poll;
    const records = this.#records;
    // What is refused is no part of a transaction that ends here.
    const isWhole = poll.wholeRecordCount === poll.recordCount;
    this.discard();
    for (const { spread, record } of records) appenderOf(spread).appendRecord(record);
    poll.wholeRecordCount = isWhole ? poll.recordCount : -1;
  }

  discard(): void {
    this.#poll.usedBytes -= this.#usedBytes;
    this.#poll.payloadBytes -= this.#payloadBytes;
    this.#poll.recordCount -= this.#records.length;
    this.#usedBytes = 0;
    this.#payloadBytes = 0;
    this.#records = [];
  }

  #keep(spread: number, record: SourceRecord): void {
    const sizeBytes = sizeOf(record);
    const payloadBytes = (record.key?.length ?? 0) + (record.value?.length ?? 0);
    this.#records.push({ spread, record });
    this.#usedBytes += sizeBytes;
    this.#payloadBytes += payloadBytes;
    this.#poll.usedBytes += sizeBytes;
    this.#poll.payloadBytes += payloadBytes;
    this.#poll.recordCount += 1;
  }
}

function copyOf(bytes: Buffer, { start, end }: ByteRange): Buffer | null {
  return start < 0 ? null : Buffer.from(bytes.subarray(start, end));
}
