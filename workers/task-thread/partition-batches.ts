/** The batches that one poll fills for one topic partition: where its records are appended, and refused where they are too large. */

import type { SourceRecord } from '../../connectors/contract/record.ts';
import type { ByteRange, LineOptions, LinesAppended, RecordAppender } from '../../connectors/contract/source.ts';
import { BatchBuilder } from '../../core/protocol/batch-builder.ts';
import type { BatchMemory } from '../../core/protocol/batch-memory.ts';
import type { Codec } from '../../core/protocol/compression.ts';

/** Bytes a record takes beside key, value and headers, at most: lengths, deltas, attributes. */
const recordOverheadBytes = 40;
/** The fixed part of a record batch. */
const batchOverheadBytes = 61;

export interface PartitionOptions {
  readonly pollBytes: number;
  /** What a batch aims at; a record that alone is larger gets a batch of its own. */
  readonly batchBytes: number;
  readonly compression: Codec;
  /** The producer sets fields that the checksum covers, and seals each batch itself. */
  readonly producerSeals: boolean;
  /** A record that its topic does not take. The record's buffers are only valid during the call. */
  readonly onOversized: (topic: string, record: SourceRecord, sizeBytes: number, mostBytes: number) => void;
}

/** What the appenders of one output share. */
export interface Poll {
  usedBytes: number;
  /** Keys and values alone. */
  payloadBytes: number;
  recordCount: number;
  /** How many records there were when the source last said that a transaction ends; -1 before it has. */
  wholeRecordCount: number;
}

interface BatchParts {
  readonly topic: string;
  readonly mostBytes: number;
  readonly options: PartitionOptions;
  readonly poll: Poll;
  readonly memory: BatchMemory;
}

/** The batches of one topic partition. */
export class PartitionBatches implements RecordAppender {
  readonly #parts: BatchParts;
  readonly #builder: BatchBuilder;
  #sealed: Buffer[] = [];

  constructor(parts: BatchParts) {
    this.#parts = parts;
    this.#builder = new BatchBuilder({ memory: parts.memory });
  }

  append(bytes: Buffer, start: number, end: number, timestampMs: number): void {
    const sizeBytes = end - start + recordOverheadBytes;
    if (sizeBytes + batchOverheadBytes > this.#parts.mostBytes) {
      this.#refuse({ key: null, value: bytes.subarray(start, end), timestampMs }, sizeBytes);
      return;
    }
    this.#builderFor(sizeBytes).append(bytes, start, end, timestampMs);
    this.#count(sizeBytes, end - start);
  }

  appendLines(bytes: Buffer, start: number, end: number, options: LineOptions): LinesAppended {
    const { mostBytes, poll } = this.#parts;
    const { batchBytes, pollBytes } = this.#parts.options;
    const mostLineBytes = mostBytes - recordOverheadBytes - batchOverheadBytes;
    let at = start;
    let recordCount = 0;
    while (at < end) {
      const taken = this.#builder.appendLines(bytes, at, end, {
        timestampMs: options.timestampMs,
        maxLineBytes: Math.min(options.maxLineBytes, mostLineBytes),
        maxRecords: options.maxRecords - recordCount,
        maxBatchBytes: batchBytes,
        budgetBytes: pollBytes - poll.usedBytes,
        recordCostBytes: recordOverheadBytes,
      });
      at += taken.consumedBytes;
      recordCount += taken.recordCount;
      poll.payloadBytes += taken.payloadBytes;
      poll.usedBytes += taken.payloadBytes + taken.recordCount * recordOverheadBytes;
      poll.recordCount += taken.recordCount;
      // A line that no batch of the usual size holds is appended by itself.
      if (!taken.isFull || this.#builder.count === 0) break;
      this.#seal();
    }
    return { consumedBytes: at - start, recordCount };
  }

  appendKeyed(bytes: Buffer, key: ByteRange, value: ByteRange, timestampMs: number): void {
    const payloadBytes = lengthOf(key) + lengthOf(value);
    const sizeBytes = payloadBytes + recordOverheadBytes;
    if (sizeBytes + batchOverheadBytes > this.#parts.mostBytes) {
      this.#refuse({ key: sliceOf(bytes, key), value: sliceOf(bytes, value), timestampMs }, sizeBytes);
      return;
    }
    this.#builderFor(sizeBytes).appendKeyed(bytes, key, value, timestampMs);
    this.#count(sizeBytes, payloadBytes);
  }

  appendRecord(record: SourceRecord): void {
    const sizeBytes = sizeOf(record);
    if (sizeBytes + batchOverheadBytes > this.#parts.mostBytes) {
      this.#refuse(record, sizeBytes);
      return;
    }
    this.#builderFor(sizeBytes).appendRecord(record);
    this.#count(sizeBytes, (record.key?.length ?? 0) + (record.value?.length ?? 0));
  }

  take(): Buffer[] {
    this.#seal();
    const sealed = this.#sealed;
    this.#sealed = [];
    return sealed;
  }

  #refuse(record: SourceRecord, sizeBytes: number): void {
    const { options, topic, mostBytes } = this.#parts;
    options.onOversized(topic, record, sizeBytes, mostBytes);
  }

  #count(sizeBytes: number, payloadBytes: number): void {
    const { poll } = this.#parts;
    poll.payloadBytes += payloadBytes;
    poll.usedBytes += sizeBytes;
    poll.recordCount += 1;
  }

  #builderFor(sizeBytes: number): BatchBuilder {
    if (this.#builder.sizeBytes + sizeBytes > this.#parts.options.batchBytes) this.#seal();
    return this.#builder;
  }

  #seal(): void {
    if (this.#builder.count === 0) return;
    const { compression, producerSeals } = this.#parts.options;
    this.#sealed.push(this.#builder.build({ compression, isLeftUnsealed: producerSeals }));
  }
}

const lengthOf = ({ start, end }: ByteRange) => (start < 0 ? 0 : end - start);

const sliceOf = (bytes: Buffer, { start, end }: ByteRange) => (start < 0 ? null : bytes.subarray(start, end));

/** What a record takes of a poll, at most. */
export function sizeOf({ key, value, headers = [] }: SourceRecord): number {
  let sizeBytes = recordOverheadBytes + (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers) sizeBytes += 10 + Buffer.byteLength(header.key) + (header.value?.length ?? 0);
  return sizeBytes;
}
