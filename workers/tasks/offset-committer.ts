/** Commits a sink task's positions to its group: one commit at a time, the latest of each partition, tried again while we own it. */

import type { TopicPartition } from '../../connectors/contract/record.ts';
import type { SinkPosition } from '../../connectors/contract/sink.ts';
import type { Clock } from '../../core/base/clock.ts';
import { describeError } from '../../core/base/errors.ts';
import type { Logger } from '../../core/base/logger.ts';
import { isFenced } from '../fencing.ts';

export interface OffsetCommitterOptions {
  readonly commit: (positions: readonly SinkPosition[]) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The coordinator refused a commit because the partitions have another owner. */
  readonly onFenced: () => void;
}

/** Between two commits, so that a sink that reports often costs the coordinator little. */
const betweenCommitsMs = 200;
const retryAfterMs = 500;

export class OffsetCommitter {
  readonly #options: OffsetCommitterOptions;
  #pending = new Map<string, SinkPosition>();
  readonly #committed = new Map<string, SinkPosition>();
  /** What the commit under way is about; a partition that is given up is taken out, so that it is not tried again. */
  #inFlight = new Map<string, SinkPosition>();
  #committing: Promise<void> | undefined;
  #hurry = new AbortController();

  constructor(options: OffsetCommitterOptions) {
    this.#options = options;
  }

  /** What the coordinator has of the partitions that are ours. */
  get committed(): readonly SinkPosition[] {
    return [...this.#committed.values()];
  }

  /** The group has these already. */
  known(positions: readonly SinkPosition[]): void {
    for (const position of positions) this.#committed.set(keyOf(position), position);
  }

  add(positions: readonly SinkPosition[]): void {
    for (const position of positions) this.#pending.set(keyOf(position), position);
    this.#committing ??= this.#commitPending();
  }

  /** Resolves when everything added so far was committed, or could not be within the time. */
  async flush(withinMs: number): Promise<void> {
    this.#hurry.abort();
    if (this.#committing === undefined) return;
    const timeout = Promise.withResolvers<void>();
    const timer = this.#options.clock.timer(withinMs, timeout.resolve);
    await Promise.race([this.#committing, timeout.promise]);
    timer.cancel();
  }

  /** The partitions are somebody else's: nothing of them is committed any more. */
  forget(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) {
      this.#pending.delete(keyOf(partition));
      this.#inFlight.delete(keyOf(partition));
      this.#committed.delete(keyOf(partition));
    }
  }

  /** Nothing is tried any more. */
  close(): void {
    this.#pending.clear();
    this.#inFlight.clear();
    this.#hurry.abort();
  }

  async #commitPending(): Promise<void> {
    const { commit, logger, onFenced } = this.#options;
    while (this.#pending.size > 0) {
      this.#inFlight = this.#pending;
      this.#pending = new Map();
      try {
        await commit([...this.#inFlight.values()]);
        this.known([...this.#inFlight.values()]);
        await this.#rest(betweenCommitsMs);
      } catch (error) {
        if (isFenced(error)) onFenced();
        if (this.#inFlight.size === 0) continue;
        logger.warn({ reason: describeError(error) }, 'offsets could not be committed and are tried again');
        for (const [key, position] of this.#inFlight) if (!this.#pending.has(key)) this.#pending.set(key, position);
        await this.#options.clock.sleep(retryAfterMs);
      }
    }
    this.#committing = undefined;
  }

  /** A moment for more positions to come, unless somebody waits for the commit. */
  async #rest(ms: number): Promise<void> {
    await this.#options.clock.sleep(ms, this.#hurry.signal).catch(() => {});
    if (this.#hurry.signal.aborted) this.#hurry = new AbortController();
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}
