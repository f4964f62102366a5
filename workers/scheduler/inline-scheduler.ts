/** The scheduler of a single process: every task runs here. */

import { invariant } from '../../core/base/errors.ts';
import { type DesiredTask, taskName } from '../herder/reconcile.ts';
import type { RunTask, Scheduler } from './scheduler.ts';

interface Running {
  readonly fingerprint: string;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

export class InlineScheduler implements Scheduler {
  readonly #running = new Map<string, Running>();
  #desired = new Map<string, DesiredTask>();
  #run: RunTask | undefined;
  #epoch = 0;
  #closed = false;

  start(run: RunTask): void {
    invariant(this.#run === undefined, 'a scheduler is started once');
    this.#run = run;
    this.#settle();
  }

  assign(tasks: readonly DesiredTask[]): void {
    if (this.#closed) return;
    this.#desired = new Map(tasks.map((task) => [taskName(task), task]));
    this.#settle();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#desired.clear();
    this.#settle();
    await Promise.all(Array.from(this.#running.values(), ({ ended }) => ended));
  }

  #settle(): void {
    if (this.#run === undefined) return;
    for (const [name, { fingerprint, stop }] of this.#running) {
      if (this.#desired.get(name)?.fingerprint !== fingerprint) stop.abort();
    }
    for (const [name, task] of this.#desired) {
      if (!this.#running.has(name)) this.#start(name, task, this.#run);
    }
  }

  #start(name: string, task: DesiredTask, run: RunTask): void {
    const stop = new AbortController();
    this.#epoch += 1;
    const ended = run({ task, epoch: this.#epoch, signal: stop.signal }).finally(() => {
      this.#running.delete(name);
      // A changed task was waiting for this; one that ended by itself is not started again by us.
      if (stop.signal.aborted) this.#settle();
    });
    this.#running.set(name, { fingerprint: task.fingerprint, stop, ended });
  }
}
