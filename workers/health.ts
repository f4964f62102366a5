/** Whether everything that was declared runs, and if not, what does not and why. */

import type { Herder } from './herder/herder.ts';
import { taskName } from './herder/reconcile.ts';

export interface Health {
  readonly status: 'healthy' | 'starting' | 'unhealthy';
  readonly message: string;
  /** One sentence for each thing that does not run; empty when healthy. */
  readonly reasons: readonly string[];
}

export interface HealthFacts {
  readonly herder: Herder;
  readonly started: boolean;
  /** Why the worker itself cannot go on, such as a store that can be read no more. */
  readonly broken: string | undefined;
}

/** Paused and stopped connectors are as declared. One that has not started yet is not healthy, and not broken either. */
export function healthOf({ herder, started, broken }: HealthFacts): Health {
  if (!started) return { status: 'starting', message: 'Worker is still starting up.', reasons: ['starting'] };
  const reasons = [...(broken === undefined ? [] : [broken]), ...connectorReasons(herder)];
  if (reasons.length === 0) {
    return { status: 'healthy', message: 'Worker has completed startup and everything declared runs.', reasons };
  }
  return { status: 'unhealthy', message: reasons.join('; '), reasons };
}

function connectorReasons(herder: Herder): string[] {
  const reasons: string[] = [];
  const views = new Map(herder.tasks().map(({ task, view }) => [taskName(task), view]));
  for (const name of herder.connectorNames) {
    if (herder.targetOf(name) !== 'STARTED') continue;
    const failure = herder.planFailure(name);
    if (failure !== undefined) reasons.push(`connector ${name} is FAILED: ${firstLine(failure)}`);
    const taskCount = herder.taskSettingsOf(name).length;
    if (taskCount === 0 && failure === undefined) reasons.push(`connector ${name} has no tasks yet`);
    for (let index = 0; index < taskCount; index++) {
      const view = views.get(taskName({ connector: name, index }));
      if (view?.state === 'RUNNING') continue;
      const why = view?.trace === null || view === undefined ? '' : `: ${firstLine(view.trace)}`;
      reasons.push(`task ${name}-${index} is ${view?.state ?? 'UNASSIGNED'}${why}`);
    }
  }
  return reasons;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
