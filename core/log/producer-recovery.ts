/** Brings a partition's producer table to the end of its log: the newest snapshot that verifies, then the batches behind it. */

import path from 'node:path';
import type { Disk } from '../base/disk.ts';
import { batchBaseOffset, batchLastOffset, batchMaxTimestampMs, isControl } from '../protocol/batch-header.ts';
import { decodeMarker, type TransactionMarker } from '../protocol/control-batch.ts';
import type { AbortedTransaction } from './aborted-index.ts';
import { producerStampOf } from './append-check.ts';
import { segmentFileName } from './file-names.ts';
import { decodeSnapshot } from './producer-snapshot.ts';
import type { ProducerTable } from './producer-table.ts';
import { namedOffsets } from './segment-files.ts';

export interface SnapshotSearch {
  readonly folder: string;
  /** Snapshots behind this offset describe batches that are not there; they are removed. */
  readonly endOffset: number;
  /** The batches from here on are replayed in any case: a newer snapshot is of no use. */
  readonly neededFrom: number;
  readonly nowMs: number;
}

/** Fills the table from the newest good snapshot at or below `endOffset`; returns the offset from which batches must be replayed. */
export async function loadNewestSnapshot(disk: Disk, table: ProducerTable, search: SnapshotSearch): Promise<number> {
  const names = (await disk.list(search.folder)).map((entry) => entry.name);
  for (const offset of namedOffsets(names, '.snapshot').reverse()) {
    if (offset > search.neededFrom && offset <= search.endOffset) continue;
    const file = path.join(search.folder, segmentFileName(offset, '.snapshot'));
    const bytes = offset > search.endOffset ? undefined : await disk.readFile(file);
    const entries = bytes === undefined ? undefined : decodeSnapshot(bytes, search.nowMs);
    if (entries !== undefined) {
      table.load(entries);
      return offset;
    }
    await disk.remove(file);
  }
  return 0;
}

/** What an appended batch changes in the table. Sequences are not checked: compaction leaves gaps in them. Returns the transaction it aborts. */
export function replayBatch(
  table: ProducerTable,
  buffer: Buffer,
  { at, nowMs }: { at: number; nowMs: number },
): AbortedTransaction | undefined {
  if (isControl(buffer, at)) return replayMarker(table, buffer, { at, nowMs });
  const stamp = producerStampOf(buffer, at);
  if (stamp === undefined) return undefined;
  const lastKnown = table.get(stamp.producerId)?.batches.at(-1);
  if (lastKnown !== undefined && lastKnown.lastOffset >= batchLastOffset(buffer, at)) return undefined;
  table.record(stamp, {
    baseOffset: batchBaseOffset(buffer, at),
    timestampMs: batchMaxTimestampMs(buffer, at),
    nowMs,
  });
  return undefined;
}

function replayMarker(
  table: ProducerTable,
  buffer: Buffer,
  { at, nowMs }: { at: number; nowMs: number },
): AbortedTransaction | undefined {
  const marker = decodeMarker(buffer, at);
  if (marker === undefined) return undefined;
  const offset = batchBaseOffset(buffer, at);
  const aborted = abortedBy(table, marker, offset);
  table.recordMarker(marker, { offset, nowMs });
  table.transactions.reached(offset + 1);
  return aborted;
}

/** The entry a marker at `offset` adds to the index of aborted transactions; ask before the marker is recorded. */
export function abortedBy(
  table: ProducerTable,
  { producerId, isCommit }: TransactionMarker,
  offset: number,
): AbortedTransaction | undefined {
  const firstOffset = table.get(producerId)?.currentTxnFirstOffset ?? -1;
  if (isCommit || firstOffset === -1) return undefined;
  const lastStableOffset = table.transactions.stableWithout(firstOffset, offset + 1);
  return { producerId, firstOffset, lastOffset: offset, lastStableOffset };
}
