/** Plans connectors beside each other, each one at a time, and again with growing delay when that failed. */

import type { Clock } from '../../core/base/clock.ts';
import { MillraceError } from '../../core/base/errors.ts';
import { workerErrors } from '../error-codes.ts';
import type { Settings } from '../stores/config-records.ts';
import type { Planner } from './planner.ts';

export interface ConnectorPlansOptions {
  readonly planner: Planner;
  readonly clock: Clock;
  /** Makes the planned tasks current, unless the settings are no longer these. */
  readonly commit: (connector: string, settings: Settings, tasks: readonly Settings[]) => Promise<void>;
  readonly onFailed: (connector: string, error: unknown) => void;
  /** How long one planning may take before it counts as failed. */
  readonly planTimeoutMs: number;
}

/** Kafka Connect's delays for failed task configuration. */
const firstDelayMs = 250;
const longestDelayMs = 60_000;

export class ConnectorPlans {
  readonly #options: ConnectorPlansOptions;
  readonly #jobs = new Map<string, { readonly settings: Settings; readonly stop: AbortController }>();

  constructor(options: ConnectorPlansOptions) {
    this.#options = options;
  }

  /** States which connectors are to be planned; a job for other settings, or for one that is not named, ends. */
  want(wanted: ReadonlyMap<string, Settings>): void {
    for (const [connector, { settings, stop }] of this.#jobs) {
      if (wanted.get(connector) === settings) continue;
      stop.abort();
      this.#jobs.delete(connector);
    }
    for (const [connector, settings] of wanted) {
      if (!this.#jobs.has(connector)) this.#start(connector, settings);
    }
  }

  /** Tries a waiting one at once. */
  restart(connector: string): void {
    const job = this.#jobs.get(connector);
    if (job === undefined) return;
    job.stop.abort();
    this.#start(connector, job.settings);
  }

  close(): void {
    this.want(new Map());
  }

  #start(connector: string, settings: Settings): void {
    const stop = new AbortController();
    this.#jobs.set(connector, { settings, stop });
    this.#plan(connector, settings, stop.signal).catch(() => {});
  }

  async #plan(connector: string, settings: Settings, signal: AbortSignal): Promise<void> {
    const { commit, onFailed, clock } = this.#options;
    for (let tries = 0; !signal.aborted; tries++) {
      try {
        const tasks = await this.#planInTime(connector, settings);
        if (signal.aborted) return;
        await commit(connector, settings, tasks);
        return;
      } catch (error) {
        if (signal.aborted) return;
        onFailed(connector, error);
        if (error instanceof MillraceError && !error.retriable) return;
        await clock.sleep(Math.min(firstDelayMs * 2 ** Math.min(tries, 20), longestDelayMs), signal);
      }
    }
  }

  async #planInTime(connector: string, settings: Settings): Promise<readonly Settings[]> {
    const { planner, clock, planTimeoutMs } = this.#options;
    const late = Promise.withResolvers<never>();
    const timer = clock.timer(planTimeoutMs, () => {
      const message = `planning took longer than ${planTimeoutMs} ms`;
      late.reject(workerErrors.error('plan-timeout', { message, where: connector }));
    });
    try {
      return await Promise.race([planner(connector, settings), late.promise]);
    } finally {
      timer.cancel();
    }
  }
}
