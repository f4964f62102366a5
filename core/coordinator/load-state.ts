/** Rebuilds groups and committed offsets from `__consumer_offsets`; the live state must equal what this gives. */

import { CommittedOffsets } from './committed-offsets.ts';
import { decodeGroupValue, decodeKey, decodeOffsetValue } from './group-records.ts';
import { type Group, type GroupSnapshot, type Instant, newGroup, restoreGroup } from './group-state.ts';
import type { OffsetsLog, OffsetsRecord } from './offsets-log.ts';

export interface CoordinatorState {
  readonly groups: readonly Group[];
  readonly offsets: CommittedOffsets;
}

export async function loadCoordinatorState(logs: readonly OffsetsLog[], now: Instant): Promise<CoordinatorState> {
  const offsets = new CommittedOffsets();
  const snapshots = new Map<string, GroupSnapshot>();
  for (const log of logs) await log.replay((record) => applyRecord(record, offsets, snapshots));
  const groups = Array.from(snapshots, ([groupId, snapshot]) => restoreGroup(groupId, snapshot, now));
  for (const groupId of offsets.groupIds()) {
    // Offsets without a group record: committed by clients that assign partitions themselves.
    if (!snapshots.has(groupId)) groups.push(newGroup(groupId, now.wallMs));
  }
  return { groups, offsets };
}

function applyRecord(record: OffsetsRecord, offsets: CommittedOffsets, snapshots: Map<string, GroupSnapshot>): void {
  const key = decodeKey(record.key);
  if (key.kind === 'offset') {
    offsets.apply(key, record.value === null ? undefined : decodeOffsetValue(record.value));
  } else if (key.kind === 'group') {
    if (record.value === null) snapshots.delete(key.groupId);
    else snapshots.set(key.groupId, decodeGroupValue(record.value));
  }
}
