/** Committed offsets in memory: exactly what a replay of `__consumer_offsets` gives. */

import type { CommittedOffset } from './group-records.ts';

type Partitions = Map<number, CommittedOffset>;

export interface TopicOffsets {
  readonly topic: string;
  readonly partitions: ReadonlyMap<number, CommittedOffset>;
}

export interface OffsetPlace {
  readonly groupId: string;
  readonly topic: string;
  readonly partition: number;
}

export class CommittedOffsets {
  readonly #groups = new Map<string, Map<string, Partitions>>();

  /** Called in the order of the log only; a tombstone is `undefined`. */
  apply({ groupId, topic, partition }: OffsetPlace, offset: CommittedOffset | undefined): void {
    if (offset === undefined) this.#remove(groupId, topic, partition);
    else this.#partitions(groupId, topic).set(partition, offset);
  }

  get({ groupId, topic, partition }: OffsetPlace): CommittedOffset | undefined {
    return this.#groups.get(groupId)?.get(topic)?.get(partition);
  }

  hasGroup(groupId: string): boolean {
    return this.#groups.has(groupId);
  }

  groupIds(): IterableIterator<string> {
    return this.#groups.keys();
  }

  ofGroup(groupId: string): TopicOffsets[] {
    const topics = this.#groups.get(groupId);
    if (topics === undefined) return [];
    return Array.from(topics, ([topic, partitions]) => ({ topic, partitions }));
  }

  /** Every place where some group holds an offset of the topic. */
  placesOfTopic(topic: string): OffsetPlace[] {
    const places: OffsetPlace[] = [];
    for (const [groupId, topics] of this.#groups) {
      for (const partition of topics.get(topic)?.keys() ?? []) places.push({ groupId, topic, partition });
    }
    return places;
  }

  /**
   * The group's offsets whose time is over: `retentionMs` after the group became empty, or after the commit when
   * that was later or the group never had members.
   */
  expired(
    groupId: string,
    rule: { nowMs: number; retentionMs: number; emptySinceMs: number | undefined },
  ): OffsetPlace[] {
    const places: OffsetPlace[] = [];
    for (const { topic, partitions } of this.ofGroup(groupId)) {
      for (const [partition, { commitTimestampMs }] of partitions) {
        const startMs = Math.max(commitTimestampMs, rule.emptySinceMs ?? commitTimestampMs);
        if (rule.nowMs - startMs >= rule.retentionMs) places.push({ groupId, topic, partition });
      }
    }
    return places;
  }

  #partitions(groupId: string, topic: string): Partitions {
    const topics = this.#groups.get(groupId) ?? new Map<string, Partitions>();
    this.#groups.set(groupId, topics);
    const partitions = topics.get(topic) ?? new Map<number, CommittedOffset>();
    topics.set(topic, partitions);
    return partitions;
  }

  #remove(groupId: string, topic: string, partition: number): void {
    const topics = this.#groups.get(groupId);
    const partitions = topics?.get(topic);
    if (topics === undefined || partitions === undefined) return;
    partitions.delete(partition);
    if (partitions.size === 0) topics.delete(topic);
    if (topics.size === 0) this.#groups.delete(groupId);
  }
}
