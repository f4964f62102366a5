/** Which segments a log may drop off its front: pure. */

import type { LogConfig } from './log-config.ts';

/** What the plan needs to know of a segment. */
interface RetentionSegment {
  readonly baseOffset: number;
  readonly nextOffset: number;
  readonly sizeBytes: number;
  /** -1 when no record of it has a timestamp. */
  readonly maxTimestampMs: number;
}

export interface RetentionQuestion {
  /** In offset order; the last one is active. */
  readonly segments: readonly RetentionSegment[];
  readonly logStartOffset: number;
  readonly highWatermark: number;
  readonly nowMs: number;
}

export interface RetentionPlan {
  /** How many segments go, counted from the front. */
  readonly dropCount: number;
  /** The active segment is expired as well: end it first, then ask again. */
  readonly rollFirst: boolean;
}

/** Timestamps this far ahead of the clock are somebody's mistake. */
const believedAheadMs = 3_600_000;

/** True when the timestamps of a segment say when it was written; its age is then nobody else's business. */
export function hasOwnAge({ maxTimestampMs }: { readonly maxTimestampMs: number }, nowMs: number): boolean {
  return maxTimestampMs >= 0 && maxTimestampMs <= nowMs + believedAheadMs;
}

/**
 * What the age of a segment counts from. One whose records have no timestamps, or such of the future, was written before the
 * segments behind it: it is as old as the first of those that says. Undefined when none does.
 */
function ageOf(segment: RetentionSegment, { segments, nowMs }: RetentionQuestion): number | undefined {
  for (let index = segments.indexOf(segment); index < segments.length; index += 1) {
    const { maxTimestampMs } = segments[index]!;
    if (hasOwnAge(segments[index]!, nowMs)) return maxTimestampMs;
  }
  return undefined;
}

/** By age, by size and by the log start; never a segment that consumers may not have seen. A log that is only compacted drops only what lies before its start. */
export function planRetention(question: RetentionQuestion, config: LogConfig): RetentionPlan {
  const { segments, highWatermark, logStartOffset } = question;
  const isExpired = (segment: RetentionSegment) => {
    if (!config.isDeleted || config.retentionMs < 0) return false;
    const timestampMs = ageOf(segment, question);
    return timestampMs !== undefined && question.nowMs - timestampMs > config.retentionMs;
  };
  let excessBytes =
    config.isDeleted && config.retentionBytes >= 0
      ? segments.reduce((sum, segment) => sum + segment.sizeBytes, 0) - config.retentionBytes
      : 0;
  let dropCount = 0;
  for (const segment of segments) {
    const isVisible = segment.nextOffset <= highWatermark;
    // Kafka's rule: a segment goes only if the log without it is still at least as large as the limit.
    const isExcess = excessBytes > 0 && excessBytes >= segment.sizeBytes;
    if (!isVisible || !(isExpired(segment) || isExcess || segment.nextOffset <= logStartOffset)) break;
    excessBytes -= segment.sizeBytes;
    dropCount += 1;
  }
  const reachesActive = dropCount === segments.length;
  const active = segments.at(-1);
  const rollFirst = reachesActive && active !== undefined && active.sizeBytes > 0 && isExpired(active);
  return { dropCount: reachesActive ? segments.length - 1 : dropCount, rollFirst };
}
