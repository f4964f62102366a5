/** Topics as the worker needs them: there, with the right settings, and found by pattern. */

import { matchesWhole } from '../config/index.ts';
import type { SinkPosition } from '../connectors/contract/sink.ts';
import { messageOf } from '../core/base/errors.ts';
import { workerErrors } from './error-codes.ts';

export interface TopicSpec {
  readonly topic: string;
  /** -1 takes the broker's default. */
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly config: Readonly<Record<string, string>>;
}

/** The part of core/client's administration that workers use. */
interface TopicAdmin {
  /** Creates the topics that are missing; those that are there stay as they are. */
  ensureTopics(topics: readonly TopicSpec[]): Promise<unknown>;
  listTopics(): Promise<readonly string[]>;
  /** The settings of a topic by Kafka's names. */
  describeConfigs(topic: string): Promise<Readonly<Record<string, string>>>;
  /** A group's committed offsets. */
  fetchGroupOffsets(groupId: string): Promise<readonly SinkPosition[]>;
}

/** What a task must know of a topic it writes to. */
export interface TopicFacts {
  readonly partitionCount: number;
  /** The topic's `max.message.bytes`: of one record batch. */
  readonly maxBatchBytes: number;
}

export interface TopicsOptions {
  readonly admin: TopicAdmin;
  readonly partitionCount: (topic: string) => Promise<number>;
}

/** Kafka's default of `max.message.bytes`. */
const defaultMaxBatchBytes = 1_048_588;

/** A dead letter holds one record of any topic, which may be larger than what others take. */
const deadLetterConfig = { 'max.message.bytes': String(64 * 1024 * 1024) };

export class Topics {
  readonly #options: TopicsOptions;
  /** Known to be there; bounded by the topics connectors name. */
  readonly #ensured = new Map<string, Promise<TopicFacts>>();
  readonly #listeners = new Set<() => void>();
  #madeCount = 0;

  constructor(options: TopicsOptions) {
    this.#options = options;
  }

  /** Creates the topic with the broker's default settings when it is missing. */
  ensure(topic: string, purpose: 'records' | 'dead letters'): Promise<TopicFacts> {
    const known = this.#ensured.get(topic);
    if (known !== undefined) return known;
    const isDeadLetters = purpose === 'dead letters';
    const spec = { topic, partitions: isDeadLetters ? 1 : -1, replicationFactor: -1 };
    const ensuring = this.create([{ ...spec, config: isDeadLetters ? deadLetterConfig : {} }]).then(() => {
      this.#madeCount++;
      for (const listener of this.#listeners) listener();
      return this.#factsOf(topic);
    });
    this.#ensured.set(topic, ensuring);
    ensuring.catch(() => this.#ensured.delete(topic));
    return ensuring;
  }

  /** Grows with every topic that was made, or was found to be there. */
  get madeCount(): number {
    return this.#madeCount;
  }

  /** Calls `listener` each time that number has grown, until the returned function is called. */
  onMade(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  async #factsOf(topic: string): Promise<TopicFacts> {
    const { admin, partitionCount } = this.#options;
    const [count, configs] = await Promise.all([partitionCount(topic), admin.describeConfigs(topic)]);
    const maxBatchBytes = Number(configs['max.message.bytes'] ?? defaultMaxBatchBytes);
    return { partitionCount: count, maxBatchBytes };
  }

  /** Creates those of the topics that are missing. Throws `worker/topic-unavailable`. */
  async create(topics: readonly TopicSpec[]): Promise<void> {
    try {
      await this.#options.admin.ensureTopics(topics);
    } catch (cause) {
      const where = topics.map(({ topic }) => topic).join(', ');
      throw workerErrors.error('topic-unavailable', { message: messageOf(cause), where, cause });
    }
  }

  /** The topics a sink reads: those it names, or those its pattern matches now. */
  async matching(names: readonly string[] | undefined, pattern: RegExp | undefined): Promise<readonly string[]> {
    if (pattern === undefined) return names ?? [];
    const all = await this.#options.admin.listTopics();
    return all.filter((topic) => matchesWhole(pattern, topic)).sort();
  }

  /**
   * Makes sure of a topic the worker keeps state on; answers its partition count. Throws `worker/topic-not-compacted`
   * for one that would forget what is old (KAFKA-9216).
   */
  async ensureCompacted(topic: string, partitions: number, replicationFactor: number): Promise<number> {
    const { admin, partitionCount } = this.#options;
    await this.create([{ topic, partitions, replicationFactor, config: { 'cleanup.policy': 'compact' } }]);
    const policy = (await admin.describeConfigs(topic))['cleanup.policy'] ?? 'delete';
    if (policy === 'compact') return await partitionCount(topic);
    const message = `the topic has cleanup.policy=${policy}, so the broker would delete what the worker must remember`;
    throw workerErrors.error('topic-not-compacted', { message, where: topic });
  }
}
