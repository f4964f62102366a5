/** Reads a topic from its beginning, in order within each partition, to its end and then as it grows. */

import { RecordCursor } from '../protocol/record-cursor.ts';
import { abortable } from './abortable.ts';
import type { Cluster } from './cluster.ts';
import { clientErrors } from './error-codes.ts';
import { createFetcher, type Fetcher } from './fetcher.ts';
import { earliestOffset, type FoundOffset, type Isolation, latestOffset, listOffsets } from './list-offsets.ts';
import type { FetchedPartition } from './partition-fetch.ts';

/** Key, value and headers are slices of what was fetched: copy what is kept. */
export interface TopicRecord {
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly { readonly key: string; readonly value: Buffer | null }[];
}

export interface TopicHandler {
  /** An error thrown here ends the reading with it. */
  onRecord(record: TopicRecord): void;
  /** Everything below `offset` of the partition was given to `onRecord`, as far as it still exists. */
  onProgress?(position: { readonly partition: number; readonly offset: number }): void;
}

export interface TopicReaderOptions {
  readonly isolation?: Isolation;
  readonly signal?: AbortSignal | undefined;
}

interface Waiter {
  readonly ends: readonly FoundOffset[];
  readonly reached: PromiseWithResolvers<void>;
}

/** Where each partition ends now. Rejects as `listOffsets` does. */
export async function topicEnds(
  cluster: Cluster,
  topic: string,
  { isolation = 'read_uncommitted', signal }: TopicReaderOptions = {},
): Promise<FoundOffset[]> {
  return listOffsets(cluster, await queriesFor(cluster, topic, latestOffset, signal), { isolation, signal });
}

/** Resolves when everything that was in the topic at the call has been given to `onRecord`. */
export async function readTopicToEnd(
  cluster: Cluster,
  topic: string,
  onRecord: (record: TopicRecord) => void,
  options: TopicReaderOptions = {},
): Promise<void> {
  const tail = tailTopic(cluster, topic, { onRecord }, options);
  try {
    await tail.caughtUp(options.signal);
  } finally {
    await tail.close();
  }
}

/** Starts to read at once, and goes on until `close`. */
export function tailTopic(
  cluster: Cluster,
  topic: string,
  handler: TopicHandler,
  options: TopicReaderOptions = {},
): TopicTail {
  return new TopicTail(cluster, topic, handler, options.isolation ?? 'read_uncommitted');
}

export class TopicTail {
  /** Resolves after `close`; rejects when the topic cannot be read any more, or with what the handler threw. */
  readonly ended: Promise<void>;
  readonly #cluster: Cluster;
  readonly #topic: string;
  readonly #handler: TopicHandler;
  readonly #isolation: Isolation;
  readonly #fetcher: Fetcher;
  readonly #closing = new AbortController();
  readonly #positions = new Map<number, number>();
  #waiters: Waiter[] = [];
  #failure: { readonly error: unknown } | undefined;

  constructor(cluster: Cluster, topic: string, handler: TopicHandler, isolation: Isolation) {
    this.#cluster = cluster;
    this.#topic = topic;
    this.#handler = handler;
    this.#isolation = isolation;
    // Retention may overtake the reader: what is gone is gone, and the rest follows.
    this.#fetcher = createFetcher(cluster, { isolation, onOutOfRange: 'earliest' });
    this.ended = this.#read();
    this.ended.catch(() => {});
  }

  /** Resolves when everything that was in the topic at the call has been handled. Rejects with what ended the reading. */
  async caughtUp(signal?: AbortSignal): Promise<void> {
    const stop = signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
    const ends = await topicEnds(this.#cluster, this.#topic, { isolation: this.#isolation, signal: stop });
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#hasReached(ends)) return;
    const reached = Promise.withResolvers<void>();
    this.#waiters.push({ ends, reached });
    await abortable(reached.promise, signal);
  }

  /** Resolves when the handler will not be called any more. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort(clientErrors.error('closed', { message: 'The reader was closed', where: this.#topic }));
    this.#fetcher.close();
    await this.ended.catch(() => {});
  }

  async #read(): Promise<void> {
    const { signal } = this.#closing;
    try {
      const starts = await queriesFor(this.#cluster, this.#topic, earliestOffset, signal);
      const found = await listOffsets(this.#cluster, starts, { isolation: this.#isolation, signal });
      for (const { partition, offset } of found) this.#advance(partition, offset);
      this.#fetcher.assign(found);
      for (;;) for (const fetched of await this.#fetcher.next(signal)) this.#handle(fetched);
    } catch (error) {
      this.#end(error);
      if (!signal.aborted) throw error;
    }
  }

  #end(error: unknown): void {
    this.#failure = { error };
    this.#fetcher.close();
    for (const { reached } of this.#waiters.splice(0)) reached.reject(error);
  }

  #handle({ partition, records, fetchOffset, nextOffset }: FetchedPartition): void {
    const cursor = new RecordCursor({ topic: this.#topic, partition, checkCrcs: false });
    cursor.reset(records, fetchOffset);
    while (cursor.next()) this.#handler.onRecord(recordAt(cursor));
    this.#advance(partition, nextOffset);
  }

  #advance(partition: number, offset: number): void {
    this.#positions.set(partition, offset);
    this.#handler.onProgress?.({ partition, offset });
    if (this.#waiters.length === 0) return;
    const ready = this.#waiters.filter(({ ends }) => this.#hasReached(ends));
    this.#waiters = this.#waiters.filter((waiter) => !ready.includes(waiter));
    for (const { reached } of ready) reached.resolve();
  }

  #hasReached(ends: readonly FoundOffset[]): boolean {
    return ends.every(({ partition, offset }) => (this.#positions.get(partition) ?? -1) >= offset);
  }
}

function recordAt(cursor: RecordCursor): TopicRecord {
  const { partition, offset, timestampMs, bytes, keyStart, keyEnd, valueStart, valueEnd } = cursor;
  return {
    partition,
    offset,
    timestampMs,
    key: keyStart < 0 ? null : bytes.subarray(keyStart, keyEnd),
    value: valueStart < 0 ? null : bytes.subarray(valueStart, valueEnd),
    headers: cursor.headers(),
  };
}

async function queriesFor(cluster: Cluster, topic: string, timestampMs: number, signal: AbortSignal | undefined) {
  const count = await cluster.partitionCount(topic, signal);
  return Array.from({ length: count }, (_, partition) => ({ topic, partition, timestampMs }));
}
