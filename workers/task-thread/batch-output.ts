/** Where a source appends: records go straight into the record batches of their topic partitions. */

import type { SourceOffset, SourcePartition, SourceRecord } from '../../connectors/contract/record.ts';
import type {
  ByteRange,
  LineOptions,
  LinesAppended,
  RecordAppender,
  SourceOutput,
  SourcePosition,
} from '../../connectors/contract/source.ts';
import { BatchBuilder } from '../../core/protocol/batch-builder.ts';
import { BatchMemory } from '../../core/protocol/batch-memory.ts';
import type { Codec } from '../../core/protocol/compression.ts';
import { canonicalJson } from '../stores/canonical-json.ts';
import type { TopicFacts } from '../topics.ts';
import type { TopicBatch } from './delivery.ts';
import { partitionOfSpread } from './spread.ts';

/** Bytes a record takes beside key, value and headers, at most: lengths, deltas, attributes. */
const recordOverheadBytes = 40;
/** The fixed part of a record batch. */
const batchOverheadBytes = 61;

export interface BatchOutputOptions {
  readonly pollBytes: number;
  /** What a batch aims at; a record that alone is larger gets a batch of its own. */
  readonly batchBytes: number;
  readonly compression: Codec;
  /** The producer sets fields that the checksum covers, and seals each batch itself. */
  readonly producerSeals: boolean;
  /** Makes sure that the topic exists; asked once per topic. */
  readonly topicFacts: (topic: string) => Promise<TopicFacts>;
  /** A record that its topic does not take. The record's buffers are only valid during the call. */
  readonly onOversized: (topic: string, record: SourceRecord, sizeBytes: number, mostBytes: number) => void;
}

/** One poll's worth, ready to be sent. `release` once nobody reads the batches any more: their memory is used again. */
export interface BuiltPoll {
  readonly batches: readonly TopicBatch[];
  readonly positions: readonly SourcePosition[];
  readonly recordCount: number;
  /** Keys and values. */
  readonly payloadBytes: number;
  /** No transaction of the source was told in part where the poll ended, as far as the source says. */
  readonly endsTransaction: boolean;
  release(): void;
}

/** What the appenders of one output share. */
interface Poll {
  usedBytes: number;
  /** Keys and values alone. */
  payloadBytes: number;
  recordCount: number;
  /** How many records there were when the source last said that a transaction ends; -1 before it has. */
  wholeRecordCount: number;
}

interface TopicPart {
  /** Undefined until the topic was asked for; appenders go by spread until then. */
  facts: TopicFacts | undefined;
  readonly byPartition: Map<number, PartitionBatches>;
  readonly bySpread: Map<number, PartitionBatches>;
}

export class BatchOutput implements SourceOutput {
  readonly #options: BatchOutputOptions;
  readonly #topics = new Map<string, TopicPart>();
  readonly #positions = new Map<string, SourcePosition>();
  readonly #poll: Poll = { usedBytes: 0, payloadBytes: 0, recordCount: 0, wholeRecordCount: -1 };
  /** What two polls need, one being filled and one being sent, with some room for batches that grew. */
  readonly #memory: BatchMemory;

  constructor(options: BatchOutputOptions) {
    this.#options = options;
    this.#memory = new BatchMemory({ maxBytes: 3 * options.pollBytes });
  }

  get roomBytes(): number {
    return this.#options.pollBytes - this.#poll.usedBytes;
  }

  get isEmpty(): boolean {
    return this.#poll.recordCount === 0 && this.#positions.size === 0;
  }

  /** Asks for a topic before it is needed, so that its records need no second hand. */
  async prepare(topic: string): Promise<void> {
    const part = this.#topic(topic);
    part.facts ??= await this.#options.topicFacts(topic);
  }

  partition(topic: string, spread: number): RecordAppender {
    const part = this.#topic(topic);
    const { facts } = part;
    const batches = facts === undefined ? part.bySpread : part.byPartition;
    const key = facts === undefined ? spread : partitionOfSpread(spread, facts.partitionCount);
    let appender = batches.get(key);
    if (appender === undefined) {
      const mostBytes = facts?.maxBatchBytes ?? this.#options.batchBytes;
      appender = new PartitionBatches({
        topic,
        mostBytes,
        options: this.#options,
        poll: this.#poll,
        memory: this.#memory,
      });
      batches.set(key, appender);
    }
    return appender;
  }

  position(partition: SourcePartition, offset: SourceOffset | null): void {
    const id = canonicalJson(partition);
    this.#positions.delete(id);
    this.#positions.set(id, { partition, offset });
  }

  transactionEnds(): void {
    this.#poll.wholeRecordCount = this.#poll.recordCount;
  }

  /** Ends the poll: everything appended since the last call, as batches in order. */
  async take(): Promise<BuiltPoll> {
    const batches: TopicBatch[] = [];
    for (const [topic, part] of this.#topics) {
      if (part.bySpread.size > 0) part.facts ??= await this.#options.topicFacts(topic);
      const count = part.facts?.partitionCount ?? 1;
      for (const [spread, ofSpread] of part.bySpread) {
        for (const batch of ofSpread.take())
          batches.push({ topic, partition: partitionOfSpread(spread, count), batch });
      }
      part.bySpread.clear();
      for (const [partition, ofPartition] of part.byPartition) {
        for (const batch of ofPartition.take()) batches.push({ topic, partition, batch });
      }
    }
    return this.#finish(batches);
  }

  /** Forgets everything appended since the last `take`. */
  discard(): void {
    for (const part of this.#topics.values()) {
      for (const batches of part.byPartition.values()) batches.take();
      part.bySpread.clear();
    }
    this.#finish([]);
  }

  #finish(batches: readonly TopicBatch[]): BuiltPoll {
    const { recordCount, payloadBytes, wholeRecordCount } = this.#poll;
    const positions = [...this.#positions.values()];
    this.#positions.clear();
    this.#poll.usedBytes = 0;
    this.#poll.payloadBytes = 0;
    this.#poll.recordCount = 0;
    this.#poll.wholeRecordCount = -1;
    // A compressed batch has memory of its own; what it was made from stays with its builder.
    const isOurs = this.#options.compression === 'none';
    const release = () => {
      if (isOurs) for (const { batch } of batches) this.#memory.give(batch);
    };
    const endsTransaction = wholeRecordCount === recordCount;
    return { batches, positions, recordCount, payloadBytes, endsTransaction, release };
  }

  #topic(topic: string): TopicPart {
    let part = this.#topics.get(topic);
    if (part === undefined) {
      part = { facts: undefined, byPartition: new Map(), bySpread: new Map() };
      this.#topics.set(topic, part);
    }
    return part;
  }
}

interface BatchParts {
  readonly topic: string;
  readonly mostBytes: number;
  readonly options: BatchOutputOptions;
  readonly poll: Poll;
  readonly memory: BatchMemory;
}

/** The batches of one topic partition, or of one spread while the partition count is not known. */
class PartitionBatches implements RecordAppender {
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

function sizeOf({ key, value, headers = [] }: SourceRecord): number {
  let sizeBytes = recordOverheadBytes + (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers) sizeBytes += 10 + Buffer.byteLength(header.key) + (header.value?.length ?? 0);
  return sizeBytes;
}
