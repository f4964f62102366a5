/** Writes a sink's dead letters: batched while a write is under way, each one's promise resolved when it is durable. */

import type { SourceRecord } from '../../connectors/contract/record.ts';
import { BatchBuilder } from '../../core/protocol/batch-builder.ts';
import { workerErrors } from '../error-codes.ts';
import type { TopicBatch } from './delivery.ts';

export interface DeadLetterWriterOptions {
  readonly topic: string;
  /** Makes sure that the topic exists; called once, before the first write. */
  readonly prepare: () => Promise<unknown>;
  /** Resolves when the batch is durable; waits out what can be waited out. */
  readonly send: (batches: readonly TopicBatch[]) => Promise<unknown>;
  readonly batchBytes: number;
  /** Bytes that may wait; a sink that reports more without waiting fails (promise 8). */
  readonly mostPendingBytes: number;
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface Pending {
  readonly builder: BatchBuilder;
  readonly waiting: Waiting[];
}

export class DeadLetterWriter {
  readonly #options: DeadLetterWriterOptions;
  readonly #queue: Pending[] = [];
  #pendingBytes = 0;
  #writing: Promise<void> | undefined;
  #prepared = false;

  constructor(options: DeadLetterWriterOptions) {
    this.#options = options;
  }

  /** Copies the record before it returns. Rejects with the reason why it could not be written. */
  write(record: SourceRecord): Promise<void> {
    const { mostPendingBytes, batchBytes, topic } = this.#options;
    if (this.#pendingBytes >= mostPendingBytes) {
      const message = `${this.#pendingBytes} bytes of dead letters wait to be written`;
      return Promise.reject(workerErrors.error('too-many-dead-letters', { message, where: topic }));
    }
    let last = this.#queue.at(-1);
    if (last === undefined || last.builder.sizeBytes >= batchBytes / 2) {
      last = { builder: new BatchBuilder(), waiting: [] };
      this.#queue.push(last);
    }
    const before = last.builder.sizeBytes;
    last.builder.appendRecord(record);
    this.#pendingBytes += last.builder.sizeBytes - before;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    last.waiting.push({ resolve, reject });
    this.#writing ??= this.#writeAll();
    return promise;
  }

  async #writeAll(): Promise<void> {
    // Records reported in the same turn share a batch.
    await Promise.resolve();
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const { builder, waiting } = next;
      try {
        if (!this.#prepared) await this.#options.prepare();
        this.#prepared = true;
        await this.#options.send([{ topic: this.#options.topic, partition: 0, batch: builder.build({}) }]);
        for (const { resolve } of waiting) resolve();
      } catch (error) {
        for (const { reject } of waiting) reject(error);
      }
      this.#pendingBytes -= builder.sizeBytes;
    }
    this.#writing = undefined;
  }
}
