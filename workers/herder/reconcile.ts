/** What the config topic asks for: which connectors must be planned, which emptied, and which tasks run how. Pure. */

import type { ConfigState, Settings, TargetState } from '../stores/config-records.ts';

export interface TaskId {
  readonly connector: string;
  readonly index: number;
}

/** A task that should run. Equal fingerprints mean that a running task need not be replaced. */
export interface DesiredTask extends TaskId {
  readonly settings: Settings;
  /** The connector's own settings; they hold what is the runtime's business (`errors.*`, `topics`). */
  readonly connectorSettings: Settings;
  readonly fingerprint: string;
  readonly paused: boolean;
}

export interface Desired {
  /** Connectors whose tasks do not follow from their settings (any more) and that are to run: they are planned now. */
  readonly toPlan: readonly string[];
  /** Stopped connectors that still have tasks: they get an empty commit. */
  readonly toEmpty: readonly string[];
  readonly tasks: readonly DesiredTask[];
}

export function desiredOf(state: ConfigState): Desired {
  const toPlan: string[] = [];
  const toEmpty: string[] = [];
  const tasks: DesiredTask[] = [];
  for (const connector of state.connectors.keys()) {
    const target = targetOf(state, connector);
    const taskSet = state.taskSets.get(connector);
    if (target === 'STARTED' && needsPlan(state, connector)) toPlan.push(connector);
    if (target === 'STOPPED') {
      if ((taskSet?.tasks.length ?? 0) > 0) toEmpty.push(connector);
      continue;
    }
    if (taskSet === undefined || state.inconsistent.has(connector)) continue;
    const plannedFrom = taskSet.plannedFrom;
    for (const [index, taskSettings] of taskSet.tasks.entries()) {
      const fingerprint = fingerprintOf(plannedFrom, taskSettings);
      const paused = target === 'PAUSED';
      tasks.push({ connector, index, settings: taskSettings, connectorSettings: plannedFrom, fingerprint, paused });
    }
  }
  return { toPlan, toEmpty, tasks };
}

/** A connector without a target state record is to run. */
export function targetOf(state: ConfigState, connector: string): TargetState {
  return state.targetStates.get(connector) ?? 'STARTED';
}

/** Resuming a stopped connector finds an empty task set, which is as good as none. */
function needsPlan(state: ConfigState, connector: string): boolean {
  const taskSet = state.taskSets.get(connector);
  if (taskSet === undefined || taskSet.tasks.length === 0 || state.inconsistent.has(connector)) return true;
  return !sameSettings(taskSet.plannedFrom, state.connectors.get(connector) ?? {});
}

export function sameSettings(a: Settings, b: Settings): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

export function taskName({ connector, index }: TaskId): string {
  return `${connector}-${index}`;
}

function fingerprintOf(connectorSettings: Settings, taskSettings: Settings): string {
  return JSON.stringify([Object.entries(connectorSettings).sort(byKey), Object.entries(taskSettings).sort(byKey)]);
}

function byKey(a: readonly [string, string], b: readonly [string, string]): number {
  return a[0] < b[0] ? -1 : 1;
}
