/** The topics of this broker: names, UUIDs, partition counts and settings, durable before anybody hears of them. */

import type { Logger } from '../base/logger.ts';
import type { Logs } from '../log/log-manager.ts';
import type { PartitionLog } from '../log/partition-log.ts';
import { kafkaErrors } from '../protocol/kafka-errors.ts';
import { type CatalogueFiles, newUuid, type TopicEntry, type TopicState } from './catalogue-files.ts';
import { brokerErrors } from './error-codes.ts';
import { logConfigOf, type TopicConfigs, topicConfigsProblem } from './topic-configs.ts';
import { collisionKey, isInternalTopic, topicNameProblem } from './topic-names.ts';

export interface Topic {
  readonly name: string;
  readonly topicId: string;
  readonly configs: TopicConfigs;
  readonly isInternal: boolean;
  readonly partitions: readonly PartitionLog[];
}

export interface NewTopic {
  readonly name: string;
  readonly partitionCount: number;
  readonly configs: TopicConfigs;
}

/** Why a request cannot be done, in Kafka's code and in words. */
export interface Refusal {
  readonly errorCode: number;
  readonly message: string;
}

/** More partitions of one topic are a mistake on a broker of one node. */
const maxPartitionsPerTopic = 10_000;

export class TopicCatalogue {
  readonly #files: CatalogueFiles;
  readonly #logs: Logs;
  readonly #logger: Logger;
  readonly #byName = new Map<string, Topic>();
  readonly #byId = new Map<string, Topic>();
  readonly #collisionKeys = new Map<string, string>();
  /** Entries of deletions that a crash interrupted. */
  #unfinished: TopicEntry[] = [];
  /** Changes run one after the other: each sees what the one before left. */
  #lastChange: Promise<unknown> = Promise.resolve();

  constructor(files: CatalogueFiles, logs: Logs, logger: Logger) {
    this.#files = files;
    this.#logs = logs;
    this.#logger = logger;
  }

  /** Takes the entries read at start: live topics must be whole, a creation nobody was told of is undone. */
  async load(entries: readonly TopicEntry[]): Promise<void> {
    for (const entry of entries) {
      if (entry.state === 'live') this.#add(entry, this.#existingPartitions(entry));
      else if (entry.state === 'creating') await this.#undoCreation(entry);
      else this.#unfinished.push(entry);
    }
  }

  /** Ends the deletions that a crash interrupted; `forget` runs for each topic before its entry goes. */
  async finishDeletions(forget: (topic: string) => Promise<void>): Promise<void> {
    for (const entry of this.#unfinished) await this.#drop(entry, forget);
    this.#unfinished = [];
  }

  get(name: string): Topic | undefined {
    return this.#byName.get(name);
  }

  getById(topicId: string): Topic | undefined {
    return this.#byId.get(topicId);
  }

  /** In order of creation as far as this run of the process knows it. */
  all(): IterableIterator<Topic> {
    return this.#byName.values();
  }

  partition(topic: string, index: number): PartitionLog | undefined {
    return this.#byName.get(topic)?.partitions[index];
  }

  /** What stands against the topic, without creating it. */
  check(topic: NewTopic): Refusal | undefined {
    const nameProblem = topicNameProblem(topic.name);
    if (nameProblem !== undefined) return { errorCode: kafkaErrors.INVALID_TOPIC_EXCEPTION, message: nameProblem };
    if (this.#byName.has(topic.name)) {
      return { errorCode: kafkaErrors.TOPIC_ALREADY_EXISTS, message: `topic "${topic.name}" already exists` };
    }
    const other = this.#collisionKeys.get(collisionKey(topic.name));
    if (other !== undefined) {
      const message = `topic "${topic.name}" collides with "${other}": they differ only in '.' and '_'`;
      return { errorCode: kafkaErrors.INVALID_TOPIC_EXCEPTION, message };
    }
    if (!(topic.partitionCount >= 1 && topic.partitionCount <= maxPartitionsPerTopic)) {
      const message = `a topic has 1 to ${maxPartitionsPerTopic} partitions, not ${topic.partitionCount}`;
      return { errorCode: kafkaErrors.INVALID_PARTITIONS, message };
    }
    const configProblem = topicConfigsProblem(topic.configs);
    return configProblem === undefined ? undefined : { errorCode: kafkaErrors.INVALID_CONFIG, message: configProblem };
  }

  /** Resolves when the topic is durable and usable. */
  create(topic: NewTopic): Promise<Topic | Refusal> {
    return this.#change(async () => this.check(topic) ?? (await this.#create(topic)));
  }

  /**
   * Resolves when the topic and its data are durably gone; undefined when there was none. `leaving` runs as soon as
   * clients no longer find it, `forget` before its entry goes, and again after a crash in between.
   */
  delete(
    name: string,
    hooks: { leaving: (topic: Topic) => void; forget: (topic: string) => Promise<void> },
  ): Promise<Topic | undefined> {
    return this.#change(async () => {
      const topic = this.#byName.get(name);
      if (topic === undefined) return undefined;
      const entry = entryOf(topic, 'deleting');
      await this.#files.write(entry);
      this.#byName.delete(name);
      this.#byId.delete(topic.topicId);
      this.#collisionKeys.delete(collisionKey(name));
      hooks.leaving(topic);
      await this.#drop(entry, hooks.forget);
      return topic;
    });
  }

  /** Resolves when no change is on its way. */
  async settled(): Promise<void> {
    await this.#lastChange;
  }

  #change<R>(action: () => Promise<R>): Promise<R> {
    const result = this.#lastChange.then(action);
    this.#lastChange = result.catch(() => {});
    return result;
  }

  async #create({ name, partitionCount, configs }: NewTopic): Promise<Topic> {
    const entry: TopicEntry = { name, topicId: newUuid(), partitionCount, configs, state: 'creating' };
    await this.#files.write(entry);
    try {
      const partitions = await this.#createPartitions(entry);
      await this.#files.write({ ...entry, state: 'live' });
      return this.#add(entry, partitions);
    } catch (error) {
      // A full disk, say: leave nothing behind, or the name could not be used before the next start.
      await this.#undoCreation(entry);
      throw error;
    }
  }

  async #createPartitions({ name: topic, topicId, partitionCount, configs }: TopicEntry): Promise<PartitionLog[]> {
    const config = logConfigOf(configs);
    const partitions: PartitionLog[] = [];
    for (let partition = 0; partition < partitionCount; partition++) {
      partitions.push(await this.#logs.createPartition({ topic, partition, topicId, config }));
    }
    return partitions;
  }

  async #undoCreation(entry: TopicEntry): Promise<void> {
    this.#logger.info({ topic: entry.name }, 'undoing a topic creation that was cut short');
    await this.#logs.deleteTopic(entry.name);
    await this.#files.remove(entry.topicId);
  }

  async #drop(entry: TopicEntry, forget: (topic: string) => Promise<void>): Promise<void> {
    await forget(entry.name);
    await this.#logs.deleteTopic(entry.name);
    await this.#files.remove(entry.topicId);
  }

  #existingPartitions(entry: TopicEntry): PartitionLog[] {
    this.#logs.updateConfig(entry.name, logConfigOf(entry.configs));
    return Array.from({ length: entry.partitionCount }, (_, index) => {
      const partition = this.#logs.partition(entry.name, index);
      if (partition !== undefined) return partition;
      const where = `${entry.name}-${index}`;
      throw brokerErrors.error('partition-missing', { message: 'a partition of a topic has no log', where });
    });
  }

  #add(entry: TopicEntry, partitions: readonly PartitionLog[]): Topic {
    const { name, topicId, configs } = entry;
    const topic: Topic = { name, topicId, configs, isInternal: isInternalTopic(name), partitions };
    this.#byName.set(name, topic);
    this.#byId.set(topicId, topic);
    this.#collisionKeys.set(collisionKey(name), name);
    return topic;
  }
}

function entryOf(topic: Topic, state: TopicState): TopicEntry {
  const { name, topicId, configs, partitions } = topic;
  return { name, topicId, configs, partitionCount: partitions.length, state };
}

export function isRefusal(outcome: Topic | Refusal): outcome is Refusal {
  return 'errorCode' in outcome;
}
