/** Where the fetcher stands in one partition. */

import type { MillraceError } from '../base/errors.ts';

export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  /** Where the fetch began; the first batch may start before it. */
  readonly fetchOffset: number;
  /** Whole batches; empty when the range held only aborted transactions. */
  readonly records: Buffer;
  /** The offset after the last batch. */
  readonly nextOffset: number;
  readonly highWatermark: number;
  /** Says that nobody reads `records` any more, so that their memory receives later ones; it is garbage otherwise. */
  release(): void;
}

/** An offset, or an end of the partition that has to be looked up first. */
export type StartOffset = number | 'earliest' | 'latest';

export class PartitionFetch {
  readonly topic: string;
  readonly partition: number;
  /** What to ask for next. */
  fetchOffset: StartOffset;
  /** What `next` hands out next. */
  deliveredOffset: StartOffset;
  /** Counts jumps: an answer to a question from before one is dropped. */
  generation = 0;
  isPaused = false;
  /** An answer or a lookup is under way. */
  isBusy = false;
  /** Fetched and not handed out yet. */
  held: FetchedPartition | undefined;
  /** Grows when not even one batch fits. */
  maxBytes: number;
  failures = 0;
  /** Not asked for before this time on the monotonic clock. */
  notBeforeMs = 0;
  /** Since when every answer was an error; undefined after a good one. */
  failingSinceMs: number | undefined;
  /** What cannot be cured by asking again; cleared by a jump. */
  failure: MillraceError | undefined;

  constructor(topic: string, partition: number, offset: StartOffset, maxBytes: number) {
    this.topic = topic;
    this.partition = partition;
    this.fetchOffset = offset;
    this.deliveredOffset = offset;
    this.maxBytes = maxBytes;
  }

  get where(): string {
    return `${this.topic}-${this.partition}`;
  }

  jump(offset: StartOffset): void {
    this.fetchOffset = offset;
    this.deliveredOffset = offset;
    this.generation++;
    this.held = undefined;
    this.failure = undefined;
    this.failures = 0;
    this.notBeforeMs = 0;
    this.failingSinceMs = undefined;
  }

  hold(fetched: FetchedPartition): void {
    this.held = fetched;
    this.fetchOffset = fetched.nextOffset;
    this.succeeded();
  }

  succeeded(): void {
    this.failures = 0;
    this.failingSinceMs = undefined;
  }

  handOut(): FetchedPartition {
    const fetched = this.held!;
    this.held = undefined;
    this.deliveredOffset = fetched.nextOffset;
    return fetched;
  }

  /** True when it may be asked for now, leader permitting. */
  isFetchable(nowMs: number): boolean {
    return (
      !this.isBusy &&
      !this.isPaused &&
      this.held === undefined &&
      this.failure === undefined &&
      this.notBeforeMs <= nowMs
    );
  }
}
