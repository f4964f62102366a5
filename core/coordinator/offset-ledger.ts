/** Committed and staged offsets together, in the order of `__consumer_offsets`: live changes and a replay go through the same rules. */

import { CommittedOffsets, type OffsetPlace } from './committed-offsets.ts';
import type { CommittedOffset } from './group-records.ts';
import { type StagedOffset, StagedOffsets } from './staged-offsets.ts';

/**
 * Of two records for one place the one that stands later in the log counts, also when the earlier one belongs to a
 * transaction whose commit marker comes behind both. That is the order compaction keeps records by; any other order
 * would give another offset after a restart than before it. So a plain commit, a tombstone, or the commit of a later
 * staged offset ends the chances of what was staged before it.
 */
export class OffsetLedger {
  readonly committed = new CommittedOffsets();
  readonly staged = new StagedOffsets();

  /** A record that holds by itself; undefined is a tombstone. */
  put(place: OffsetPlace, value: CommittedOffset | undefined): void {
    this.staged.supersede(place);
    this.committed.apply(place, value);
  }

  stage(producerId: number, offsets: readonly StagedOffset[]): void {
    this.staged.stage(producerId, offsets);
  }

  /** A marker: what the producer staged in one partition of the offsets topic counts from now on, or never. */
  end(producerId: number, isCommit: boolean, isIn: (groupId: string) => boolean): void {
    for (const { place, value, order } of this.staged.end(producerId, isIn)) {
      if (!isCommit) continue;
      this.staged.supersede(place, order);
      this.committed.apply(place, value);
    }
  }
}
