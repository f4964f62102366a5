/** The topics of this broker: names, UUIDs, partition counts and settings, durable before anybody hears of them. */

import { mapConcurrently } from '../base/concurrently.ts';
import type { Logger } from '../base/logger.ts';
import type { Logs } from '../log/log-manager.ts';
import type { PartitionLog } from '../log/partition-log.ts';
import { kafkaErrors } from '../protocol/kafka-errors.ts';
import { type CatalogueFiles, newUuid, type TopicEntry, type TopicState } from './catalogue-files.ts';
import { brokerErrors } from './error-codes.ts';
import { logConfigOf, type TopicConfigs, topicConfigsProblem } from './topic-configs.ts';
import { TopicCreations } from './topic-creations.ts';
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

/** Drops what others know of a topic that is being deleted; it runs again when it failed. */
type Forget = (topic: string) => Promise<void>;

/** Makes the new settings of a topic from the ones it has. */
export type ConfigChange = (configs: TopicConfigs) => TopicConfigs | Refusal;

/** More partitions of one topic are a mistake on a broker of one node. */
const maxPartitionsPerTopic = 10_000;

/** Partitions of one topic made at the same time: the syncs of their files and folders go together. */
const concurrentPartitions = 4;

export class TopicCatalogue {
  readonly #files: CatalogueFiles;
  readonly #logs: Logs;
  readonly #logger: Logger;
  readonly #byName = new Map<string, Topic>();
  readonly #byId = new Map<string, Topic>();
  readonly #collisionKeys = new Map<string, string>();
  /** Deletions that a crash or a failure interrupted, by name: each must end before the name can be used again. */
  readonly #unfinished = new Map<string, TopicEntry>();
  readonly #creations = new TopicCreations<NewTopic, Topic | Refusal>({
    inTurn: (work) => this.#change(work),
    create: (topic) => this.#createChecked(topic),
  });
  #forget: Forget = async () => {};
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
      if (entry.state === 'live') await this.#loadLive(entry);
      else if (entry.state === 'creating') await this.#undoCreation(entry);
      else this.#unfinished.set(entry.name, entry);
    }
  }

  /** Ends the deletions that a crash interrupted; `forget` runs for each topic before its entry goes, now and in every later deletion. */
  async finishDeletions(forget: Forget): Promise<void> {
    this.#forget = forget;
    for (const name of [...this.#unfinished.keys()]) await this.#finishDeletion(name);
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

  /** Resolves when the topic is durable and usable. Those that wait together are made together. */
  create(topic: NewTopic): Promise<Topic | Refusal> {
    return this.#creations.add(topic);
  }

  /**
   * Resolves when the topic and its data are durably gone; undefined when there was none. `onLeaving` runs as soon as
   * clients no longer find it; what `finishDeletions` was given, before its entry goes.
   */
  delete(name: string, onLeaving: (topic: Topic) => void): Promise<Topic | undefined> {
    return this.#change(async () => {
      const topic = this.#byName.get(name);
      if (topic === undefined) return undefined;
      const entry = entryOf(topic, 'deleting');
      await this.#files.write(entry);
      this.#unfinished.set(name, entry);
      this.#byName.delete(name);
      this.#byId.delete(topic.topicId);
      this.#collisionKeys.delete(collisionKey(name));
      onLeaving(topic);
      await this.#finishDeletion(name);
      return topic;
    });
  }

  /** What stands against giving the topic that many partitions in all, without doing it. */
  checkGrowth(name: string, partitionCount: number): Refusal | undefined {
    const topic = this.#byName.get(name);
    if (topic === undefined) return unknownTopic(name);
    if (topic.isInternal) {
      // The coordinators find their records by the number of partitions.
      return { errorCode: kafkaErrors.INVALID_TOPIC_EXCEPTION, message: 'internal topics keep their partitions' };
    }
    const known = topic.partitions.length;
    if (partitionCount > known && partitionCount <= maxPartitionsPerTopic) return undefined;
    const limits = `it can have ${known + 1} to ${maxPartitionsPerTopic}`;
    const message = `topic "${name}" has ${known} partitions; ${limits}, not ${partitionCount}`;
    return { errorCode: kafkaErrors.INVALID_PARTITIONS, message };
  }

  /** Resolves when the topic durably has that many partitions; after a crash it has all of them or as many as before. */
  grow(name: string, partitionCount: number): Promise<Topic | Refusal> {
    return this.#change(async () => this.checkGrowth(name, partitionCount) ?? (await this.#grow(name, partitionCount)));
  }

  /** What stands against the change of the topic's settings, or the settings it would have. */
  checkConfigs(name: string, change: ConfigChange): TopicConfigs | Refusal {
    const topic = this.#byName.get(name);
    if (topic === undefined) return unknownTopic(name);
    const configs = change(topic.configs);
    if (isRefusal(configs)) return configs;
    const problem = topicConfigsProblem(configs) ?? (topic.isInternal ? internalConfigsProblem(configs) : undefined);
    return problem === undefined ? configs : { errorCode: kafkaErrors.INVALID_CONFIG, message: problem };
  }

  /** Resolves when the settings are durable and in force; `change` sees what the change before it left. */
  alterConfigs(name: string, change: ConfigChange): Promise<Topic | Refusal> {
    return this.#change(async () => {
      const configs = this.checkConfigs(name, change);
      if (isRefusal(configs)) return configs;
      const entry = { ...entryOf(this.#byName.get(name) as Topic, 'live'), configs };
      await this.#files.write(entry);
      this.#logs.updateConfig(name, logConfigOf(configs));
      return this.#add(entry, (this.#byName.get(name) as Topic).partitions);
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

  async #createChecked(topic: NewTopic): Promise<Topic | Refusal> {
    const refusal = this.check(topic);
    if (refusal !== undefined) return refusal;
    await this.#finishDeletion(topic.name);
    return this.#create(topic);
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

  async #createPartitions(entry: TopicEntry, fromPartition = 0): Promise<PartitionLog[]> {
    const { name: topic, topicId, partitionCount, configs } = entry;
    const config = logConfigOf(configs);
    const missing = Array.from({ length: partitionCount - fromPartition }, (_, index) => fromPartition + index);
    return mapConcurrently(missing, concurrentPartitions, (partition) =>
      this.#logs.createPartition({ topic, partition, topicId, config }),
    );
  }

  async #grow(name: string, partitionCount: number): Promise<Topic> {
    const topic = this.#byName.get(name) as Topic;
    const entry = { ...entryOf(topic, 'live'), partitionCount };
    try {
      const added = await this.#createPartitions(entry, topic.partitions.length);
      await this.#files.write(entry);
      return this.#add(entry, [...topic.partitions, ...added]);
    } catch (error) {
      await this.#logs.deletePartitions(name, topic.partitions.length);
      throw error;
    }
  }

  /** Partitions behind the last one come from a growth that a crash cut short; nobody was told of them. */
  async #loadLive(entry: TopicEntry): Promise<void> {
    await this.#logs.deletePartitions(entry.name, entry.partitionCount);
    this.#add(entry, this.#existingPartitions(entry));
  }

  async #undoCreation(entry: TopicEntry): Promise<void> {
    this.#logger.info({ topic: entry.name }, 'undoing a topic creation that was cut short');
    await this.#logs.deleteTopic(entry.name);
    await this.#files.remove(entry.topicId);
  }

  async #finishDeletion(name: string): Promise<void> {
    const entry = this.#unfinished.get(name);
    if (entry === undefined) return;
    await this.#forget(name);
    await this.#logs.deleteTopic(name);
    await this.#files.remove(entry.topicId);
    this.#unfinished.delete(name);
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

function unknownTopic(name: string): Refusal {
  return { errorCode: kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION, message: `there is no topic "${name}"` };
}

/** With any other policy the coordinators would lose what they have promised to keep. */
function internalConfigsProblem(configs: TopicConfigs): string | undefined {
  return configs['cleanup.policy'] === 'compact' ? undefined : 'cleanup.policy of an internal topic must stay compact';
}

export function isRefusal(outcome: object): outcome is Refusal {
  return 'errorCode' in outcome;
}
