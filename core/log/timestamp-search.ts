/** Finds records by their timestamps inside batches. */

import { batchMaxTimestampMs, batchSizeBytes } from '../protocol/batch-header.ts';
import { RecordCursor } from '../protocol/record-cursor.ts';

export interface TimestampOffset {
  readonly offset: number;
  readonly timestampMs: number;
}

export interface TimestampQuestion {
  readonly fromOffset: number;
  readonly timestampMs: number;
}

/** The first record of these whole batches at or behind `fromOffset` that is at least as young as `timestampMs`. */
export function firstAtLeast(batches: Buffer, question: TimestampQuestion): TimestampOffset | undefined {
  const cursor = new RecordCursor();
  for (let at = 0; at < batches.length; at += batchSizeBytes(batches, at)) {
    // The header's largest timestamp spares opening batches that are too old.
    if (batchMaxTimestampMs(batches, at) < question.timestampMs) continue;
    cursor.reset(batches.subarray(at, at + batchSizeBytes(batches, at)), question.fromOffset);
    while (cursor.next()) {
      if (cursor.timestampMs >= question.timestampMs) return { offset: cursor.offset, timestampMs: cursor.timestampMs };
    }
  }
  return undefined;
}
