/** What has joined the open transaction: partitions and groups are announced to the coordinator before anything is sent to them. */

import { addOffsetsToTxnApi, addPartitionsToTxnApi, txnOffsetCommitApi } from '../protocol/apis/transactions.ts';
import type { Cluster } from './cluster.ts';
import type { Purpose } from './connection-pool.ts';
import { type AskOptions, CoordinatorLink } from './coordinator-link.ts';
import type { GroupOffset } from './group-offsets.ts';
import type { ProducerIdentity } from './sequencer.ts';
import { worstCode } from './transaction-verdict.ts';

/** A member of the group whose offsets are sent. */
export interface GroupMember {
  readonly memberId: string;
  readonly generationId: number;
}

export interface TransactionMembersOptions {
  readonly cluster: Cluster;
  readonly transactionalId: string;
  /** To the transaction coordinator. */
  readonly link: CoordinatorLink;
  readonly purpose: Purpose;
}

interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

interface GroupOffsets {
  readonly groupId: string;
  readonly offsets: readonly GroupOffset[];
  readonly member: GroupMember | undefined;
}

export class TransactionMembers {
  readonly #options: TransactionMembersOptions;
  readonly #partitions = new Map<string, Set<number>>();
  readonly #groups = new Set<string>();
  /** Bounded by the groups one producer sends offsets of. */
  readonly #groupLinks = new Map<string, CoordinatorLink>();
  /** Requests to join go one after the other, so that nothing is sent to what another call is still announcing. */
  #joining: Promise<unknown> = Promise.resolve();

  constructor(options: TransactionMembersOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#partitions.size === 0 && this.#groups.size === 0;
  }

  /** The transaction has ended. */
  clear(): void {
    this.#partitions.clear();
    this.#groups.clear();
  }

  /** Resolves when the coordinator knows that the transaction reaches these partitions. One request for all that are new. */
  addPartitions(wanted: readonly TopicPartition[], identity: ProducerIdentity, options: AskOptions): Promise<void> {
    return this.#join(async () => {
      const added = this.#missing(wanted);
      if (added.size === 0) return;
      // Noted first: what was asked for and not answered may have joined, and must be ended.
      for (const [topic, partitions] of added) this.#note(topic, partitions);
      const { transactionalId, link } = this.#options;
      const topics = Array.from(added, ([name, partitions]) => ({ name, partitions: [...partitions] }));
      await link.ask(async (connection) => {
        const answer = await connection.request(addPartitionsToTxnApi, { transactionalId, ...identity, topics });
        const results = answer.resultsByTopic.flatMap(({ resultsByPartition }) => resultsByPartition);
        return { errorCode: worstCode(results.map((one) => one.partitionErrorCode)), value: undefined };
      }, options);
    });
  }

  async commitOffsets(what: GroupOffsets, identity: ProducerIdentity, options: AskOptions): Promise<void> {
    const { groupId, offsets, member } = what;
    await this.#join(() => this.#addGroup(groupId, identity, options));
    const { transactionalId } = this.#options;
    const request = { transactionalId, groupId, ...identity, ...member, topics: byTopic(offsets) };
    await this.#groupLink(groupId).ask(async (connection) => {
      const answer = await connection.request(txnOffsetCommitApi, request);
      const results = answer.topics.flatMap(({ partitions }) => partitions);
      return { errorCode: worstCode(results.map(({ errorCode }) => errorCode)), value: undefined };
    }, options);
  }

  async #addGroup(groupId: string, identity: ProducerIdentity, options: AskOptions): Promise<void> {
    if (this.#groups.has(groupId)) return;
    this.#groups.add(groupId);
    const { transactionalId, link } = this.#options;
    await link.ask(async (connection) => {
      const { errorCode } = await connection.request(addOffsetsToTxnApi, { transactionalId, ...identity, groupId });
      return { errorCode, value: undefined };
    }, options);
  }

  #join(request: () => Promise<void>): Promise<void> {
    const joined = this.#joining.then(request);
    this.#joining = joined.catch(() => {});
    return joined;
  }

  #missing(wanted: readonly TopicPartition[]): Map<string, Set<number>> {
    const missing = new Map<string, Set<number>>();
    for (const { topic, partition } of wanted) {
      if (this.#partitions.get(topic)?.has(partition) === true) continue;
      const partitions = missing.get(topic) ?? new Set();
      partitions.add(partition);
      missing.set(topic, partitions);
    }
    return missing;
  }

  #note(topic: string, added: ReadonlySet<number>): void {
    const partitions = this.#partitions.get(topic) ?? new Set();
    for (const partition of added) partitions.add(partition);
    this.#partitions.set(topic, partitions);
  }

  #groupLink(groupId: string): CoordinatorLink {
    let link = this.#groupLinks.get(groupId);
    if (link === undefined) {
      const { cluster, purpose } = this.#options;
      link = new CoordinatorLink({ cluster, key: groupId, kind: 'group', purpose });
      this.#groupLinks.set(groupId, link);
    }
    return link;
  }
}

function byTopic(offsets: readonly GroupOffset[]) {
  return [...new Set(offsets.map(({ topic }) => topic))].map((name) => ({
    name,
    partitions: offsets
      .filter(({ topic }) => topic === name)
      .map(({ partition, offset }) => ({ partitionIndex: partition, committedOffset: offset, committedMetadata: '' })),
  }));
}
