/** Runs one source task: poll and build while the poll before is being written or committed, never two in flight (promises 1 and 3). */

import type { SourcePosition, SourceTask, SourceTaskContext } from '../../connectors/contract/source.ts';
import type { Clock } from '../../core/base/clock.ts';
import { describeError } from '../../core/base/errors.ts';
import type { Logger } from '../../core/base/logger.ts';
import { isFenced } from '../fencing.ts';
import type { BatchOutput, BuiltPoll } from './batch-output.ts';
import type { AtLeastOnceOptions, SourceDelivery, TopicBatch } from './delivery.ts';
import type { Gate } from './gate.ts';
import { OpenPolls } from './open-polls.ts';
import { isRetriable } from './plain-error.ts';
import { retryDelayMs, sleepUnlessAborted } from './retrying.ts';
import type { SourceErrors } from './source-errors.ts';
import type { SourcePositions } from './source-positions.ts';
import type { TaskGauges } from './task-gauges.ts';
import { isOver, mayEnd, type TransactionBoundary } from './transaction-boundary.ts';

export interface SourceRunnerOptions {
  /** A fresh task; called again when a retriable error made the runner reopen it. */
  readonly createTask: () => SourceTask;
  /** Everything of the context but the stored positions. */
  readonly context: Omit<SourceTaskContext, 'storedPositions'>;
  readonly positions: SourcePositions;
  readonly output: BatchOutput;
  readonly errors: SourceErrors;
  readonly delivery: SourceDelivery;
  readonly boundary: TransactionBoundary;
  readonly gate: Gate;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly gauges: TaskGauges;
  readonly longestRetryDelayMs: number;
  readonly retry: AtLeastOnceOptions['retry'];
  /** The task is open and copies. */
  readonly onRunning: () => void;
}

export class SourceRunner {
  readonly #options: SourceRunnerOptions;
  #task: SourceTask;
  /** Retriable failures of `poll` in a row. */
  #pollFailures = 0;
  /** The poll that is being written, and perhaps committed; never rejects unseen. */
  #inFlight: Promise<void> = Promise.resolve();
  readonly #openPolls = new OpenPolls();
  /** A built poll waits for the one in flight. */
  #isNextReady = false;

  constructor(options: SourceRunnerOptions) {
    this.#options = options;
    this.#task = options.createTask();
  }

  /** Resolves when the task was stopped or has read everything there was; what it appended is durable then. */
  async run(): Promise<'stopped' | 'finished'> {
    const { onRunning, logger } = this.#options;
    try {
      await this.#open();
      onRunning();
      return await this.#loop();
    } catch (error) {
      if (isFenced(error)) this.#options.gauges.add('fenced_writes_total', 1);
      throw error;
    } finally {
      await this.#task.close().catch((error) => {
        logger.warn({ reason: describeError(error) }, 'the source task failed to close');
      });
    }
  }

  /** Somebody has stored these for the task; at any time. */
  signalled(signals: readonly SourcePosition[]): void {
    if (signals.length === 0) return;
    this.#options.positions.store(signals);
    this.#task.signalled?.(signals);
  }

  #open(): Promise<void> {
    const { context, positions } = this.#options;
    const storedPositions = positions.stored().map(({ partition, offset }) => ({ partition, offset }));
    return this.#task.open({ ...context, storedPositions });
  }

  async #loop(): Promise<'stopped' | 'finished'> {
    const { gate, output, errors } = this.#options;
    let outcome: 'more' | 'finished' = 'more';
    while (outcome === 'more') {
      // Before a pause of unknown length: what is in flight must be settled, and be seen to fail if it does.
      const isKept = !gate.paused || (await this.#finish()) === 'committed';
      if (!(await gate.open())) break;
      if (!isKept) {
        await this.#task.close();
        await this.#openAnew();
      }
      outcome = await this.#poll();
      // What a bounded run has read is whole.
      if (outcome === 'finished') output.transactionEnds();
      const built = await output.take();
      const deadLetters = errors.take();
      this.#isNextReady = true;
      await this.#inFlight;
      this.#isNextReady = false;
      this.#inFlight = this.#settle(built, deadLetters);
      // A failure is thrown where the promise is awaited: before the next poll is sent.
      output.behind(this.#inFlight);
    }
    await this.#finish();
    return outcome === 'finished' ? 'finished' : 'stopped';
  }

  async #poll(): Promise<'more' | 'finished'> {
    const { gate, output, gauges } = this.#options;
    try {
      const outcome = await this.#task.poll(output, gate.signal);
      this.#pollFailures = 0;
      return outcome;
    } catch (error) {
      if (!isRetriable(error)) await this.#failAfterPolls(error);
      gauges.add('source_poll_retries_total', 1);
      await this.#recover(error);
      return 'more';
    }
  }

  /** The polls before were whole: a source that fails at every third poll still gets on. */
  async #failAfterPolls(error: unknown): Promise<never> {
    const { output, errors, logger } = this.#options;
    logger.warn({ reason: describeError(error) }, 'polling the source failed; what came before is finished first');
    output.discard();
    errors.discard();
    await this.#finish();
    throw error;
  }

  /**
   * Waits, then polls again. A task that had appended before it failed is opened anew at the stored positions instead:
   * nobody knows how much of what it appended its positions cover.
   */
  async #recover(error: unknown): Promise<void> {
    const { clock, logger, gate, output, errors, longestRetryDelayMs } = this.#options;
    const delayMs = retryDelayMs(this.#pollFailures, longestRetryDelayMs);
    this.#pollFailures += 1;
    logger.warn({ delayMs, reason: describeError(error) }, 'polling the source failed and is tried again');
    const reopen = !output.isEmpty || errors.pending;
    if (reopen) {
      output.discard();
      errors.discard();
      await this.#finish();
      await this.#task.close();
    }
    await sleepUnlessAborted(clock, delayMs, gate.signal);
    if (reopen) await this.#openAnew();
  }

  /** At the stored positions. */
  async #openAnew(): Promise<void> {
    this.#task = this.#options.createTask();
    await this.#open();
  }

  /** Nothing is in flight and no transaction is open any more. */
  async #finish(): Promise<'committed' | 'given up'> {
    await this.#inFlight;
    if (mayEnd(this.#options.boundary, this.#openPolls.isWhole)) {
      await this.#commit();
      return 'committed';
    }
    await this.#giveUp();
    return 'given up';
  }

  /** Of a transaction of the source only a part was written: nobody shall see it, and all of it is read again. */
  async #giveUp(): Promise<void> {
    const { delivery, gauges, logger } = this.#options;
    await delivery.abort();
    const { recordCount } = this.#openPolls.take();
    gauges.add('source_aborts_total', 1);
    logger.info({ recordCount }, 'a transaction of the source was written in part; it is aborted and read again');
  }

  /** Writes records, dead letters and positions; commits when the transaction is over. */
  async #settle(built: BuiltPoll, failed: { deadLetters: readonly TopicBatch[]; failure: unknown }): Promise<void> {
    const { delivery, boundary, clock } = this.#options;
    const open = this.#openPolls;
    const { deadLetters, failure } = failed;
    const isNothing = built.batches.length + built.positions.length + deadLetters.length === 0;
    if (!isNothing) open.begin(clock.monotonicMs());
    if (failure !== undefined) {
      if (!mayEnd(boundary, open.isWhole)) await this.#giveUp();
      open.begin(clock.monotonicMs());
      await delivery.deliver(deadLetters, []);
      await this.#commit();
      throw failure;
    }
    if (!isNothing) {
      const batches = deadLetters.length === 0 ? built.batches : [...built.batches, ...deadLetters];
      await delivery.deliver(batches, built.positions);
      open.add(built);
    }
    built.release();
    const openForMs = open.openForMs(clock.monotonicMs());
    if (isOver(boundary, { openForMs, bytes: open.bytes, isNextReady: this.#isNextReady, isWhole: open.isWhole }))
      await this.#commit();
  }

  /** What was written becomes durable, and only then the source is told (promise 1). */
  async #commit(): Promise<void> {
    if (this.#openPolls.isEmpty) return;
    const { delivery, gauges, positions, retry } = this.#options;
    await delivery.commit();
    const committed = this.#openPolls.take();
    positions.store(committed.positions);
    gauges.add('source_records_total', committed.recordCount);
    gauges.add('source_bytes_total', committed.payloadBytes);
    gauges.add('source_commits_total', 1);
    const task = this.#task;
    if (committed.positions.length > 0 && task.committed !== undefined) {
      await retry('acknowledging to the source', () => Promise.resolve(task.committed?.(committed.positions)));
    }
  }
}
