/** Compacts one log: finds the newest record of each key, writes the segments anew without the older ones, swaps them in. */

import { batchBaseOffset, batchRecordCount, batchSizeBytes, isControl } from '../protocol/batch-header.ts';
import { RecordCursor } from '../protocol/record-cursor.ts';
import { type FilterRules, filterBatch } from './batch-filter.ts';
import { CleanedSegment } from './cleaned-segment.ts';
import { type CompactionPlan, groupSegments } from './compaction-plan.ts';
import { KeyOffsets } from './key-offsets.ts';
import type { LogParts } from './log-parts.ts';
import type { Segment } from './segment.ts';
import { swapIn } from './segment-swap.ts';
import type { SteadyTime } from './steady-time.ts';
import { wholeBatches } from './whole-batches.ts';

export interface CompactionLimits {
  /** Memory for the newest offset of each key; a dirty range with more keys is cleaned in several goes. */
  readonly maxKeyBytes: number;
  readonly maxDecompressedBytes: number;
  readonly time: SteadyTime;
  /** Ends the work between two slices; what was swapped in stays. */
  readonly stop: AbortSignal;
}

export interface CompactionResult {
  /** The log is clean before this offset. */
  readonly cleanedOffset: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/**
 * Does what `plan` says, in slices between which everything else goes on; undefined when it was told to stop, or the
 * log failed or was deleted meanwhile. Must run alone among what changes the segments of this log. Rejects with `log/damaged` and disk errors.
 */
export async function compact(
  parts: LogParts,
  plan: CompactionPlan,
  limits: CompactionLimits,
): Promise<CompactionResult | undefined> {
  const { state } = parts;
  const search = await newestOffsets(parts, plan, limits);
  const rules = {
    newest: search.newest,
    nowMs: limits.time.atLeastMs(),
    horizonMs: limits.time.atMostMs() + state.config.deleteRetentionMs,
    lastOffsetOfProducer: (id: number) => state.producers.get(id)?.batches.at(-1)?.lastOffset ?? -1,
    maxDecompressedBytes: limits.maxDecompressedBytes,
  };
  const segments = state.segments.all().filter((segment) => segment !== state.segments.active);
  let bytesBefore = 0;
  let bytesAfter = 0;
  for (const group of groupSegments(
    segments.filter((s) => s.baseOffset < search.endOffset),
    state.config,
  )) {
    if (isOver(parts, limits)) return undefined;
    bytesBefore += group.reduce((sum, segment) => sum + segment.sizeBytes, 0);
    bytesAfter += await cleanGroup(parts, group, { rules, limits });
  }
  return isOver(parts, limits) ? undefined : { cleanedOffset: search.endOffset, bytesBefore, bytesAfter };
}

function isOver({ writer }: LogParts, { stop }: CompactionLimits): boolean {
  return writer.failure !== undefined || stop.aborted;
}

interface KeySearch {
  newest: KeyOffsets;
  /** Where the search ended: the end of the plan, or the first batch for which there was no room. */
  endOffset: number;
}

async function newestOffsets(parts: LogParts, plan: CompactionPlan, limits: CompactionLimits): Promise<KeySearch> {
  const { files } = parts.services;
  const newest = new KeyOffsets({ maxKeys: plan.toOffset - plan.fromOffset, maxBytes: limits.maxKeyBytes });
  const search: KeySearch = { newest, endOffset: plan.fromOffset };
  // The checksums are verified where the batches are read.
  const cursor = new RecordCursor({ checkCrcs: false, maxDecompressedBytes: limits.maxDecompressedBytes });
  for (const segment of parts.state.segments.all()) {
    if (segment.nextOffset <= plan.fromOffset || segment.baseOffset >= plan.toOffset) continue;
    for await (const batches of wholeBatches(files, segment)) {
      if (isOver(parts, limits)) return search;
      for (let at = 0; at < batches.length; at += batchSizeBytes(batches, at)) {
        if (isControl(batches, at)) continue;
        if (!hasRoom(search, batchRecordCount(batches, at))) {
          search.endOffset = batchBaseOffset(batches, at);
          return search;
        }
        cursor.reset(batches.subarray(at, at + batchSizeBytes(batches, at)), plan.fromOffset);
        while (cursor.next()) {
          const key = { start: cursor.keyStart, end: cursor.keyEnd };
          if (key.start >= 0) search.newest.set(cursor.bytes, key, cursor.offset);
        }
      }
    }
    search.endOffset = segment.nextOffset;
  }
  return search;
}

/** A single batch is always taken, whatever the limit: otherwise the log would never be cleaned again. */
function hasRoom(search: KeySearch, recordCount: number): boolean {
  if (recordCount <= search.newest.room) return true;
  if (search.newest.count > 0) return false;
  search.newest = new KeyOffsets({ maxKeys: recordCount, maxBytes: Number.POSITIVE_INFINITY });
  return true;
}

/** Writes one segment in place of the group, unless nothing would change; returns the bytes the group takes from then on. */
async function cleanGroup(
  parts: LogParts,
  group: readonly Segment[],
  { rules, limits }: { rules: Omit<FilterRules, 'keepsEmpty'>; limits: CompactionLimits },
): Promise<number> {
  const { disk, files } = parts.services;
  const last = group.at(-1)!;
  const cleaned = await CleanedSegment.create(disk, group[0]!, parts.state.config.indexIntervalBytes);
  let isChanged = false;
  try {
    for (const segment of group) {
      let position = 0;
      for await (const batches of wholeBatches(files, segment)) {
        if (isOver(parts, limits)) return 0;
        for (let at = 0; at < batches.length; at += batchSizeBytes(batches, at)) {
          const batch = batches.subarray(at, at + batchSizeBytes(batches, at));
          position += batch.length;
          const keepsEmpty = segment === last && position === segment.sizeBytes;
          const kept = filterBatch(batch, { ...rules, keepsEmpty });
          isChanged ||= kept !== batch;
          if (kept !== undefined) cleaned.add(kept);
        }
        await cleaned.write();
      }
    }
    const sizeBytes = group.reduce((sum, segment) => sum + segment.sizeBytes, 0);
    if (group.length === 1 && !isChanged) return sizeBytes;
    await cleaned.finish(last.nextOffset);
    await swapIn(parts, group, cleaned.segment);
    return cleaned.segment.sizeBytes;
  } finally {
    await cleaned.close();
  }
}
