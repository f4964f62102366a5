/** One kafkajs consumer as a group membership and nothing else: every partition paused, no record ever fetched by it. */

import kafkajs, { type Assigner, type Consumer, type PartitionAssigner } from 'kafkajs';
import { type Assignor, range, roundRobin } from './assignors.ts';
import type { Cluster } from './cluster.ts';
import { clientErrors } from './error-codes.ts';
import { createKafkajs, kafkajsError, rootOf } from './kafkajs-client.ts';

const { AssignerProtocol } = kafkajs;

export interface GroupPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface GroupPosition extends GroupPartition {
  /** The next offset to read. */
  readonly offset: number;
}

export interface GroupConsumerOptions {
  readonly cluster: Cluster;
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  /** About to join: nothing is sent to the coordinator until it resolves. Not `orderly` when the membership was lost. */
  beforeJoin(isOrderly: boolean): Promise<void>;
  joined(partitions: readonly GroupPartition[]): void;
  /** The coordinator answered. */
  alive(): void;
  /** It will do nothing more by itself. */
  died(error: unknown): void;
}

/** How often kafkajs looks whether a heartbeat is due while all is paused. */
const idleMs = 250;

/** Kafka's own names for them, so that Java clients may be members of the same group. */
const assignors: readonly (readonly [name: string, assignor: Assignor])[] = [
  ['roundrobin', roundRobin],
  ['range', range],
];

/** What kafkajs raises for a member that the coordinator no longer counts, or not in this generation. */
const fencedTypes: ReadonlySet<string> = new Set([
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'REBALANCE_IN_PROGRESS',
  'FENCED_INSTANCE_ID',
]);

export class GroupConsumer {
  readonly #options: GroupConsumerOptions;
  readonly #consumer: Consumer;
  #isRebalanceAnnounced = false;
  #isStopped = false;
  /** Settles when the first join is over. */
  #started: Promise<void> = Promise.resolve();
  #confirmedCommits = 0;
  #lastCommit: Promise<void> = Promise.resolve();

  constructor(options: GroupConsumerOptions) {
    this.#options = options;
    const { cluster, groupId, sessionTimeoutMs, rebalanceTimeoutMs, heartbeatIntervalMs } = options;
    const { bootstrapServers, clientId, limits } = cluster;
    const logger = cluster.logger.child({ groupId });
    this.#consumer = createKafkajs({ bootstrapServers, clientId, ...limits, logger }).consumer({
      groupId,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: rebalanceTimeoutMs,
      heartbeatInterval: heartbeatIntervalMs,
      maxWaitTimeInMs: Math.min(idleMs, heartbeatIntervalMs),
      metadataMaxAge: limits.metadataMaxAgeMs,
      allowAutoTopicCreation: false,
      readUncommitted: true,
      partitionAssigners: assignors.map(([name, assignor]) => this.#assigner(name, assignor)),
    });
    this.#listen();
  }

  /** Resolves once the first join is over, well or not (`died` is called then). */
  start(): Promise<void> {
    this.#started = this.#start();
    return this.#started;
  }

  async #start(): Promise<void> {
    const { topics, groupId } = this.#options;
    try {
      await this.#consumer.connect();
      await this.#consumer.subscribe({ topics: [...topics] });
      await this.#consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: () => Promise.resolve() });
    } catch (error) {
      throw kafkajsError(error, 'joining the group', groupId);
    }
  }

  /**
   * Commits under the member's generation, one call after the other. Rejects with `client/group-fenced` when the group
   * has moved on, with `client/coordination` or `client/unreachable` otherwise.
   */
  commit(positions: readonly GroupPosition[]): Promise<void> {
    const done = this.#lastCommit.then(() => this.#commit(positions));
    this.#lastCommit = done.catch(() => {});
    return done;
  }

  /**
   * Leaves the group. Never rejects. A first join under way is waited for, and no other begins: kafkajs, told to stop
   * during it, would join all the same, keep its partitions with heartbeats for ever, and nobody could stop it any more.
   */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#started.catch(() => {});
    await this.#consumer.disconnect().catch(() => {});
  }

  async #commit(positions: readonly GroupPosition[]): Promise<void> {
    const { groupId } = this.#options;
    const confirmedBefore = this.#confirmedCommits;
    try {
      await this.#consumer.commitOffsets(
        positions.map((position) => ({ ...position, offset: String(position.offset) })),
      );
    } catch (error) {
      const { type } = rootOf(error);
      if (type === undefined || !fencedTypes.has(type)) throw kafkajsError(error, 'committing offsets', groupId);
      throw clientErrors.error('group-fenced', {
        message: `The coordinator says ${type}`,
        where: groupId,
        cause: error,
      });
    }
    // A consumer that is stopping answers a commit it never sent; only the event tells the two apart.
    if (this.#confirmedCommits > confirmedBefore || positions.length === 0) return;
    throw clientErrors.error('group-fenced', { message: 'The membership ended before the commit', where: groupId });
  }

  #listen(): void {
    const { events } = this.#consumer;
    const { alive, joined, died } = this.#options;
    this.#consumer.on(events.REBALANCING, () => {
      this.#isRebalanceAnnounced = true;
    });
    this.#consumer.on(events.GROUP_JOIN, ({ payload }) => {
      this.#isRebalanceAnnounced = false;
      const assigned = Object.entries(payload.memberAssignment);
      // Before anything else happens in kafkajs: so no record is ever fetched.
      this.#consumer.pause(assigned.map(([topic, partitions]) => ({ topic, partitions })));
      joined(assigned.flatMap(([topic, partitions]) => partitions.map((partition) => ({ topic, partition }))));
    });
    this.#consumer.on(events.HEARTBEAT, alive);
    this.#consumer.on(events.COMMIT_OFFSETS, () => {
      this.#confirmedCommits++;
      alive();
    });
    this.#consumer.on(events.CRASH, ({ payload }) => died(kafkajsError(payload.error, 'the group membership')));
  }

  /**
   * kafkajs tells of a rebalance but does not wait for its listeners. The one thing it awaits before each join is the
   * search for the coordinator, on the cluster object it hands to assigners: that is where partitions are given back.
   */
  #assigner(name: string, assignor: Assignor): PartitionAssigner {
    return ({ cluster }) => {
      const partitionCount = (topic: string) => cluster.findTopicPartitionMetadata(topic).length;
      this.#waitBeforeJoins(cluster as unknown as CoordinatorFinder);
      return kafkaAssigner(name, assignor, partitionCount);
    };
  }

  #waitBeforeJoins(cluster: CoordinatorFinder): void {
    if (Object.hasOwn(cluster, 'findGroupCoordinator')) return;
    const find = cluster.findGroupCoordinator.bind(cluster);
    cluster.findGroupCoordinator = async (request) => {
      await this.#options.beforeJoin(this.#isRebalanceAnnounced);
      if (this.#isStopped) throw new kafkajs.KafkaJSNonRetriableError('The member leaves the group');
      return find(request);
    };
  }
}

interface CoordinatorFinder {
  findGroupCoordinator(request: { groupId: string }): Promise<unknown>;
}

function kafkaAssigner(name: string, assignor: Assignor, partitionCount: (topic: string) => number): Assigner {
  const version = 0;
  return {
    name,
    version,
    protocol: ({ topics }) => ({
      name,
      metadata: AssignerProtocol.MemberMetadata.encode({ version, topics, userData: Buffer.alloc(0) }),
    }),
    assign: ({ members }) => {
      const wishes = members.map(({ memberId, memberMetadata }) => ({
        memberId,
        topics: AssignerProtocol.MemberMetadata.decode(memberMetadata)?.topics ?? [],
      }));
      const shares = assignor(wishes, partitionCount);
      return Promise.resolve(
        [...shares].map(([memberId, topics]) => ({
          memberId,
          memberAssignment: AssignerProtocol.MemberAssignment.encode({
            version,
            assignment: Object.fromEntries(topics),
            userData: Buffer.alloc(0),
          }),
        })),
      );
    },
  };
}
