/** Rebuilds groups and committed offsets from `__consumer_offsets`; the live state must equal what this gives. */

import { CommittedOffsets } from './committed-offsets.ts';
import { decodeGroupValue, decodeKey, decodeOffsetValue, offsetsPartitionOf } from './group-records.ts';
import { type Group, type GroupSnapshot, type Instant, newGroup, restoreGroup } from './group-state.ts';
import type { OffsetsLog, OffsetsRecord } from './offsets-log.ts';
import { StagedOffsets } from './staged-offsets.ts';

export interface CoordinatorState {
  readonly groups: readonly Group[];
  readonly offsets: CommittedOffsets;
  readonly staged: StagedOffsets;
}

export async function loadCoordinatorState(logs: readonly OffsetsLog[], now: Instant): Promise<CoordinatorState> {
  const offsets = new CommittedOffsets();
  const staged = new StagedOffsets();
  const snapshots = new Map<string, GroupSnapshot>();
  for (const [index, log] of logs.entries()) {
    const isHere = (groupId: string) => offsetsPartitionOf(groupId, logs.length) === index;
    await log.replay({
      onRecord(record, transactionOf) {
        if (transactionOf < 0) applyRecord(record, offsets, snapshots);
        else stageRecord(record, transactionOf, staged);
      },
      onMarker({ producerId, isCommit }) {
        const ended = staged.end(producerId, isHere);
        if (isCommit) for (const { place, value } of ended) offsets.apply(place, value);
      },
    });
  }
  const groups = Array.from(snapshots, ([groupId, snapshot]) => restoreGroup(groupId, snapshot, now));
  const others = new Set([...offsets.groupIds(), ...Array.from(staged.all(), ({ place }) => place.groupId)]);
  for (const groupId of others) {
    // Offsets without a group record: committed by clients that assign partitions themselves.
    if (!snapshots.has(groupId)) groups.push(newGroup(groupId, now.wallMs));
  }
  return { groups, offsets, staged };
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

/** Transactions hold offsets only. */
function stageRecord(record: OffsetsRecord, producerId: number, staged: StagedOffsets): void {
  const key = decodeKey(record.key);
  if (key.kind !== 'offset' || record.value === null) return;
  staged.stage(producerId, [{ place: key, value: decodeOffsetValue(record.value) }]);
}
