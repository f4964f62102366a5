/** The records of the config topic, as Kafka Connect writes them, and what a replay of them amounts to. Pure. */

import { isObject, type JsonValue, parseJson } from './canonical-json.ts';

export type TargetState = 'STARTED' | 'PAUSED' | 'STOPPED';
export type Settings = Readonly<Record<string, string>>;

/** A record of a compacted topic; a null value is a tombstone. */
export interface StoreRecord {
  readonly key: string;
  readonly value: string | null;
}

export interface RestartRequest {
  readonly connector: string;
  readonly includeTasks: boolean;
  readonly onlyFailed: boolean;
}

/** The tasks a commit record made current. */
interface TaskSet {
  readonly tasks: readonly Settings[];
  /** The connector's settings these tasks were planned from. */
  readonly plannedFrom: Settings;
}

/** What all records read so far amount to. Changed only by `applyConfigRecord`. */
export interface ConfigState {
  readonly connectors: Map<string, Settings>;
  readonly targetStates: Map<string, TargetState>;
  readonly taskSets: Map<string, TaskSet>;
  /** Task settings that wait for their commit record, by connector and task index. */
  readonly uncommitted: Map<string, Map<number, Settings>>;
  /** Connectors whose commit named a task that compaction or a crash left without settings; they must be planned anew. */
  readonly inconsistent: Set<string>;
}

export function emptyConfigState(): ConfigState {
  return {
    connectors: new Map(),
    targetStates: new Map(),
    taskSets: new Map(),
    uncommitted: new Map(),
    inconsistent: new Set(),
  };
}

export const configRecords = {
  connector: (name: string, settings: Settings | null): StoreRecord => ({
    key: `connector-${name}`,
    value: settings === null ? null : JSON.stringify({ properties: settings }),
  }),
  task: (name: string, index: number, settings: Settings): StoreRecord => ({
    key: `task-${name}-${index}`,
    value: JSON.stringify({ properties: settings }),
  }),
  commit: (name: string, taskCount: number): StoreRecord => ({
    key: `commit-${name}`,
    value: JSON.stringify({ tasks: taskCount }),
  }),
  /** `state` shows STOPPED as PAUSED to workers that know only the older field. */
  targetState: (name: string, state: TargetState | null): StoreRecord => ({
    key: `target-state-${name}`,
    value: state === null ? null : JSON.stringify({ state: state === 'STOPPED' ? 'PAUSED' : state, 'state.v2': state }),
  }),
  restart: (request: RestartRequest): StoreRecord => ({
    key: `restart-connector-${request.connector}`,
    value: JSON.stringify({ 'include-tasks': request.includeTasks, 'only-failed': request.onlyFailed }),
  }),
} as const;

/**
 * Applies one record. Returns the restart request of a restart record, which counts only when it is read live.
 * Records nobody knows, or with values of another shape, change nothing.
 */
export function applyConfigRecord(state: ConfigState, record: StoreRecord): RestartRequest | undefined {
  const value = record.value === null ? null : parseJson(record.value);
  const { key } = record;
  if (key.startsWith('connector-')) applyConnector(state, key.slice('connector-'.length), value);
  else if (key.startsWith('task-')) applyTask(state, key.slice('task-'.length), value);
  else if (key.startsWith('commit-')) applyCommit(state, key.slice('commit-'.length), value);
  else if (key.startsWith('target-state-')) applyTargetState(state, key.slice('target-state-'.length), value);
  else if (key.startsWith('restart-connector-') && isObject(value ?? undefined)) {
    return restartRequest(key.slice('restart-connector-'.length), value as { [key: string]: JsonValue });
  }
  return undefined;
}

function applyConnector(state: ConfigState, name: string, value: JsonValue | null | undefined): void {
  if (value === null) {
    state.connectors.delete(name);
    forgetTasks(state, name);
    return;
  }
  const settings = propertiesOf(value);
  if (settings !== undefined) state.connectors.set(name, settings);
}

/** Names may contain dashes: the index is what follows the last one. */
function applyTask(state: ConfigState, id: string, value: JsonValue | null | undefined): void {
  const dash = id.lastIndexOf('-');
  const index = Number(id.slice(dash + 1));
  const settings = propertiesOf(value ?? undefined);
  if (dash <= 0 || !Number.isSafeInteger(index) || index < 0 || settings === undefined) return;
  const name = id.slice(0, dash);
  let waiting = state.uncommitted.get(name);
  if (waiting === undefined) {
    waiting = new Map();
    state.uncommitted.set(name, waiting);
  }
  waiting.set(index, settings);
}

/**
 * Takes tasks 0 to N-1 over at once. More may wait than N: tasks are never tombstoned, so compaction leaves those of a
 * larger set behind. A commit for a connector that is not there belongs to a deleted one and is dropped with its tasks.
 */
function applyCommit(state: ConfigState, name: string, value: JsonValue | null | undefined): void {
  const count = isObject(value ?? undefined) ? (value as { [key: string]: JsonValue })['tasks'] : undefined;
  if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 0) return;
  const plannedFrom = state.connectors.get(name);
  const waiting = state.uncommitted.get(name) ?? new Map<number, Settings>();
  state.uncommitted.delete(name);
  if (plannedFrom === undefined) {
    forgetTasks(state, name);
    return;
  }
  const tasks: Settings[] = [];
  for (let index = 0; index < count; index++) {
    const settings = waiting.get(index);
    if (settings === undefined) {
      state.inconsistent.add(name);
      return;
    }
    tasks.push(settings);
  }
  state.inconsistent.delete(name);
  state.taskSets.set(name, { tasks, plannedFrom });
}

function applyTargetState(state: ConfigState, name: string, value: JsonValue | null | undefined): void {
  if (value === null) {
    state.targetStates.delete(name);
    return;
  }
  if (!isObject(value)) return;
  const target = value['state.v2'] ?? value['state'];
  if (target === 'STARTED' || target === 'PAUSED' || target === 'STOPPED') state.targetStates.set(name, target);
}

function forgetTasks(state: ConfigState, name: string): void {
  state.taskSets.delete(name);
  state.uncommitted.delete(name);
  state.inconsistent.delete(name);
}

function restartRequest(connector: string, value: { readonly [key: string]: JsonValue }): RestartRequest {
  return { connector, includeTasks: value['include-tasks'] === true, onlyFailed: value['only-failed'] === true };
}

function propertiesOf(value: JsonValue | undefined): Settings | undefined {
  if (!isObject(value) || !isObject(value['properties'])) return undefined;
  const settings: Record<string, string> = {};
  for (const [key, text] of Object.entries(value['properties'])) {
    if (text !== null) settings[key] = typeof text === 'string' ? text : String(text);
  }
  return settings;
}
