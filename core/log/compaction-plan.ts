/** What of a compacted log is cleaned next: pure. */

import type { LogConfig } from './log-config.ts';

export interface CompactionSegment {
  readonly baseOffset: number;
  readonly nextOffset: number;
  readonly sizeBytes: number;
  readonly maxTimestampMs: number;
}

export interface CompactionQuestion {
  /** In offset order; the last one is active and never cleaned. */
  readonly segments: readonly CompactionSegment[];
  /** Up to where the log was cleaned before. */
  readonly cleanedOffset: number;
  readonly logStartOffset: number;
  /** Nothing at or behind it is cleaned: consumers may not have seen it, or its transaction is still open. */
  readonly lastStableOffset: number;
  readonly nowMs: number;
}

export interface CompactionPlan {
  /** Records in [from, to) were never compared with each other. */
  readonly fromOffset: number;
  readonly toOffset: number;
  /** The share of the cleanable bytes that is dirty: the dirtiest log goes first. */
  readonly dirtyRatio: number;
}

/** Undefined when there is nothing to clean, or not enough to be worth it. */
export function planCompaction(question: CompactionQuestion, config: LogConfig): CompactionPlan | undefined {
  const { segments, nowMs } = question;
  const first = segments[0];
  if (first === undefined) return undefined;
  const fromOffset = Math.max(question.cleanedOffset, first.baseOffset);
  let toOffset = fromOffset;
  let dirtyBytes = 0;
  let cleanBytes = 0;
  let isOverdue = false;
  for (const segment of segments.slice(0, -1)) {
    if (segment.nextOffset <= fromOffset) {
      cleanBytes += segment.sizeBytes;
      continue;
    }
    const isTooYoung = config.minCompactionLagMs > 0 && nowMs - segment.maxTimestampMs < config.minCompactionLagMs;
    if (isTooYoung || segment.nextOffset > question.lastStableOffset) break;
    isOverdue ||= nowMs - segment.maxTimestampMs > config.maxCompactionLagMs;
    dirtyBytes += segment.sizeBytes;
    toOffset = segment.nextOffset;
  }
  if (toOffset === fromOffset) return undefined;
  const dirtyRatio = dirtyBytes / (cleanBytes + dirtyBytes);
  return isOverdue || dirtyRatio >= config.minCleanableDirtyRatio ? { fromOffset, toOffset, dirtyRatio } : undefined;
}

/** Neighbouring segments that fit together into one, so that what cleaning leaves does not stay in many small files. */
export function groupSegments<S extends CompactionSegment>(segments: readonly S[], config: LogConfig): S[][] {
  const groups: S[][] = [];
  let bytes = 0;
  for (const segment of segments) {
    const group = groups.at(-1);
    const isSpanTooLong = group !== undefined && segment.nextOffset - group[0]!.baseOffset > 0x7fff_ffff;
    if (group === undefined || isSpanTooLong || bytes + segment.sizeBytes > config.segmentBytes) {
      groups.push([segment]);
      bytes = segment.sizeBytes;
    } else {
      group.push(segment);
      bytes += segment.sizeBytes;
    }
  }
  return groups;
}
