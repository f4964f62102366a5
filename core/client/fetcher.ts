/** The fetcher: reads assigned partitions ahead of its caller, one answer per broker, and hands out whole batches. */

import { invariant } from '../base/errors.ts';
import type { Cluster } from './cluster.ts';
import { clientErrors } from './error-codes.ts';
import { FetchDispatcher, type FetchSettings } from './fetch-dispatcher.ts';
import { type FetchedPartition, PartitionFetch, type StartOffset } from './partition-fetch.ts';

export interface FetcherOptions {
  /** How long a broker may wait for `minBytes`. */
  readonly maxWaitMs?: number;
  readonly minBytes?: number;
  /** Of one answer; a first batch that is larger comes all the same. */
  readonly maxBytes?: number;
  readonly partitionMaxBytes?: number;
  /** `read_committed` leaves out aborted and open transactions; `read_uncommitted` unless told. */
  readonly isolation?: FetchSettings['isolation'];
  /** On unless false. */
  readonly checkCrcs?: boolean;
  /** Where to go on when the position is gone; unless told `next` rejects, so that nothing is skipped in silence. */
  readonly onOutOfRange?: FetchSettings['onOutOfRange'];
}

export interface FetchPosition {
  readonly topic: string;
  readonly partition: number;
  /** The next offset to read. */
  readonly offset: StartOffset;
}

interface PartitionName {
  readonly topic: string;
  readonly partition: number;
}

const defaults: Required<FetcherOptions> = {
  maxWaitMs: 500,
  minBytes: 1,
  maxBytes: 16 * 1024 * 1024,
  partitionMaxBytes: 4 * 1024 * 1024,
  isolation: 'read_uncommitted',
  checkCrcs: true,
  onOutOfRange: 'fail',
};

export function createFetcher(cluster: Cluster, options: FetcherOptions = {}): Fetcher {
  return new Fetcher(cluster, options);
}

export class Fetcher {
  readonly #settings: FetchSettings;
  readonly #partitions = new Map<string, PartitionFetch>();
  readonly #dispatcher: FetchDispatcher;
  readonly #closing = new AbortController();
  #wake: (() => void) | undefined;

  constructor(cluster: Cluster, options: FetcherOptions) {
    this.#settings = { ...defaults, ...options };
    this.#dispatcher = new FetchDispatcher({
      ...this.#settings,
      cluster,
      closing: this.#closing.signal,
      partitions: this.#partitions,
      onReady: () => this.#wake?.(),
    });
    cluster.closing.addEventListener('abort', () => this.close(), { signal: this.#closing.signal });
  }

  /**
   * Replaces the whole set. A partition that was assigned before and whose offset is the one `next` would hand out
   * keeps what was fetched, and stays paused if it was; any other starts at the given offset.
   */
  assign(positions: readonly FetchPosition[]): void {
    const kept = new Set(positions.map(keyOf));
    for (const [key, state] of this.#partitions) {
      if (kept.has(key)) continue;
      state.generation++;
      this.#partitions.delete(key);
    }
    for (const position of positions) {
      const { topic, partition, offset } = position;
      const state = this.#partitions.get(keyOf(position));
      if (state === undefined) {
        const { partitionMaxBytes } = this.#settings;
        this.#partitions.set(keyOf(position), new PartitionFetch(topic, partition, offset, partitionMaxBytes));
      } else if (state.deliveredOffset !== offset || state.failure !== undefined) {
        state.jump(offset);
      }
    }
    this.#changed();
  }

  /** Goes on elsewhere in one assigned partition; what was fetched for it is dropped. */
  seek(position: FetchPosition): void {
    this.#partitions.get(keyOf(position))?.jump(position.offset);
    this.#changed();
  }

  /** `next` hands out nothing of these; what is fetched already is kept for `resume`. */
  pause(partitions: readonly PartitionName[]): void {
    this.#setPaused(partitions, true);
  }

  resume(partitions: readonly PartitionName[]): void {
    this.#setPaused(partitions, false);
  }

  /** The next offset `next` hands out, or the end it has yet to look up; undefined when not assigned. */
  position(partition: PartitionName): StartOffset | undefined {
    return this.#partitions.get(keyOf(partition))?.deliveredOffset;
  }

  /**
   * Waits for data of any assigned partition that is not paused, and fetches on while the caller works. Rejects with
   * the signal's reason, `client/closed`, or what is wrong with a partition (`client/offset-out-of-range`,
   * `client/corrupt`, `client/refused`, `client/unknown-topic`, `client/too-large`): again at each call until that
   * partition is assigned anew or paused. An outage of brokers is waited out. One call at a time.
   */
  async next(signal?: AbortSignal): Promise<FetchedPartition[]> {
    for (;;) {
      if (signal?.aborted) throw signal.reason;
      if (this.#closing.signal.aborted) throw this.#closing.signal.reason;
      const fetched = this.#takeHeld();
      if (fetched.length > 0) return fetched;
      for (const { failure, isPaused } of this.#partitions.values()) {
        if (failure !== undefined && !isPaused) throw failure;
      }
      await this.#changeOrAbort(signal);
    }
  }

  /** A waiting `next` is rejected with `client/closed`. Idempotent. */
  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(clientErrors.error('closed', { message: 'The fetcher was closed' }));
    this.#dispatcher.stop();
    this.#partitions.clear();
    this.#wake?.();
  }

  #takeHeld(): FetchedPartition[] {
    const fetched: FetchedPartition[] = [];
    for (const [key, state] of [...this.#partitions]) {
      if (state.held === undefined || state.isPaused) continue;
      fetched.push(state.handOut());
      // Whoever had data is asked for last in the next request, which brokers fill in order.
      this.#partitions.delete(key);
      this.#partitions.set(key, state);
    }
    if (fetched.length > 0) this.#dispatcher.schedulePump();
    return fetched;
  }

  #setPaused(partitions: readonly PartitionName[], isPaused: boolean): void {
    for (const partition of partitions) {
      const state = this.#partitions.get(keyOf(partition));
      if (state !== undefined) state.isPaused = isPaused;
    }
    this.#changed();
  }

  #changed(): void {
    this.#dispatcher.schedulePump();
    this.#wake?.();
  }

  #changeOrAbort(signal: AbortSignal | undefined): Promise<void> {
    invariant(this.#wake === undefined, 'next is called once at a time');
    return new Promise((resolve) => {
      const wake = () => {
        signal?.removeEventListener('abort', wake);
        this.#wake = undefined;
        resolve();
      };
      this.#wake = wake;
      signal?.addEventListener('abort', wake, { once: true });
    });
  }
}

function keyOf({ topic, partition }: PartitionName): string {
  return `${topic}-${partition}`;
}
