/** Where a source appends: records go straight into the record batches of their topic partitions. */

import type { SourceOffset, SourcePartition } from '../../connectors/contract/record.ts';
import type { RecordAppender, SourceOutput, SourcePosition } from '../../connectors/contract/source.ts';
import { BatchMemory } from '../../core/protocol/batch-memory.ts';
import { canonicalJson } from '../stores/canonical-json.ts';
import type { TopicFacts } from '../topics.ts';
import type { TopicBatch } from './delivery.ts';
import { PartitionBatches, type PartitionOptions, type Poll } from './partition-batches.ts';
import { partitionOfSpread } from './spread.ts';
import { UnplacedRecords } from './unplaced-records.ts';

export interface BatchOutputOptions extends PartitionOptions {
  /** Makes sure that the topic exists; asked once per topic. */
  readonly topicFacts: (topic: string) => Promise<TopicFacts>;
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

interface TopicPart {
  /** Undefined until the topic was asked for; records wait in the order they came until then. */
  facts: TopicFacts | undefined;
  readonly byPartition: Map<number, PartitionBatches>;
  readonly unplaced: UnplacedRecords;
}

export class BatchOutput implements SourceOutput {
  readonly #options: BatchOutputOptions;
  readonly #topics = new Map<string, TopicPart>();
  readonly #positions = new Map<string, SourcePosition>();
  readonly #poll: Poll = { usedBytes: 0, payloadBytes: 0, recordCount: 0, wholeRecordCount: -1 };
  #busy: Promise<void> | undefined;
  /** What two polls need, one being filled and one being sent, with some room for batches that grew. */
  readonly #memory: BatchMemory;

  constructor(options: BatchOutputOptions) {
    this.#options = options;
    this.#memory = new BatchMemory({ maxBytes: 3 * options.pollBytes });
  }

  get roomBytes(): number {
    return this.#options.pollBytes - this.#poll.usedBytes;
  }

  get busy(): Promise<void> | undefined {
    return this.#busy;
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
    return facts === undefined ? part.unplaced.appender(spread) : this.#placed(topic, part, facts, spread);
  }

  position(partition: SourcePartition, offset: SourceOffset | null): void {
    const id = canonicalJson(partition);
    this.#positions.delete(id);
    this.#positions.set(id, { partition, offset });
  }

  transactionEnds(): void {
    this.#poll.wholeRecordCount = this.#poll.recordCount;
  }

  /** What was taken last is being written until the promise settles. */
  behind(writing: Promise<void>): void {
    const over = () => {
      if (this.#busy === busy) this.#busy = undefined;
    };
    const busy: Promise<void> = writing.then(over, over);
    this.#busy = busy;
  }

  /** Ends the poll: everything appended since the last call, as batches in order. */
  async take(): Promise<BuiltPoll> {
    const batches: TopicBatch[] = [];
    for (const [topic, part] of this.#topics) {
      if (!part.unplaced.isEmpty) {
        const facts = part.facts ?? (await this.#options.topicFacts(topic));
        part.facts = facts;
        part.unplaced.place((spread) => this.#placed(topic, part, facts, spread));
      }
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
      part.unplaced.discard();
    }
    this.#finish([]);
  }

  #placed(topic: string, part: TopicPart, facts: TopicFacts, spread: number): PartitionBatches {
    const partition = partitionOfSpread(spread, facts.partitionCount);
    let appender = part.byPartition.get(partition);
    if (appender === undefined) {
      const mostBytes = facts.maxBatchBytes;
      const [options, poll, memory] = [this.#options, this.#poll, this.#memory];
      appender = new PartitionBatches({ topic, mostBytes, options, poll, memory });
      part.byPartition.set(partition, appender);
    }
    return appender;
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
      const unplaced = new UnplacedRecords(this.#poll, this.#options.pollBytes);
      part = { facts: undefined, byPartition: new Map(), unplaced };
      this.#topics.set(topic, part);
    }
    return part;
  }
}
