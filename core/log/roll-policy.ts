/** When the active segment ends and the next one begins: pure. */

import type { LogConfig } from './log-config.ts';

export interface RollQuestion {
  readonly baseOffset: number;
  /** Bytes of the segment with everything that is on its way to it. */
  readonly sizeBytes: number;
  readonly indexBytes: number;
  readonly rollBaseMs: number | undefined;
  readonly nowMs: number;
  readonly batchBytes: number;
  readonly batchLastOffset: number;
}

const maxRelativeOffset = 0x7fff_ffff;

/** True when the batch must not go into the segment. An empty segment takes any batch. */
export function mustRoll(question: RollQuestion, config: LogConfig): boolean {
  // Only ended segments are compacted, so none may be open for longer than its records may stay uncompacted.
  const maxAgeMs = config.isCompacted ? Math.min(config.segmentMs, config.maxCompactionLagMs) : config.segmentMs;
  if (question.sizeBytes === 0) return question.batchLastOffset - question.baseOffset > maxRelativeOffset;
  return (
    question.sizeBytes + question.batchBytes > config.segmentBytes ||
    question.indexBytes >= config.segmentIndexBytes ||
    question.batchLastOffset - question.baseOffset > maxRelativeOffset ||
    (question.rollBaseMs !== undefined && question.nowMs - question.rollBaseMs >= maxAgeMs)
  );
}
