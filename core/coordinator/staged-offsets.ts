/** Offsets that transactions have committed and whose transaction has not ended: they count at its commit marker, or never. */

import type { OffsetPlace } from './committed-offsets.ts';
import type { CommittedOffset } from './group-records.ts';

export interface StagedOffset {
  readonly place: OffsetPlace;
  readonly value: CommittedOffset;
}

export class StagedOffsets {
  /** By producer: a transaction has at most one producer, and a producer one transaction. */
  readonly #staged = new Map<number, StagedOffset[]>();
  /** How many transactions' offsets wait at each place. */
  readonly #pending = new Map<string, number>();

  stage(producerId: number, offsets: readonly StagedOffset[]): void {
    const known = this.#staged.get(producerId) ?? [];
    known.push(...offsets);
    this.#staged.set(producerId, known);
    for (const { place } of offsets) this.#count(place, 1);
  }

  /** Takes out what the producer's transaction staged in one partition of the offsets topic, in the order it came. */
  end(producerId: number, isIn: (groupId: string) => boolean): StagedOffset[] {
    const known = this.#staged.get(producerId) ?? [];
    const ended = known.filter(({ place }) => isIn(place.groupId));
    const kept = known.filter(({ place }) => !isIn(place.groupId));
    if (kept.length === 0) this.#staged.delete(producerId);
    else this.#staged.set(producerId, kept);
    for (const { place } of ended) this.#count(place, -1);
    return ended;
  }

  /** A transaction may still change the offset at this place. */
  isPending(place: OffsetPlace): boolean {
    return this.#pending.has(keyOf(place));
  }

  hasGroup(groupId: string): boolean {
    for (const offsets of this.#staged.values()) {
      if (offsets.some(({ place }) => place.groupId === groupId)) return true;
    }
    return false;
  }

  *all(): Generator<StagedOffset & { readonly producerId: number }, void> {
    for (const [producerId, offsets] of this.#staged) for (const offset of offsets) yield { ...offset, producerId };
  }

  #count(place: OffsetPlace, change: number): void {
    const key = keyOf(place);
    const count = (this.#pending.get(key) ?? 0) + change;
    if (count === 0) this.#pending.delete(key);
    else this.#pending.set(key, count);
  }
}

/** Topic names hold no colon, so two places never share a key. */
const keyOf = ({ groupId, topic, partition }: OffsetPlace): string => `${topic}:${partition}:${groupId}`;
