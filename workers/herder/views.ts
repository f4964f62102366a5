/** What REST and the command line see of connectors and tasks, in Kafka Connect's shapes plus our own extras. Pure. */

import type { ConnectorKind } from '../../config/index.ts';
import type { ConfigState, Settings } from '../stores/config-records.ts';
import type { RunState, Status, StatusState } from '../stores/status-records.ts';

export interface ConnectorInfo {
  readonly name: string;
  readonly config: Settings;
  readonly tasks: readonly { readonly connector: string; readonly task: number }[];
  readonly type: ConnectorKind | 'unknown';
}

interface PartStatus {
  readonly state: RunState;
  readonly worker_id: string;
  readonly version?: string;
  readonly trace?: string;
}

export interface TaskStatus extends PartStatus {
  readonly id: number;
}

/** Beyond Kafka Connect: what its own fields do not say. */
interface ConnectorHealth {
  /** DEGRADED: the connector runs and a task of it failed. */
  readonly state: RunState | 'DEGRADED';
  /** Automatic restarts of its tasks since the worker started. */
  readonly restarts: number;
  /** Wall times of the automatic restarts that are due, in milliseconds since 1970. */
  readonly next_restart_at?: number;
}

export interface ConnectorStatus {
  readonly name: string;
  readonly connector: PartStatus;
  readonly tasks: readonly TaskStatus[];
  readonly type: ConnectorKind | 'unknown';
  readonly health: ConnectorHealth;
}

export interface TaskExtras {
  readonly restarts: number;
  readonly nextRestartAtMs: number | undefined;
}

/** Undefined for an unknown connector. `config` is given as stored; masking is the reader's business. */
export function connectorInfo(
  state: ConfigState,
  name: string,
  type: ConnectorInfo['type'],
): ConnectorInfo | undefined {
  const config = state.connectors.get(name);
  if (config === undefined) return undefined;
  const tasks = state.taskSets.get(name)?.tasks ?? [];
  return { name, config, tasks: tasks.map((_, task) => ({ connector: name, task })), type };
}

/** Undefined until a first status was published. */
export function connectorStatus(
  statuses: StatusState,
  name: string,
  type: ConnectorInfo['type'],
  extras: (index: number) => TaskExtras | undefined,
): ConnectorStatus | undefined {
  const own = statuses.connectors.get(name);
  if (own === undefined) return undefined;
  const tasks = [...(statuses.tasks.get(name) ?? [])].sort((a, b) => a[0] - b[0]);
  const shown = tasks.map(([id, status]) => ({ id, ...partStatus(status) }));
  return { name, connector: partStatus(own), tasks: shown, type, health: healthOf(own, tasks, extras) };
}

function partStatus({ state, workerId, trace, version }: Status): PartStatus {
  return {
    state,
    worker_id: workerId,
    ...(version === null ? {} : { version }),
    ...(trace === null || trace === '' ? {} : { trace }),
  };
}

function healthOf(
  own: Status,
  tasks: readonly (readonly [number, Status])[],
  extras: (index: number) => TaskExtras | undefined,
): ConnectorHealth {
  let restarts = 0;
  let next: number | undefined;
  let failed = false;
  for (const [index, status] of tasks) {
    const extra = extras(index);
    restarts += extra?.restarts ?? 0;
    failed ||= status.state === 'FAILED';
    if (extra?.nextRestartAtMs !== undefined) next = Math.min(next ?? extra.nextRestartAtMs, extra.nextRestartAtMs);
  }
  const state = failed && own.state !== 'FAILED' ? 'DEGRADED' : own.state;
  return { state, restarts, ...(next === undefined ? {} : { next_restart_at: next }) };
}
