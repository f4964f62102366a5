/** Brings a partition's producers, open transactions and indexes of aborted ones to the end of its log. */

import type { Disk } from '../base/disk.ts';
import { batchBaseOffset } from '../protocol/batch-header.ts';
import { AbortedIndex } from './aborted-index.ts';
import { readAbortedIndex } from './aborted-reader.ts';
import { type ActiveCheckpoint, removeActiveCheckpoint } from './active-checkpoint.ts';
import { loadNewestSnapshot, replayBatch } from './producer-recovery.ts';
import { decodeSnapshot } from './producer-snapshot.ts';
import { ProducerTable } from './producer-table.ts';
import type { RecoveryFiles } from './recovery-files.ts';
import type { Segment } from './segment.ts';
import { scanSegment } from './segment-scan.ts';

export interface ProducerRecovery {
  readonly disk: Disk;
  readonly folder: string;
  readonly files: RecoveryFiles;
  readonly isClean: boolean;
  /** Of the active segment. A clean stop wrote a snapshot of the very end instead. */
  readonly checkpoint: ActiveCheckpoint | undefined;
  readonly maxProducers: number;
  readonly nowMs: number;
}

/**
 * After a crash, from the checkpoint of the active segment; else from the newest snapshot on. Batches are read from the
 * first segment whose index of aborted transactions cannot be relied on: one without a file, and after a crash without a
 * checkpoint the last one, whose file a clean stop before may have written.
 */
export async function recoverProducers(
  options: ProducerRecovery,
  segments: readonly Segment[],
): Promise<ProducerTable> {
  const { disk, folder, nowMs } = options;
  const table = new ProducerTable({ maxProducers: options.maxProducers });
  const active = segments.at(-1)!;
  const firstUnknown = await loadAbortedIndexes(options, segments);
  const checked = firstUnknown === segments.length - 1 ? await loadCheckpoint(options, active, table) : undefined;
  if (checked !== undefined) {
    if (checked < active.nextOffset)
      await replaySegment(options, active, { table, fromOffset: checked, isUnknown: true });
    return table;
  }
  const endOffset = active.nextOffset;
  const neededFrom = segments[firstUnknown]?.baseOffset ?? endOffset;
  const fromOffset = await loadNewestSnapshot(disk, table, { folder, endOffset, neededFrom, nowMs });
  let first = segments.length - 1;
  while (first > 0 && segments[first]!.baseOffset > fromOffset) first -= 1;
  for (let index = first; index < segments.length && fromOffset < endOffset; index += 1) {
    const isUnknown = index >= firstUnknown;
    if (isUnknown) segments[index]!.aborted = new AbortedIndex();
    await replaySegment(options, segments[index]!, { table, fromOffset, isUnknown });
  }
  active.aborted ??= new AbortedIndex();
  return table;
}

/** Returns the first segment whose index must be made anew; the number of segments when there is none. */
async function loadAbortedIndexes({ disk, isClean }: ProducerRecovery, segments: readonly Segment[]): Promise<number> {
  for (const [at, segment] of segments.entries()) {
    const isActive = at === segments.length - 1;
    const index = isActive && !isClean ? undefined : await readAbortedIndex(disk, segment);
    if (index === undefined) return at;
    segment.abortedBytes = index.sizeBytes;
    segment.aborted = isActive ? index : undefined;
  }
  return segments.length;
}

/** The producers and aborted transactions as the checkpoint of the active segment has them; the offset from which batches must be replayed, or undefined. */
async function loadCheckpoint(
  { disk, checkpoint, nowMs }: ProducerRecovery,
  active: Segment,
  table: ProducerTable,
): Promise<number | undefined> {
  if (checkpoint === undefined) return undefined;
  if (checkpoint.nextOffset > active.nextOffset) {
    // It describes batches that are gone; others will stand in their places.
    await removeActiveCheckpoint(disk, active.folder);
    return undefined;
  }
  const entries = decodeSnapshot(checkpoint.producers, nowMs);
  if (entries === undefined) return undefined;
  table.load(entries);
  active.aborted = checkpoint.aborted;
  active.abortedBytes = checkpoint.aborted.sizeBytes;
  return checkpoint.nextOffset;
}

async function replaySegment(
  { files, nowMs }: ProducerRecovery,
  segment: Segment,
  { table, fromOffset, isUnknown }: { table: ProducerTable; fromOffset: number; isUnknown: boolean },
): Promise<void> {
  await scanSegment(await files.of(segment), {
    position: segment.indexes?.offsets.lookup(fromOffset) ?? 0,
    sizeBytes: segment.sizeBytes,
    minOffset: segment.baseOffset,
    onBatch: (buffer, at) => {
      if (batchBaseOffset(buffer, at) < fromOffset) return;
      const aborted = replayBatch(table, buffer, { at, nowMs });
      if (aborted !== undefined && isUnknown) segment.noteAborted(aborted);
    },
  });
}
