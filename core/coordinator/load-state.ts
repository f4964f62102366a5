/** Rebuilds groups and committed offsets from `__consumer_offsets`; the live state must equal what this gives. */

import { decodeGroupValue, decodeKey, decodeOffsetValue, offsetsPartitionOf } from './group-records.ts';
import { type Group, type GroupSnapshot, type Instant, newGroup, restoreGroup } from './group-state.ts';
import { OffsetLedger } from './offset-ledger.ts';
import type { OffsetsLog, OffsetsRecord } from './offsets-log.ts';

export interface CoordinatorState {
  readonly groups: readonly Group[];
  readonly ledger: OffsetLedger;
}

export async function loadCoordinatorState(logs: readonly OffsetsLog[], now: Instant): Promise<CoordinatorState> {
  const ledger = new OffsetLedger();
  const snapshots = new Map<string, GroupSnapshot>();
  for (const [index, log] of logs.entries()) {
    const isHere = (groupId: string) => offsetsPartitionOf(groupId, logs.length) === index;
    await log.replay({
      onRecord(record, transactionOf) {
        if (transactionOf < 0) applyRecord(record, ledger, snapshots);
        else stageRecord(record, transactionOf, ledger);
      },
      onMarker({ producerId, isCommit }) {
        ledger.end(producerId, isCommit, isHere);
      },
    });
  }
  const groups = Array.from(snapshots, ([groupId, snapshot]) => restoreGroup(groupId, snapshot, now));
  const stagedIds = ledger.staged.places(() => true).map(({ groupId }) => groupId);
  const others = new Set([...ledger.committed.groupIds(), ...stagedIds]);
  for (const groupId of others) {
    // Offsets without a group record: committed by clients that assign partitions themselves.
    if (!snapshots.has(groupId)) groups.push(newGroup(groupId, now.wallMs));
  }
  return { groups, ledger };
}

function applyRecord(record: OffsetsRecord, ledger: OffsetLedger, snapshots: Map<string, GroupSnapshot>): void {
  const key = decodeKey(record.key);
  if (key.kind === 'offset') {
    ledger.put(key, record.value === null ? undefined : decodeOffsetValue(record.value));
  } else if (key.kind === 'group') {
    if (record.value === null) snapshots.delete(key.groupId);
    else snapshots.set(key.groupId, decodeGroupValue(record.value));
  }
}

/** Transactions hold offsets only. */
function stageRecord(record: OffsetsRecord, producerId: number, ledger: OffsetLedger): void {
  const key = decodeKey(record.key);
  if (key.kind !== 'offset' || record.value === null) return;
  ledger.stage(producerId, [{ place: key, value: decodeOffsetValue(record.value) }]);
}
