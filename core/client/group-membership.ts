/** Membership in a consumer group that survives its driver: partitions come and go through callbacks, commits are fenced. */

import type { Timer } from '../base/clock.ts';
import { describeError } from '../base/errors.ts';
import { backoffMs, reconnectBackoff } from './backoff.ts';
import type { Cluster } from './cluster.ts';
import { clientErrors } from './error-codes.ts';
import { GroupConsumer, type GroupPartition, type GroupPosition } from './group-consumer.ts';
import { fetchGroupOffsets } from './group-offsets.ts';

export interface JoinGroupOptions {
  readonly groupId: string;
  readonly topics: readonly string[];
  /** The coordinator gives up a member that is silent for this long. */
  readonly sessionTimeoutMs?: number;
  /** How long the coordinator waits for members to give back their partitions. */
  readonly rebalanceTimeoutMs?: number;
  readonly heartbeatIntervalMs?: number;
  /** These partitions are this member's now, all of them. */
  onAssigned(partitions: readonly GroupPartition[]): Promise<void> | void;
  /**
   * All partitions go back. Unless `lost`, they are this member's until the promise settles: commit now. With `lost`
   * they may belong to somebody else already. Waited for at most most of the session timeout.
   */
  onRevoked(partitions: readonly GroupPartition[], lost: boolean): Promise<void> | void;
}

const defaults = { sessionTimeoutMs: 45_000, rebalanceTimeoutMs: 60_000, heartbeatIntervalMs: 1_000 };

/** The part of the session timeout that giving back may take: no heartbeat is sent meanwhile. */
const revokeShare = 0.8;

/** Starts to join. Rejects when the first attempt fails, e.g. because a topic does not exist; later ones go on for ever. */
export async function joinGroup(cluster: Cluster, options: JoinGroupOptions): Promise<GroupMembership> {
  const membership = new GroupMembership(cluster, options);
  try {
    await membership.start();
    return membership;
  } catch (error) {
    await membership.leave();
    throw error;
  }
}

export class GroupMembership {
  readonly #cluster: Cluster;
  readonly #options: Required<JoinGroupOptions>;
  #consumer: GroupConsumer | undefined;
  /** What may be committed for. */
  #assigned: readonly GroupPartition[] = [];
  /** What the owner was told is its, until it has given it back: longer than it may commit for, when that takes too long. */
  #told: readonly GroupPartition[] = [];
  /** Callbacks run one after the other, in the order of the events. */
  #callbacks: Promise<void> = Promise.resolve();
  #failures = 0;
  #lastAliveMs = 0;
  #isLeaving = false;
  #leaving: Promise<void> | undefined;
  #watchdog: Timer | undefined;
  #restart: Timer | undefined;

  constructor(cluster: Cluster, options: JoinGroupOptions) {
    this.#cluster = cluster;
    this.#options = { ...defaults, ...options };
  }

  /** What is this member's at the moment. */
  get assigned(): readonly GroupPartition[] {
    return this.#assigned;
  }

  async start(): Promise<void> {
    this.#alive();
    const consumer: GroupConsumer = new GroupConsumer({
      ...this.#options,
      cluster: this.#cluster,
      beforeJoin: (isOrderly) => (consumer === this.#consumer ? this.#giveBack(!isOrderly) : Promise.resolve()),
      joined: (partitions) => consumer === this.#consumer && this.#joined(partitions),
      alive: () => consumer === this.#consumer && this.#alive(),
      died: (error) => consumer === this.#consumer && this.#recreate(error),
    });
    this.#consumer = consumer;
    try {
      await consumer.start();
    } catch (error) {
      if (this.#consumer === consumer) this.#consumer = undefined;
      await consumer.stop();
      throw error;
    }
    this.#watch();
  }

  /**
   * Commits for partitions that are this member's. Rejects with `client/group-fenced` when one is not, or not any more;
   * nothing is committed then. Any other failure leaves open whether it was.
   */
  async commit(positions: readonly GroupPosition[]): Promise<void> {
    const foreign = positions.find((position) => !this.#assigned.some((own) => isSame(own, position)));
    const consumer = this.#consumer;
    if (foreign === undefined && consumer !== undefined) return consumer.commit(positions);
    const place = foreign === undefined ? this.#options.groupId : `${foreign.topic}-${foreign.partition}`;
    throw clientErrors.error('group-fenced', { message: 'The partition is not assigned to this member', where: place });
  }

  /** What the group has committed for these partitions; those without a commit are missing from the answer. */
  committed(partitions: readonly GroupPartition[], signal?: AbortSignal): Promise<GroupPosition[]> {
    return fetchGroupOffsets(this.#cluster, this.#options.groupId, { partitions, signal });
  }

  /** Gives everything back in good order and leaves. Idempotent; never rejects. */
  leave(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  async #leave(): Promise<void> {
    this.#isLeaving = true;
    this.#watchdog?.cancel();
    this.#restart?.cancel();
    await this.#giveBack(false);
    const consumer = this.#consumer;
    this.#consumer = undefined;
    await consumer?.stop();
  }

  #joined(partitions: readonly GroupPartition[]): void {
    this.#alive();
    this.#failures = 0;
    void this.#callback(async () => {
      // kafkajs tells of the join a moment before it takes commits.
      await this.#cluster.clock.sleep(0);
      if (this.#isLeaving) return;
      this.#assigned = partitions;
      this.#told = partitions;
      await this.#options.onAssigned(partitions);
    });
  }

  /** Resolves when the partitions are given back, or when time for it has run out. */
  async #giveBack(lost: boolean): Promise<void> {
    const { groupId, sessionTimeoutMs, onRevoked } = this.#options;
    let isLate = false;
    const done = this.#callback(async () => {
      const partitions = this.#told;
      if (partitions.length === 0) return;
      try {
        await onRevoked(partitions, lost || isLate);
      } finally {
        this.#assigned = [];
        this.#told = [];
      }
    });
    const patience = Promise.withResolvers<void>();
    const timer = this.#cluster.clock.timer(sessionTimeoutMs * revokeShare, () => {
      this.#cluster.logger.warn({ groupId }, 'partitions were not given back in time; the group goes on without them');
      isLate = true;
      this.#assigned = [];
      patience.resolve();
    });
    await Promise.race([done, patience.promise]);
    timer.cancel();
    this.#alive();
  }

  #callback(fn: () => Promise<void>): Promise<void> {
    this.#callbacks = this.#callbacks.then(fn).catch((error: unknown) => {
      const { groupId } = this.#options;
      this.#cluster.logger.error({ groupId, error: describeError(error) }, 'a callback of the group failed');
    });
    return this.#callbacks;
  }

  #alive(): void {
    this.#lastAliveMs = this.#cluster.clock.monotonicMs();
  }

  /** kafkajs stops silently at times: a member nobody heard of for longer than any wait of its own is made anew. */
  #watch(): void {
    const { sessionTimeoutMs, rebalanceTimeoutMs } = this.#options;
    const longestSilenceMs = sessionTimeoutMs + rebalanceTimeoutMs;
    this.#watchdog?.cancel();
    this.#watchdog = this.#cluster.clock.timer(sessionTimeoutMs / 3, () => {
      const silentMs = this.#cluster.clock.monotonicMs() - this.#lastAliveMs;
      if (silentMs <= longestSilenceMs) this.#watch();
      else this.#recreate(clientErrors.error('timeout', { message: `No sign of life for ${Math.round(silentMs)} ms` }));
    });
  }

  #recreate(error: unknown): void {
    const consumer = this.#consumer;
    this.#consumer = undefined;
    this.#watchdog?.cancel();
    this.#restart?.cancel();
    if (this.#isLeaving) return;
    this.#failures++;
    const delayMs = backoffMs(reconnectBackoff, this.#failures, Math.random());
    const fields = { groupId: this.#options.groupId, failures: this.#failures, delayMs: Math.round(delayMs) };
    this.#cluster.logger.warn({ ...fields, error: describeError(error) }, 'the group membership ended, joining again');
    void consumer?.stop();
    void this.#giveBack(true);
    this.#restart = this.#cluster.clock.timer(delayMs, () => {
      if (this.#isLeaving || this.#cluster.closing.aborted) return;
      this.start().catch((failure: unknown) => this.#recreate(failure));
    });
  }
}

function isSame(a: GroupPartition, b: GroupPartition): boolean {
  return a.partition === b.partition && a.topic === b.topic;
}
