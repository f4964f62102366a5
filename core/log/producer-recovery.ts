/** Brings a partition's producer table to the end of its log: the newest snapshot that verifies, then the batches behind it. */

import path from 'node:path';
import type { Disk } from '../base/disk.ts';
import { batchBaseOffset, batchLastOffset, batchMaxTimestampMs, isTransactional } from '../protocol/batch-header.ts';
import { producerStampOf } from './append-check.ts';
import { segmentFileName } from './file-names.ts';
import { decodeSnapshot } from './producer-snapshot.ts';
import type { ProducerTable } from './producer-table.ts';
import { namedOffsets } from './segment-files.ts';

export interface SnapshotSearch {
  readonly folder: string;
  /** Snapshots behind this offset describe batches that are not there; they are removed. */
  readonly endOffset: number;
  readonly nowMs: number;
}

/** Fills the table from the newest good snapshot at or below `endOffset`; returns the offset from which batches must be replayed. */
export async function loadNewestSnapshot(disk: Disk, table: ProducerTable, search: SnapshotSearch): Promise<number> {
  const names = (await disk.list(search.folder)).map((entry) => entry.name);
  for (const offset of namedOffsets(names, '.snapshot').reverse()) {
    const file = path.join(search.folder, segmentFileName(offset, '.snapshot'));
    const bytes = offset > search.endOffset ? undefined : await disk.readFile(file);
    const entries = bytes === undefined ? undefined : decodeSnapshot(bytes, search.nowMs);
    if (entries !== undefined) {
      for (const entry of entries) table.put(entry);
      return offset;
    }
    await disk.remove(file);
  }
  return 0;
}

/** What an appended batch changes in the table. Sequences are not checked: compaction leaves gaps in them. */
export function replayBatch(table: ProducerTable, buffer: Buffer, { at, nowMs }: { at: number; nowMs: number }): void {
  const stamp = producerStampOf(buffer, at);
  if (stamp === undefined) return;
  const lastKnown = table.get(stamp.producerId)?.batches.at(-1);
  if (lastKnown !== undefined && lastKnown.lastOffset >= batchLastOffset(buffer, at)) return;
  table.record(stamp, {
    baseOffset: batchBaseOffset(buffer, at),
    timestampMs: batchMaxTimestampMs(buffer, at),
    isTransactional: isTransactional(buffer, at),
    nowMs,
  });
}
