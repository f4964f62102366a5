/** The numbers of all tasks here: what their threads last sent, plus what earlier threads of the same task had counted. */

import { type TaskId, taskName } from './herder/reconcile.ts';
import type { Numbers } from './tasks/task-runs.ts';

interface OneTask extends TaskId {
  /** Totals of threads that have ended. */
  readonly before: Record<string, number>;
  totals: Numbers;
  values: Numbers;
}

export interface TaskFigures extends TaskId {
  readonly totals: Numbers;
  readonly values: Numbers;
}

export class TaskNumbers {
  readonly #tasks = new Map<string, OneTask>();

  /** A thread sent its numbers, which count from its start. */
  report(task: TaskId, totals: Numbers, values: Numbers): void {
    const one = this.#task(task);
    one.totals = totals;
    one.values = values;
  }

  /** Something of the task that is counted outside of its thread. */
  count(task: TaskId, name: string, delta: number): void {
    const { before } = this.#task(task);
    before[name] = (before[name] ?? 0) + delta;
  }

  /** A new thread starts: what the one before had counted stays counted. */
  startOver(task: TaskId): void {
    const one = this.#task(task);
    for (const [name, total] of Object.entries(one.totals)) one.before[name] = (one.before[name] ?? 0) + total;
    one.totals = {};
    one.values = {};
  }

  /** Forgets connectors that are gone. */
  keep(isThere: (connector: string) => boolean): void {
    for (const [key, { connector }] of this.#tasks) if (!isThere(connector)) this.#tasks.delete(key);
  }

  all(): TaskFigures[] {
    return Array.from(this.#tasks.values(), ({ connector, index, before, totals, values }) => {
      const sums: Record<string, number> = { ...before };
      for (const [name, total] of Object.entries(totals)) sums[name] = (sums[name] ?? 0) + total;
      return { connector, index, totals: sums, values };
    });
  }

  /** A total over all tasks. */
  sum(name: string): number {
    return this.all().reduce((sum, { totals }) => sum + (totals[name] ?? 0), 0);
  }

  /** A current value added up over all tasks. */
  sumValues(name: string): number {
    return this.all().reduce((sum, { values }) => sum + (values[name] ?? 0), 0);
  }

  #task(task: TaskId): OneTask {
    const key = taskName(task);
    let one = this.#tasks.get(key);
    if (one === undefined) {
      one = { connector: task.connector, index: task.index, before: {}, totals: {}, values: {} };
      this.#tasks.set(key, one);
    }
    return one;
  }
}
