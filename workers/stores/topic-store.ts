/** State that is the replay of a compacted topic: changed only by what was read back, so that live state equals replay. */

import type { StoreRecord } from './config-records.ts';

/** Everything below `offset` of the partition. */
export interface LogPosition {
  readonly partition: number;
  readonly offset: number;
}

/** A compacted topic as a port; core/client stands behind it, a list in tests. */
export interface KeyedLog {
  /** Appends in order, atomically within a partition; resolves with the positions behind the records once they are durable. */
  append(records: readonly StoreRecord[]): Promise<readonly LogPosition[]>;
  /** Where each partition ends now. */
  ends(): Promise<readonly LogPosition[]>;
  /**
   * Reads every partition from its start, then whatever comes, until the signal aborts. `onProgress` says how far the
   * partition was read, also past records that compaction removed.
   */
  tail(handler: TailHandler, signal: AbortSignal): Promise<void>;
}

export interface TailHandler {
  onRecord(record: StoreRecord): void;
  onProgress(position: LogPosition): void;
}

export interface TopicStoreOptions {
  readonly log: KeyedLog;
  /** Called for every record in order; `live` is false for those that were there when the store was opened. */
  readonly apply: (record: StoreRecord, live: boolean) => void;
  /** Reading the topic failed for good: what the store shows is stale from now on. */
  readonly onFailed: (error: unknown) => void;
}

interface Waiter {
  readonly positions: readonly LogPosition[];
  readonly reached: PromiseWithResolvers<void>;
}

export class TopicStore {
  readonly #options: TopicStoreOptions;
  readonly #read = new Map<number, number>();
  readonly #abort = new AbortController();
  #waiters: Waiter[] = [];
  #live = false;
  #tailing: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;

  constructor(options: TopicStoreOptions) {
    this.#options = options;
  }

  /** Resolves when everything that was on the topic at the call has been applied. */
  async open(): Promise<void> {
    this.start();
    await this.refresh();
    this.#live = true;
  }

  /** Begins to read and waits for nothing. */
  start(): void {
    const { log, apply } = this.#options;
    const handler: TailHandler = {
      onRecord: (record) => apply(record, this.#live),
      onProgress: (position) => this.#advance(position),
    };
    this.#tailing = log.tail(handler, this.#abort.signal).catch((error) => this.#fail(error));
  }

  /** Resolves when the records are durable and applied here. */
  async write(records: readonly StoreRecord[]): Promise<void> {
    if (records.length === 0) return;
    await this.#reach(await this.#options.log.append(records));
  }

  /** Resolves when everything that anybody wrote before the call is applied here. */
  async refresh(): Promise<void> {
    await this.#reach(await this.#options.log.ends());
  }

  async close(): Promise<void> {
    this.#abort.abort();
    for (const { reached } of this.#waiters.splice(0)) reached.reject(this.#abort.signal.reason);
    await this.#tailing;
  }

  #reach(positions: readonly LogPosition[]): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    if (this.#abort.signal.aborted) return Promise.reject(this.#abort.signal.reason);
    if (this.#hasReached(positions)) return Promise.resolve();
    const reached = Promise.withResolvers<void>();
    this.#waiters.push({ positions, reached });
    return reached.promise;
  }

  #hasReached(positions: readonly LogPosition[]): boolean {
    return positions.every(({ partition, offset }) => (this.#read.get(partition) ?? 0) >= offset);
  }

  #advance({ partition, offset }: LogPosition): void {
    this.#read.set(partition, offset);
    if (this.#waiters.length === 0) return;
    const ready = this.#waiters.filter(({ positions }) => this.#hasReached(positions));
    this.#waiters = this.#waiters.filter((waiter) => !ready.includes(waiter));
    for (const { reached } of ready) reached.resolve();
  }

  #fail(error: unknown): void {
    if (this.#abort.signal.aborted) return;
    this.#failure = { error };
    for (const { reached } of this.#waiters.splice(0)) reached.reject(error);
    this.#options.onFailed(error);
  }
}
