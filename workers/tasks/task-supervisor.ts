/** Keeps one leased task running: starts its thread, shows its state, starts it again with growing delay when it failed. */

import type { SourcePosition } from '../../connectors/contract/source.ts';
import type { Clock } from '../../core/base/clock.ts';
import type { Logger } from '../../core/base/logger.ts';
import type { RunState } from '../stores/status-records.ts';
import { plainError } from '../task-thread/plain-error.ts';
import { noFailures, onTaskFailure, type RestartHistory, type RestartPolicy } from './restart-delay.ts';
import type { TaskEnd } from './task-host.ts';

/** One run of the task, from its start to its end. */
export interface TaskRun {
  readonly ended: Promise<TaskEnd>;
  setPaused(paused: boolean): void;
  /** Requests that were stored for the connector since the run began. */
  signalled?(signals: readonly SourcePosition[]): void;
  stop(): Promise<TaskEnd>;
}

export interface TaskView {
  readonly state: RunState;
  readonly trace: string | null;
  /** Automatic restarts since the worker started. */
  readonly restarts: number;
  /** Wall time of the next automatic restart, when one is due. */
  readonly nextRestartAtMs: number | undefined;
  /** A bounded run has read everything there was. */
  readonly finished: boolean;
  /** Another worker has the task, and what it says of it is true: this view is for nobody else. */
  readonly isElsewhere: boolean;
}

export interface TaskSupervisorOptions {
  /** Starts a run; `onRunning` is called once the task is open. Rejects when it cannot even start. */
  readonly startRun: (onRunning: () => void) => Promise<TaskRun>;
  readonly paused: boolean;
  readonly policy: RestartPolicy;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onView: (view: TaskView) => void;
}

export class TaskSupervisor {
  readonly #options: TaskSupervisorOptions;
  #view: TaskView;
  #paused: boolean;
  #run: TaskRun | undefined;
  #history: RestartHistory = noFailures;
  /** Ends the wait of a failed or finished task. */
  #wake: AbortController = new AbortController();
  #restartAsked = false;

  constructor(options: TaskSupervisorOptions) {
    this.#options = options;
    this.#paused = options.paused;
    this.#view = {
      state: 'UNASSIGNED',
      trace: null,
      restarts: 0,
      nextRestartAtMs: undefined,
      finished: false,
      isElsewhere: false,
    };
  }

  get view(): TaskView {
    return this.#view;
  }

  /** The run under way; undefined between two. */
  get run(): TaskRun | undefined {
    return this.#run;
  }

  setPaused(paused: boolean): void {
    if (this.#paused === paused) return;
    this.#paused = paused;
    this.#run?.setPaused(paused);
    if (this.#view.state === 'RUNNING' || this.#view.state === 'PAUSED') this.#show({ state: this.#openState() });
  }

  /** Starts the task anew, whether it runs or has failed; its failures so far are forgiven. */
  restart(): void {
    this.#restartAsked = true;
    this.#history = { ...this.#history, failuresInARow: 0 };
    this.#show({ state: 'RESTARTING', trace: null, nextRestartAtMs: undefined, isElsewhere: false });
    this.#wake.abort();
    this.#run?.stop().catch(() => {});
  }

  /** Resolves when the signal aborted and nothing of the task runs any more. */
  async supervise(signal: AbortSignal): Promise<void> {
    const onAbort = () => {
      this.#wake.abort();
      this.#run?.stop().catch(() => {});
    };
    signal.addEventListener('abort', onAbort, { once: true });
    while (!signal.aborted) {
      this.#restartAsked = false;
      const startedMs = this.#options.clock.monotonicMs();
      const end = await this.#runOnce(signal);
      if (signal.aborted) break;
      if (this.#restartAsked) continue;
      const waitMs = this.#afterEnd(end, this.#options.clock.monotonicMs() - startedMs);
      await this.#wait(waitMs, signal);
    }
    signal.removeEventListener('abort', onAbort);
  }

  async #runOnce(signal: AbortSignal): Promise<TaskEnd> {
    try {
      const onRunning = () => this.#show({ state: this.#openState(), trace: null, nextRestartAtMs: undefined });
      this.#run = await this.#options.startRun(onRunning);
      this.#run.setPaused(this.#paused);
      if (signal.aborted || this.#restartAsked) this.#run.stop().catch(() => {});
      return await this.#run.ended;
    } catch (error) {
      return { how: 'failed', error: plainError(error) };
    } finally {
      this.#run = undefined;
    }
  }

  /** Shows how the run ended; answers how long to wait before the next one, undefined for until somebody asks. */
  #afterEnd(end: TaskEnd, ranMs: number): number | undefined {
    const { policy, clock, logger } = this.#options;
    if (end.how === 'finished') {
      this.#show({ state: this.#openState(), finished: true });
      return undefined;
    }
    // Nobody asked for it here: what the run stands on changed, and the next one stands on the new.
    if (end.how === 'stopped') return 0;
    const { error } = end;
    if (end.how === 'replaced') {
      const { code, where } = error;
      logger.error({ code, where, reason: error.message }, 'another worker has the task; it stays with that one');
      this.#show({ state: 'FAILED', trace: error.trace, isElsewhere: true });
      return undefined;
    }
    const decision = onTaskFailure(policy, this.#history, { ranMs, retriable: error.retriable });
    this.#history = decision.history;
    const nextRestartAtMs = decision.delayMs === undefined ? undefined : clock.nowMs() + decision.delayMs;
    const { code, where, fix } = error;
    logger.error({ code, where, fix, restartInMs: decision.delayMs ?? null, reason: error.message }, 'the task failed');
    this.#show({ state: 'FAILED', trace: error.trace, nextRestartAtMs, restarts: this.#history.restarts });
    return decision.delayMs;
  }

  async #wait(ms: number | undefined, signal: AbortSignal): Promise<void> {
    if (this.#restartAsked || signal.aborted) return;
    this.#wake = new AbortController();
    const woken = new Promise<void>((resolve) => {
      this.#wake.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    if (ms === undefined) await woken;
    else await this.#options.clock.sleep(ms, this.#wake.signal).catch(() => {});
  }

  #openState(): RunState {
    return this.#paused ? 'PAUSED' : 'RUNNING';
  }

  #show(change: Partial<TaskView>): void {
    this.#view = { ...this.#view, ...change };
    this.#options.onView(this.#view);
  }
}
