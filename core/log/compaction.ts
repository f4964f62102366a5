/** Compacts one log: tells the cleaner what to do, puts what it has written in the place of the old segments. */

import type { AbortedTransaction } from './aborted-index.ts';
import type { Cleaner } from './cleaner.ts';
import type { CleanedGroup, CleaningJob, CleaningResult } from './cleaning-job.ts';
import type { CompactionPlan } from './compaction-plan.ts';
import type { LogParts } from './log-parts.ts';
import { OffsetIndex } from './offset-index.ts';
import { endsOf } from './producer-ends.ts';
import { Segment } from './segment.ts';
import { swapIn } from './segment-swap.ts';
import type { SteadyTime } from './steady-time.ts';
import { TimeIndex } from './time-index.ts';

export interface CompactionLimits {
  /** Memory for the newest offset of each key; a dirty range with more keys is cleaned in several goes. */
  readonly maxKeyBytes: number;
  readonly maxDecompressedBytes: number;
  /** Read and written together. */
  readonly maxBytesPerSecond: number;
  readonly time: SteadyTime;
  readonly cleaner: Cleaner;
  /** Ends the work between two slices; what was swapped in stays. */
  readonly stop: AbortSignal;
}

/**
 * Does what `plan` says; undefined when it was told to stop, or the log failed or was deleted meanwhile. Must run alone
 * among what changes the segments of this log. Rejects with `log/damaged` and disk errors.
 */
export async function compact(
  parts: LogParts,
  plan: CompactionPlan,
  limits: CompactionLimits,
): Promise<CleaningResult | undefined> {
  const { state, writer } = parts;
  const segments = state.segments.all().filter((segment) => segment !== state.segments.active);
  const first = segments[0]?.baseOffset ?? plan.fromOffset;
  const aborted = await parts.log.abortedTransactions(first, plan.toOffset);
  return limits.cleaner.run(jobOf(parts, plan, { segments, limits, aborted }), {
    isStopped: () => writer.failure !== undefined || limits.stop.aborted,
    swapIn: async (group) => {
      const replaced = segments.filter(({ baseOffset }) => group.replaces.includes(baseOffset));
      const cleaned = segmentOf(state.folder, group);
      await keepAborted(parts, cleaned, new Set(group.goneAborts));
      return swapIn(parts, replaced, cleaned);
    },
  });
}

interface JobParts {
  readonly segments: readonly Segment[];
  readonly limits: CompactionLimits;
  readonly aborted: readonly AbortedTransaction[];
}

/**
 * An entry goes with its marker, and not before: readers leave out what the producer wrote until they come to the marker. One
 * that has read the segments before and gets the entries after finds what was aborted, since it goes a pass before its marker.
 */
async function keepAborted({ log }: LogParts, cleaned: Segment, gone: ReadonlySet<number>): Promise<void> {
  const { baseOffset, nextOffset } = cleaned;
  for (const transaction of await log.abortedTransactions(baseOffset, nextOffset)) {
    const isHere = transaction.lastOffset >= baseOffset && transaction.lastOffset < nextOffset;
    if (isHere && !gone.has(transaction.lastOffset)) cleaned.noteAborted(transaction);
  }
}

function jobOf(
  { state }: LogParts,
  { fromOffset, toOffset }: CompactionPlan,
  { segments, limits, aborted }: JobParts,
): CleaningJob {
  const { maxKeyBytes, maxDecompressedBytes, maxBytesPerSecond, time } = limits;
  return {
    ...{ fromOffset, toOffset, maxKeyBytes, maxDecompressedBytes, maxBytesPerSecond },
    folder: state.folder,
    producers: endsOf(state.producers.entries(), state.highWatermark),
    segments: segments.map(({ baseOffset, nextOffset, sizeBytes, maxTimestampMs }) => ({
      ...{ baseOffset, nextOffset, sizeBytes, maxTimestampMs },
    })),
    config: state.config,
    nowMs: time.atLeastMs(),
    horizonMs: time.atMostMs() + state.config.deleteRetentionMs,
    aborted,
  };
}

function segmentOf(folder: string, group: CleanedGroup): Segment {
  const baseOffset = group.replaces[0]!;
  const segment = Segment.empty({ folder, baseOffset });
  segment.nextOffset = group.nextOffset;
  segment.sizeBytes = group.sizeBytes;
  segment.maxTimestampMs = group.maxTimestampMs;
  segment.offsetOfMaxTimestamp = group.offsetOfMaxTimestamp;
  segment.adoptIndexes(
    new OffsetIndex(baseOffset, Buffer.from(group.offsetIndex)),
    new TimeIndex(baseOffset, Buffer.from(group.timeIndex)),
  );
  return segment;
}
