/** Which segments a log may drop off its front: pure. */

import type { LogConfig } from './log-config.ts';

/** What the plan needs to know of a segment. */
interface RetentionSegment {
  readonly baseOffset: number;
  readonly nextOffset: number;
  readonly sizeBytes: number;
  /** -1 when no record of it has a timestamp; such a segment never expires by age. */
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

/** By age, by size and by the log start; never a segment that consumers may not have seen. A log that is only compacted drops only what lies before its start. */
export function planRetention(question: RetentionQuestion, config: LogConfig): RetentionPlan {
  const { segments, highWatermark, logStartOffset } = question;
  const isExpired = (segment: RetentionSegment) =>
    config.isDeleted &&
    config.retentionMs >= 0 &&
    segment.maxTimestampMs >= 0 &&
    question.nowMs - segment.maxTimestampMs > config.retentionMs;
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
