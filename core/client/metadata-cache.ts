/** What the client knows of the cluster: brokers, topics, partition leaders, and how old that knowledge is. Pure. */

import type { Address } from './transport.ts';

export interface PartitionLeader {
  /** Node id; -1 while the partition has no leader. */
  readonly leaderId: number;
  /** -1 when the broker is too old to tell. */
  readonly leaderEpoch: number;
}

export interface TopicMetadata {
  readonly topicId: string | undefined;
  /** By partition index. */
  readonly partitions: readonly (PartitionLeader | undefined)[];
  readonly updatedMs: number;
}

/** A metadata answer in the shape of the protocol's own, as far as it is used. */
export interface MetadataAnswer {
  readonly clusterId?: string | null;
  readonly brokers: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[];
  readonly topics: readonly {
    readonly errorCode: number;
    readonly name: string | null;
    readonly topicId?: string;
    readonly partitions: readonly {
      readonly errorCode: number;
      readonly partitionIndex: number;
      readonly leaderId: number;
      readonly leaderEpoch?: number;
    }[];
  }[];
}

export class MetadataCache {
  #brokers = new Map<number, Address>();
  readonly #topics = new Map<string, TopicMetadata>();
  readonly #errors = new Map<string, number>();
  readonly #stale = new Set<string>();
  clusterId: string | undefined;

  get brokers(): ReadonlyMap<number, Address> {
    return this.#brokers;
  }

  topic(name: string): TopicMetadata | undefined {
    return this.#topics.get(name);
  }

  /** The broker's error code for the topic in the last answer that named it; 0 when it was fine. */
  topicError(name: string): number {
    return this.#errors.get(name) ?? 0;
  }

  leader(topic: string, partition: number): PartitionLeader | undefined {
    const leader = this.#topics.get(topic)?.partitions[partition];
    return leader !== undefined && leader.leaderId >= 0 ? leader : undefined;
  }

  /** True when nothing is known of the topic, or what is known was contradicted. */
  isDoubtful(name: string): boolean {
    return this.#stale.has(name) || !this.#topics.has(name);
  }

  isOlderThan(name: string, nowMs: number, maxAgeMs: number): boolean {
    const known = this.#topics.get(name);
    return known !== undefined && nowMs - known.updatedMs > maxAgeMs;
  }

  /** A broker's answer contradicted what is known of the topic. */
  markStale(name: string): void {
    this.#stale.add(name);
  }

  /** Takes an answer. A leader that is older than the one already known for the same topic does not replace it. */
  apply(answer: MetadataAnswer, nowMs: number): void {
    this.clusterId = answer.clusterId ?? this.clusterId;
    if (answer.brokers.length > 0) {
      this.#brokers = new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
    }
    for (const topic of answer.topics) {
      if (topic.name === null) continue;
      this.#errors.set(topic.name, topic.errorCode);
      if (topic.errorCode !== 0) {
        this.#topics.delete(topic.name);
        continue;
      }
      this.#topics.set(topic.name, this.#merged(topic.name, topic, nowMs));
      this.#stale.delete(topic.name);
    }
  }

  #merged(name: string, answer: MetadataAnswer['topics'][number], nowMs: number): TopicMetadata {
    const before = this.#topics.get(name);
    const isSameTopic = before !== undefined && before.topicId === answer.topicId;
    const partitions: (PartitionLeader | undefined)[] = [];
    for (const { partitionIndex, leaderId, leaderEpoch = -1 } of answer.partitions) {
      const known = isSameTopic ? before.partitions[partitionIndex] : undefined;
      const isOutdated = known !== undefined && leaderEpoch >= 0 && known.leaderEpoch > leaderEpoch;
      partitions[partitionIndex] = isOutdated ? known : { leaderId, leaderEpoch };
    }
    return { topicId: answer.topicId, partitions, updatedMs: nowMs };
  }
}
