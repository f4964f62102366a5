/** The records of the offset topic, as Kafka Connect writes them, and what a replay of them amounts to. Pure. */

import type { SourceOffset, SourcePartition } from '../../connectors/contract/record.ts';
import type { SourcePosition } from '../../connectors/contract/source.ts';
import { canonicalJson, isObject, type JsonValue, parseJson } from './canonical-json.ts';
import type { StoreRecord } from './config-records.ts';

/** A stored source offset with the key it was written under, which an older writer may have serialised in its own order. */
export interface StoredPosition {
  readonly partition: SourcePartition;
  readonly offset: SourceOffset;
  readonly key: string;
}

/** By connector, then by the canonical form of the source partition. */
export type OffsetState = Map<string, Map<string, StoredPosition>>;

/** The key `["connector",{…}]`; equal partitions have equal keys whatever order their members came in. */
export function offsetKey(connector: string, partition: SourcePartition): string {
  return canonicalJson([connector, partition]);
}

/** `key` keeps the one an earlier writer used, so that the new record replaces the old one when the topic is compacted. */
export function offsetRecord(connector: string, position: SourcePosition, key?: string): StoreRecord {
  return {
    key: key ?? offsetKey(connector, position.partition),
    value: position.offset === null ? null : canonicalJson(position.offset),
  };
}

export function applyOffsetRecord(state: OffsetState, record: StoreRecord): void {
  const parsed = parseJson(record.key);
  if (!Array.isArray(parsed) || parsed.length !== 2) return;
  const [connector, partition] = parsed as unknown as readonly [JsonValue, JsonValue];
  if (typeof connector !== 'string' || !isObject(partition)) return;
  const id = canonicalJson(partition);
  const offset = record.value === null ? null : parseJson(record.value);
  if (offset === null) remove(state, connector, id);
  if (!isObject(offset)) return;
  let positions = state.get(connector);
  if (positions === undefined) {
    positions = new Map();
    state.set(connector, positions);
  }
  const stored = { partition: partition as SourcePartition, offset: offset as SourceOffset, key: record.key };
  positions.set(id, stored);
}

function remove(state: OffsetState, connector: string, id: string): void {
  const positions = state.get(connector);
  if (positions === undefined) return;
  positions.delete(id);
  if (positions.size === 0) state.delete(connector);
}
