/** Offsets that transactions have committed and whose transaction has not ended: they count at its commit marker, or never. */

import type { OffsetPlace } from './committed-offsets.ts';
import type { CommittedOffset } from './group-records.ts';

export interface StagedOffset {
  readonly place: OffsetPlace;
  readonly value: CommittedOffset;
}

interface OrderedOffset extends StagedOffset {
  readonly producerId: number;
  /** Grows along the log. */
  readonly order: number;
}

export class StagedOffsets {
  /** By producer: a transaction has at most one producer, and a producer one transaction. */
  readonly #ofProducer = new Map<number, Set<OrderedOffset>>();
  /** By place, in the order of the log. */
  readonly #atPlace = new Map<string, Set<OrderedOffset>>();
  #nextOrder = 0;

  stage(producerId: number, offsets: readonly StagedOffset[]): void {
    for (const { place, value } of offsets) {
      const offset: OrderedOffset = { place, value, producerId, order: this.#nextOrder++ };
      addTo(this.#ofProducer, producerId, offset);
      addTo(this.#atPlace, keyOf(place), offset);
    }
  }

  /** Takes out what the producer's transaction staged in one partition of the offsets topic, in the order it came. */
  end(producerId: number, isIn: (groupId: string) => boolean): OrderedOffset[] {
    const ended = [...(this.#ofProducer.get(producerId) ?? [])].filter(({ place }) => isIn(place.groupId));
    for (const offset of ended) this.#remove(offset);
    return ended;
  }

  /** What was staged at the place before `order`, or at all, is forgotten: something later stands in the log. */
  supersede(place: OffsetPlace, order = Number.POSITIVE_INFINITY): void {
    if (this.#atPlace.size === 0) return;
    for (const offset of this.#atPlace.get(keyOf(place)) ?? []) if (offset.order < order) this.#remove(offset);
  }

  /** A transaction may still change the offset at this place. */
  isPending(place: OffsetPlace): boolean {
    return this.#atPlace.has(keyOf(place));
  }

  hasGroup(groupId: string): boolean {
    for (const offset of this.#all()) if (offset.place.groupId === groupId) return true;
    return false;
  }

  /** Every place where something is staged and `isWanted` says yes, once. */
  places(isWanted: (place: OffsetPlace) => boolean): OffsetPlace[] {
    const places: OffsetPlace[] = [];
    for (const offsets of this.#atPlace.values()) {
      const [first] = offsets;
      if (first !== undefined && isWanted(first.place)) places.push(first.place);
    }
    return places;
  }

  *#all(): Generator<OrderedOffset, void> {
    for (const offsets of this.#ofProducer.values()) yield* offsets;
  }

  #remove(offset: OrderedOffset): void {
    removeFrom(this.#ofProducer, offset.producerId, offset);
    removeFrom(this.#atPlace, keyOf(offset.place), offset);
  }
}

/** Topic names hold no colon, so two places never share a key. */
const keyOf = ({ groupId, topic, partition }: OffsetPlace): string => `${topic}:${partition}:${groupId}`;

function addTo<K>(index: Map<K, Set<OrderedOffset>>, key: K, offset: OrderedOffset): void {
  const offsets = index.get(key) ?? new Set();
  index.set(key, offsets.add(offset));
}

function removeFrom<K>(index: Map<K, Set<OrderedOffset>>, key: K, offset: OrderedOffset): void {
  const offsets = index.get(key);
  offsets?.delete(offset);
  if (offsets?.size === 0) index.delete(key);
}
