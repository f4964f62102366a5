/** Runs one sink task: fetch, put, commit what it reports, and hand partitions over, one call at a time (promises 2 and 3). */

import type { SinkRecords, TopicPartition } from '../../connectors/contract/record.ts';
import type { SinkPosition, SinkTask, SinkTaskContext } from '../../connectors/contract/sink.ts';
import type { Clock } from '../../core/base/clock.ts';
import { describeError } from '../../core/base/errors.ts';
import type { Logger } from '../../core/base/logger.ts';
import { isFenced } from '../fencing.ts';
import { Turns } from '../turns.ts';
import type { CommitTracker } from './commit-tracker.ts';
import type { Gate } from './gate.ts';
import type { AssignedPartition } from './messages.ts';
import { isRetriable } from './plain-error.ts';
import { retryDelayMs, retrying, sleepUnlessAborted } from './retrying.ts';
import type { TaskGauges } from './task-gauges.ts';

/** Whole record batches of one partition, asked for at `fetchOffset`; `nextOffset` follows the last of them. */
export interface FetchedRun extends TopicPartition {
  readonly fetchOffset: number;
  readonly records: Buffer;
  readonly nextOffset: number;
  /** Called when nobody reads `records` any more. */
  release(): void;
}

/** The part of core/client's fetcher that the runner uses. */
export interface RunFetcher {
  /** Replaces the whole set; what was fetched for other positions is thrown away. */
  assign(positions: readonly SinkPosition[]): void;
  next(signal: AbortSignal): Promise<readonly FetchedRun[]>;
}

/** A cursor that can be set to the start of a run again. */
interface RunCursor extends SinkRecords {
  /** Stands before the first record at or above `fromOffset` of these whole batches. */
  reset(batches: Buffer, fromOffset: number): void;
}

/** One assignment of one partition; a new object each time, so that what belongs to an earlier one is known by it. */
interface Owned extends TopicPartition {
  /** The next offset to put. */
  offset: number;
  readonly cursor: RunCursor;
}

export interface SinkRunnerOptions {
  readonly task: SinkTask;
  readonly context: SinkTaskContext;
  readonly fetcher: RunFetcher;
  readonly createCursor: (partition: TopicPartition) => RunCursor;
  readonly tracker: CommitTracker;
  readonly gate: Gate;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly gauges: TaskGauges;
  readonly longestRetryDelayMs: number;
  /** Where to start in partitions that neither the target nor the group knows. */
  readonly startOffsets: (partitions: readonly TopicPartition[]) => Promise<readonly SinkPosition[]>;
  readonly commit: (positions: readonly SinkPosition[]) => void;
  readonly onRunning: () => void;
}

/** How long a failed task's last call may take before the task is closed all the same. */
const lastCallMs = 5_000;

interface Drain {
  readonly ends: readonly SinkPosition[];
  readonly done: () => void;
}

export class SinkRunner {
  readonly #options: SinkRunnerOptions;
  readonly #turns = new Turns();
  readonly #owned = new Map<string, Owned>();
  readonly #failure = Promise.withResolvers<never>();
  #drains: Drain[] = [];
  #wake: (() => void) | undefined;
  #changed = false;

  constructor(options: SinkRunnerOptions) {
    this.#options = options;
    this.#failure.promise.catch(() => {});
  }

  /** Resolves when the task was stopped and what it took is durable and reported; rejects when it failed. */
  async run(): Promise<void> {
    const { task, context, onRunning, logger, clock } = this.#options;
    try {
      await this.#turns.take(() => task.open(context));
      onRunning();
      await Promise.race([this.#copy(), this.#failure.promise]);
    } catch (error) {
      if (isFenced(error)) this.#options.gauges.add('fenced_writes_total', 1);
      throw error;
    } finally {
      await Promise.race([this.#turns.idle(), clock.sleep(lastCallMs)]);
      await task
        .close()
        .catch((error) => logger.warn({ reason: describeError(error) }, 'the sink task failed to close'));
    }
  }

  /** Ends `run` with this error. */
  fail(error: unknown): void {
    this.#failure.reject(error);
  }

  assigned(partitions: readonly AssignedPartition[]): void {
    this.#turns.take(() => this.#assign(partitions)).catch((error) => this.fail(error));
  }

  /** Resolves when nothing of these partitions is being written any more. With `lost` nothing is committed either. */
  async revoked(partitions: readonly TopicPartition[], lost: boolean): Promise<void> {
    const { task, tracker } = this.#options;
    const revoke = async () => {
      if (lost) for (const partition of partitions) tracker.revoked(partition);
      const ours = partitions.filter((partition) => this.#owned.delete(keyOf(partition)));
      this.#fetchOwned();
      if (ours.length > 0) await task.revoked(ours, lost);
      for (const partition of partitions) tracker.revoked(partition);
    };
    await this.#turns.take(revoke).catch((error) => this.fail(error));
  }

  /** Resolves when everything below `ends` in the partitions owned here was put and drained. */
  async drainTo(ends: readonly SinkPosition[]): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    // What was assigned before this call must be owned before anybody asks how far it is.
    await this.#turns.take(async () => {
      this.#drains.push({ ends, done: resolve });
    });
    this.#checkDrains();
    await promise;
  }

  async #copy(): Promise<void> {
    const { gate } = this.#options;
    while (await gate.open()) {
      const runs = await this.#fetch();
      for (const run of runs) {
        if (gate.stopping) break;
        await this.#put(run);
        run.release();
      }
      this.#checkDrains();
    }
    await this.#turns.take(() => this.#drain());
  }

  /** Once all that was taken is durable, everything given may be committed: also what held no record for the sink. */
  async #drain(): Promise<void> {
    const { task, tracker, commit } = this.#options;
    await task.drain();
    commit(tracker.reported(tracker.givenPositions()));
  }

  /** The next records of the partitions owned now; nothing when that set changed or the gate closed meanwhile. */
  async #fetch(): Promise<readonly FetchedRun[]> {
    const { fetcher, gate } = this.#options;
    if (this.#owned.size === 0) {
      await this.#somethingChanged(gate.signal);
      return [];
    }
    try {
      return await fetcher.next(gate.signal);
    } catch (error) {
      if (gate.signal.aborted) return [];
      throw error;
    }
  }

  /** Waits out retriable errors between turns, so that partitions can be taken away meanwhile; then the same records again. */
  async #put(run: FetchedRun): Promise<void> {
    const { gate, clock, logger, gauges, longestRetryDelayMs } = this.#options;
    const owned = this.#owned.get(keyOf(run));
    for (let tries = 0; owned !== undefined; tries++) {
      const error = await this.#turns.take(() => this.#tryPut(run, owned));
      if (error === undefined) return;
      const delayMs = retryDelayMs(tries, longestRetryDelayMs);
      gauges.add('sink_put_retries_total', 1);
      logger.warn({ delayMs, reason: describeError(error) }, 'the sink did not take records and gets them again');
      await sleepUnlessAborted(clock, delayMs, gate.signal);
      if (!(await gate.open())) return;
    }
  }

  /** Answers the retriable error, if there was one. Records of an assignment that is over are dropped: they have a new owner. */
  async #tryPut(run: FetchedRun, owned: Owned): Promise<unknown> {
    const { task, tracker, gauges } = this.#options;
    if (this.#owned.get(keyOf(run)) !== owned) return undefined;
    if (run.fetchOffset !== owned.offset) this.#moved(run, owned);
    owned.cursor.reset(run.records, owned.offset);
    tracker.given({ topic: run.topic, partition: run.partition, offset: run.nextOffset });
    try {
      // Of aborted transactions and their markers nothing is left but the offsets they took.
      if (run.records.length > 0) await task.put(owned.cursor);
    } catch (error) {
      if (isRetriable(error)) return error;
      throw error;
    }
    gauges.add('sink_bytes_total', run.records.length);
    gauges.add('sink_offsets_total', run.nextOffset - owned.offset);
    owned.offset = run.nextOffset;
    return undefined;
  }

  /** The topic no longer had the offset we wanted, so the fetcher went on elsewhere: seen and counted, never silent (promise 9). */
  #moved(run: FetchedRun, owned: Owned): void {
    const { tracker, gauges, logger } = this.#options;
    const { topic, partition, fetchOffset } = run;
    const lost = Math.max(fetchOffset - owned.offset, 0);
    gauges.add('sink_offsets_lost_total', lost);
    logger.error(
      { topic, partition, wanted: owned.offset, found: fetchOffset },
      'records were deleted before the sink read them',
    );
    owned.offset = fetchOffset;
    tracker.assigned({ topic, partition, offset: fetchOffset });
  }

  async #assign(partitions: readonly AssignedPartition[]): Promise<void> {
    const { task, clock, logger, gate, longestRetryDelayMs, tracker, commit, startOffsets } = this.#options;
    const retry = { clock, logger, longestDelayMs: longestRetryDelayMs, signal: gate.signal };
    const plain = partitions.map(({ topic, partition }) => ({ topic, partition }));
    const known = await retrying(() => task.assigned(plain), { ...retry, what: 'taking partitions over' });
    const starts = new Map<string, number>();
    for (const { topic, partition, committed } of partitions) {
      if (committed !== undefined) starts.set(keyOf({ topic, partition }), committed);
    }
    for (const position of known) starts.set(keyOf(position), position.offset);
    const unknown = plain.filter((partition) => !starts.has(keyOf(partition)));
    const found =
      unknown.length === 0 ? [] : await retrying(() => startOffsets(unknown), { ...retry, what: 'finding the start' });
    for (const position of found) starts.set(keyOf(position), position.offset);
    for (const { topic, partition } of partitions) {
      const offset = starts.get(keyOf({ topic, partition })) ?? 0;
      const cursor = this.#options.createCursor({ topic, partition });
      this.#owned.set(keyOf({ topic, partition }), { topic, partition, offset, cursor });
      tracker.assigned({ topic, partition, offset });
    }
    // What the target knows to be written is as good as committed; shown as such when the group is behind.
    const behind = new Map(partitions.map((each) => [keyOf(each), each.committed ?? -1]));
    commit(known.filter((position) => position.offset > (behind.get(keyOf(position)) ?? position.offset)));
    this.#fetchOwned();
    this.#checkDrains();
  }

  #fetchOwned(): void {
    this.#options.fetcher.assign(
      Array.from(this.#owned.values(), ({ topic, partition, offset }) => ({ topic, partition, offset })),
    );
    this.#options.gauges.set('sink_partitions', this.#owned.size);
    this.#changed = true;
    this.#wake?.();
  }

  async #somethingChanged(signal: AbortSignal): Promise<void> {
    if (!this.#changed && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
      await promise;
    }
    this.#changed = false;
  }

  #checkDrains(): void {
    const ready = this.#drains.filter(({ ends }) => ends.every((end) => this.#reached(end)));
    if (ready.length === 0) return;
    this.#drains = this.#drains.filter((drain) => !ready.includes(drain));
    const drain = async () => {
      await this.#drain();
      for (const { done } of ready) done();
    };
    this.#turns.take(drain).catch((error) => this.fail(error));
  }

  #reached(end: SinkPosition): boolean {
    const owned = this.#owned.get(keyOf(end));
    return owned === undefined || owned.offset >= end.offset;
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}
