/** The scheduler as a port: who runs which task. The truth is the config topic; a scheduler only carries it out. */

import type { DesiredTask } from '../herder/reconcile.ts';

/** The right to run one task for now. */
export interface TaskLease {
  readonly task: DesiredTask;
  /** Grows with every lease of the task; a store that sees a smaller one refuses it (promise 4). */
  readonly epoch: number;
  /** Aborts when the task must end here: it is wanted no more, wanted otherwise, or the lease was lost. */
  readonly signal: AbortSignal;
}

/** Runs a leased task until the signal aborts and resolves once nothing of it runs any more. Must not reject. */
export type RunTask = (lease: TaskLease) => Promise<void>;

/**
 * Never two runs of one task at a time; a task whose fingerprint changed ends before it starts anew. Whether a task is
 * paused is not the scheduler's business.
 */
export interface Scheduler {
  start(run: RunTask): void;
  /** The whole desired set, stated anew at every change; stating the same twice changes nothing. */
  assign(tasks: readonly DesiredTask[]): void;
  /** Ends every task here and resolves when none runs any more. */
  close(): Promise<void>;
}
