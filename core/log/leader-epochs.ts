/** Where the batches of a leader epoch begin and end: pure. */

import type { LeaderEpochEntry } from './checkpoints.ts';

export interface EpochEnd {
  /** The largest epoch up to the asked one that wrote anything; -1 when nothing is known. */
  readonly leaderEpoch: number;
  readonly endOffset: number;
}

/**
 * The entries of the checkpoint with those that are to go there: found in batches, or about to be written. Entries at or behind
 * the start of a later epoch belong to batches that a crash took. The same array when nothing is new.
 */
export function withBegun(
  written: readonly LeaderEpochEntry[],
  begun: readonly LeaderEpochEntry[],
): readonly LeaderEpochEntry[] {
  let entries = written;
  for (const next of begun) {
    const isKnown = entries.some(({ epoch, startOffset }) => epoch === next.epoch && startOffset <= next.startOffset);
    if (isKnown) continue;
    const kept = entries.filter(({ epoch, startOffset }) => epoch < next.epoch && startOffset < next.startOffset);
    entries = [...kept, next];
  }
  return entries;
}

/**
 * `written` are the epochs with batches, in order; `current` is the one every new batch gets, whether it wrote anything
 * yet or not. An epoch this log has not come to is unknown: -1 for both.
 */
export function endOfEpoch(
  asked: number,
  written: readonly LeaderEpochEntry[],
  { current, endOffset }: { readonly current: number; readonly endOffset: number },
): EpochEnd {
  if (asked === current) return { leaderEpoch: asked, endOffset };
  if (asked < 0 || asked > current) return { leaderEpoch: -1, endOffset: -1 };
  // What stands behind the end are epochs whose batches a crash took.
  const known = written.filter((entry) => entry.epoch < current && entry.startOffset < endOffset);
  const start = written.find((entry) => entry.epoch === current)?.startOffset ?? endOffset;
  const next = known.find((entry) => entry.epoch > asked)?.startOffset ?? start;
  const floor = known.findLast((entry) => entry.epoch <= asked);
  return { leaderEpoch: floor?.epoch ?? asked, endOffset: next };
}
