/** Administration over kafkajs: topics, their settings, and groups. */

import kafkajs, { type Admin as KafkajsAdmin } from 'kafkajs';
import { messageOf } from '../base/errors.ts';
import { backoffMs, retryBackoff } from './backoff.ts';
import type { Cluster } from './cluster.ts';
import { clientErrors } from './error-codes.ts';
import { type FetchOffsetsOptions, fetchGroupOffsets, type GroupOffset, setGroupOffsets } from './group-offsets.ts';
import { createKafkajs, kafkajsError } from './kafkajs-client.ts';

const { ConfigResourceTypes } = kafkajs;

export interface TopicSpec {
  readonly topic: string;
  readonly partitions: number;
  /** The broker's default unless told. */
  readonly replicationFactor?: number | undefined;
  readonly config?: Readonly<Record<string, string>> | undefined;
}

export interface EnsuredTopic {
  readonly topic: string;
  readonly wasCreated: boolean;
  /** As it is now; an existing topic keeps its own count. */
  readonly partitions: number;
}

export interface GroupSummary {
  readonly groupId: string;
  readonly state: string;
  readonly protocolType: string;
  readonly members: readonly { readonly memberId: string; readonly clientId: string; readonly clientHost: string }[];
}

/** Connects when first used. Every call rejects with `client/unreachable`, `client/coordination` or what it names itself. */
export function openAdmin(cluster: Cluster): Admin {
  return new Admin(cluster);
}

export class Admin {
  readonly #cluster: Cluster;
  readonly #admin: KafkajsAdmin;
  #connecting: Promise<void> | undefined;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    const { bootstrapServers, clientId, limits } = cluster;
    this.#admin = createKafkajs({ bootstrapServers, clientId, ...limits, logger: cluster.logger }).admin();
  }

  /** Creates what is missing, and touches nothing that exists. Safe to call from several processes at once. */
  async ensureTopics(specs: readonly TopicSpec[], signal?: AbortSignal): Promise<EnsuredTopic[]> {
    const existing = new Set(await this.listTopics());
    const ensured: EnsuredTopic[] = [];
    for (const spec of specs) {
      const wasCreated = !existing.has(spec.topic) && (await this.#create(spec));
      const partitions = await this.#cluster.partitionCount(spec.topic, signal);
      ensured.push({ topic: spec.topic, wasCreated, partitions });
    }
    return ensured;
  }

  async listTopics(): Promise<string[]> {
    return this.#patiently(() => this.#call('listing topics', (admin) => admin.listTopics()));
  }

  async deleteTopics(topics: readonly string[]): Promise<void> {
    await this.#call('deleting topics', (admin) => admin.deleteTopics({ topics: [...topics] }), topics.join(', '));
    for (const topic of topics) this.#cluster.markStale(topic);
  }

  /** The settings of a topic, defaults included. */
  async describeConfigs(topic: string): Promise<Record<string, string>> {
    const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic }];
    const request = { resources, includeSynonyms: false };
    const describe = () => this.#call('describing a topic', (admin) => admin.describeConfigs(request), topic);
    const { resources: answers } = await this.#patiently(describe);
    const entries = answers[0]?.configEntries ?? [];
    return Object.fromEntries(entries.map(({ configName, configValue }) => [configName, configValue]));
  }

  async listGroups(): Promise<string[]> {
    const { groups } = await this.#call('listing groups', (admin) => admin.listGroups());
    return groups.map(({ groupId }) => groupId);
  }

  async describeGroups(groupIds: readonly string[]): Promise<GroupSummary[]> {
    const { groups } = await this.#call('describing groups', (admin) => admin.describeGroups([...groupIds]));
    return groups.map(({ groupId, state, protocolType, members }) => ({
      groupId,
      state,
      protocolType,
      members: members.map(({ memberId, clientId, clientHost }) => ({ memberId, clientId, clientHost })),
    }));
  }

  /** What a group has committed, in all partitions or in those named. */
  fetchGroupOffsets(groupId: string, options?: FetchOffsetsOptions): Promise<GroupOffset[]> {
    return fetchGroupOffsets(this.#cluster, groupId, options);
  }

  /** Sets offsets of a group without members; rejects with `client/group-fenced` when it has some. */
  setGroupOffsets(groupId: string, offsets: readonly GroupOffset[], signal?: AbortSignal): Promise<void> {
    return setGroupOffsets(this.#cluster, groupId, offsets, signal);
  }

  /** Idempotent. */
  async close(): Promise<void> {
    if (this.#connecting !== undefined) await this.#admin.disconnect().catch(() => {});
  }

  /** False when somebody else created it in between. */
  async #create({ topic, partitions, replicationFactor = -1, config = {} }: TopicSpec): Promise<boolean> {
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
    const topics = [{ topic, numPartitions: partitions, replicationFactor, configEntries }];
    // Not waited for here: kafkajs fails when the broker it asks has not heard of the topic yet.
    const create = () =>
      this.#call('creating a topic', (admin) => admin.createTopics({ topics, waitForLeaders: false }), topic);
    return this.#patiently(create);
  }

  /**
   * Calls again what may be called twice: brokers come back, and in a cluster not each of them has heard of a topic that
   * was created a moment ago.
   */
  async #patiently<T>(call: () => Promise<T>): Promise<T> {
    const { clock, limits, closing } = this.#cluster;
    const deadlineMs = clock.monotonicMs() + limits.giveUpAfterMs;
    for (let attempt = 1; ; attempt++) {
      try {
        return await call();
      } catch (error) {
        const isUnheardOf = messageOf(error).includes('UNKNOWN_TOPIC_OR_PARTITION');
        const mayPass = isUnheardOf || clientErrors.is(error, 'unreachable');
        if (!mayPass || clock.monotonicMs() > deadlineMs) throw error;
        await clock.sleep(backoffMs(retryBackoff, attempt, Math.random()), closing);
      }
    }
  }

  async #call<T>(what: string, call: (admin: KafkajsAdmin) => Promise<T>, where?: string): Promise<T> {
    try {
      this.#connecting ??= this.#admin.connect();
      await this.#connecting;
      return await call(this.#admin);
    } catch (error) {
      // The next call connects anew: kafkajs does not always find its way back.
      this.#connecting = undefined;
      throw kafkajsError(error, what, where);
    }
  }
}
