/** The records of the status topic, as Kafka Connect writes them, and what a replay of them amounts to. Pure. */

import { isObject, type JsonValue, parseJson } from './canonical-json.ts';
import type { StoreRecord } from './config-records.ts';

export type RunState = 'UNASSIGNED' | 'RUNNING' | 'PAUSED' | 'FAILED' | 'RESTARTING' | 'STOPPED';

export interface Status {
  readonly state: RunState;
  /** Why it failed; null otherwise. */
  readonly trace: string | null;
  /** `host:port` of the worker that wrote it. */
  readonly workerId: string;
  readonly generation: number;
  /** The connector's version; null where none is known. */
  readonly version: string | null;
}

/** A topic the connector wrote to or read from, seen first at `discoverTimestampMs`. */
export interface ActiveTopic {
  readonly topic: string;
  readonly connector: string;
  readonly task: number;
  readonly discoverTimestampMs: number;
}

export interface StatusState {
  readonly connectors: Map<string, Status>;
  /** By connector, then by task index. */
  readonly tasks: Map<string, Map<number, Status>>;
  /** By connector, then by topic. */
  readonly topics: Map<string, Map<string, ActiveTopic>>;
}

const runStates: ReadonlySet<string> = new Set(['UNASSIGNED', 'RUNNING', 'PAUSED', 'FAILED', 'RESTARTING', 'STOPPED']);

export function emptyStatusState(): StatusState {
  return { connectors: new Map(), tasks: new Map(), topics: new Map() };
}

export const statusRecords = {
  connector: (name: string, status: Status | null): StoreRecord => ({
    key: `status-connector-${name}`,
    value: encodeStatus(status),
  }),
  task: (name: string, index: number, status: Status | null): StoreRecord => ({
    key: `status-task-${name}-${index}`,
    value: encodeStatus(status),
  }),
  topic: (active: ActiveTopic): StoreRecord => ({
    key: topicKey(active.connector, active.topic),
    value: JSON.stringify({
      topic: {
        name: active.topic,
        connector: active.connector,
        task: active.task,
        discoverTimestamp: active.discoverTimestampMs,
      },
    }),
  }),
  noTopic: (connector: string, topic: string): StoreRecord => ({ key: topicKey(connector, topic), value: null }),
} as const;

export function applyStatusRecord(state: StatusState, record: StoreRecord): void {
  const { key } = record;
  const value = record.value === null ? undefined : parseJson(record.value);
  if (key.startsWith('status-connector-')) {
    setOrDelete(state.connectors, key.slice('status-connector-'.length), decodeStatus(value));
  } else if (key.startsWith('status-task-')) {
    const id = key.slice('status-task-'.length);
    const dash = id.lastIndexOf('-');
    const index = Number(id.slice(dash + 1));
    if (dash <= 0 || !Number.isSafeInteger(index) || index < 0) return;
    setNested(state.tasks, id.slice(0, dash), index, decodeStatus(value));
  } else if (key.startsWith('status-topic-')) {
    const id = key.slice('status-topic-'.length);
    const separator = id.indexOf(':connector-');
    if (separator <= 0) return;
    const connector = id.slice(separator + ':connector-'.length);
    const topic = id.slice(0, separator);
    setNested(state.topics, connector, topic, decodeTopic(value));
  }
}

function topicKey(connector: string, topic: string): string {
  return `status-topic-${topic}:connector-${connector}`;
}

function encodeStatus(status: Status | null): string | null {
  if (status === null) return null;
  const { state, trace, workerId, generation, version } = status;
  return JSON.stringify({ state, trace, worker_id: workerId, generation, version });
}

function decodeStatus(value: JsonValue | undefined): Status | undefined {
  if (!isObject(value)) return undefined;
  const { state, trace, worker_id: workerId, generation, version } = value;
  if (typeof state !== 'string' || !runStates.has(state)) return undefined;
  return {
    state: state as RunState,
    trace: typeof trace === 'string' ? trace : null,
    workerId: typeof workerId === 'string' ? workerId : '',
    generation: typeof generation === 'number' ? generation : 0,
    version: typeof version === 'string' ? version : null,
  };
}

function decodeTopic(value: JsonValue | undefined): ActiveTopic | undefined {
  const active = isObject(value) ? value['topic'] : undefined;
  if (!isObject(active)) return undefined;
  const { name, connector, task, discoverTimestamp } = active;
  if (typeof name !== 'string' || typeof connector !== 'string' || typeof task !== 'number') return undefined;
  return {
    topic: name,
    connector,
    task,
    discoverTimestampMs: typeof discoverTimestamp === 'number' ? discoverTimestamp : 0,
  };
}

function setOrDelete<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}

function setNested<K, V>(map: Map<string, Map<K, V>>, outer: string, inner: K, value: V | undefined): void {
  const members = map.get(outer) ?? new Map<K, V>();
  setOrDelete(members, inner, value);
  setOrDelete(map, outer, members.size === 0 ? undefined : members);
}
