/** The dead letters of one partition a sink reads: each record once, whatever is killed and whoever owned the partition before. */

import type { SourceRecord, TopicPartition } from '../../connectors/contract/record.ts';
import type { SinkPosition } from '../../connectors/contract/sink.ts';
import { BatchBuilder } from '../../core/protocol/batch-builder.ts';
import { workerErrors } from '../error-codes.ts';
import { isFenced } from '../fencing.ts';
import type { TopicBatch } from './delivery.ts';

/** More than one fetch brings, which is what may be given again. */
const mostReported = 50_000;

/** What a record takes in memory beside key and value, about: its headers mostly. */
const recordOverheadBytes = 1_000;

/** The part of core/client's transactional producer that dead letters use. */
export interface LaneProducer {
  send(batches: readonly TopicBatch[]): Promise<unknown>;
  sendOffsets(groupId: string, positions: readonly SinkPosition[]): Promise<void>;
  commit(): Promise<void>;
  close(): void;
}

export interface DeadLetterLaneOptions {
  readonly at: TopicPartition;
  readonly deadLetterTopic: string;
  /** What one transaction writes, about. */
  readonly batchBytes: number;
  /** Holds how far bad records of the partition are dead-lettered. */
  readonly positionsGroup: string;
  /** Shuts out every other owner of the partition first, so that what is read next stays true. */
  readonly openProducer: () => Promise<LaneProducer>;
  /** Every bad record below this offset is dead-lettered; 0 when nothing is known. */
  readonly readPosition: () => Promise<number>;
}

interface Waiting {
  readonly offset: number;
  readonly record: SourceRecord;
  readonly sizeBytes: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class DeadLetterLane {
  readonly #options: DeadLetterLaneOptions;
  readonly #waiting: Waiting[] = [];
  #opened: { readonly producer: LaneProducer; readonly knownBelow: number } | undefined;
  /** Reported to this lane, in order of report: a sink that is given the same records again reports them again. */
  readonly #reported = new Set<number>();
  #pendingBytes = 0;
  #writing: Promise<void> | undefined;

  constructor(options: DeadLetterLaneOptions) {
    this.#options = options;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get isIdle(): boolean {
    return this.#writing === undefined;
  }

  /** Copies the record before it returns; resolves when it is durable, or was before. */
  write(offset: number, record: SourceRecord): Promise<void> {
    if (this.#reported.has(offset)) return this.#writing ?? Promise.resolve();
    this.#note(offset);
    const copy = copyOf(record);
    const sizeBytes = (copy.key?.length ?? 0) + (copy.value?.length ?? 0) + recordOverheadBytes;
    this.#pendingBytes += sizeBytes;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ offset, record: copy, sizeBytes, resolve, reject });
    this.#writing ??= this.#writeAll();
    return promise;
  }

  /** What waits is rejected; a transaction that is open is ended by the next owner. */
  close(): void {
    this.#opened?.producer.close();
  }

  #note(offset: number): void {
    this.#reported.add(offset);
    const [oldest] = this.#reported;
    if (this.#reported.size > mostReported && oldest !== undefined) this.#reported.delete(oldest);
  }

  async #writeAll(): Promise<void> {
    // Records reported in the same turn share a transaction.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const taken = this.#takeBatch();
      try {
        await this.#write(taken);
        for (const { resolve } of taken) resolve();
      } catch (error) {
        this.#failed(taken, error);
      }
      for (const { sizeBytes } of taken) this.#pendingBytes -= sizeBytes;
    }
    // In the same turn as the last look: whoever comes next starts anew.
    this.#writing = undefined;
  }

  #failed(taken: readonly Waiting[], error: unknown): void {
    const reason = this.#reasonOf(error);
    for (const { offset, reject } of taken) {
      this.#reported.delete(offset);
      reject(reason);
    }
  }

  #takeBatch(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { sizeBytes } of this.#waiting) {
      bytes += sizeBytes;
      if (count > 0 && bytes > this.#options.batchBytes) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async #write(taken: readonly Waiting[]): Promise<void> {
    const { at, deadLetterTopic, positionsGroup } = this.#options;
    this.#opened ??= await this.#open();
    const { producer, knownBelow } = this.#opened;
    const unknown = taken.filter(({ offset }) => offset >= knownBelow);
    const last = unknown.at(-1);
    if (last === undefined) return;
    const builder = new BatchBuilder();
    for (const { record } of unknown) builder.appendRecord(record);
    await producer.send([{ topic: deadLetterTopic, partition: 0, batch: builder.build({}) }]);
    await producer.sendOffsets(positionsGroup, [{ ...at, offset: last.offset + 1 }]);
    await producer.commit();
  }

  async #open() {
    const producer = await this.#options.openProducer();
    try {
      return { producer, knownBelow: await this.#options.readPosition() };
    } catch (error) {
      producer.close();
      throw error;
    }
  }

  #reasonOf(error: unknown): unknown {
    if (!isFenced(error)) return error;
    const message = 'another task took the partition over, and writes its dead letters';
    return workerErrors.error('fenced', { message, where: this.#where, cause: error });
  }

  get #where(): string {
    return `${this.#options.at.topic}-${this.#options.at.partition}`;
  }
}

function copyOf({ key, value, headers = [], timestampMs }: SourceRecord): SourceRecord {
  return {
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: headers.map((header) => ({
      key: header.key,
      value: header.value === null ? null : Buffer.from(header.value),
    })),
    timestampMs,
  };
}
