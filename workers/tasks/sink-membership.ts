/** A sink task's place in its consumer group, kept in the main thread so that a busy task misses no heartbeat. */

import type { TopicPartition } from '../../connectors/contract/record.ts';
import type { SinkPosition } from '../../connectors/contract/sink.ts';
import type { Clock } from '../../core/base/clock.ts';
import type { Logger } from '../../core/base/logger.ts';
import type { AssignedPartition } from '../task-thread/messages.ts';
import { OffsetCommitter } from './offset-committer.ts';

/** The part of core/client's group membership that sinks use. */
export interface GroupMember {
  /** Refused by the coordinator when the partition has another owner by now (promise 4). */
  commit(positions: readonly SinkPosition[]): Promise<void>;
  /** The group's committed offsets; partitions without one are left out. */
  committed(partitions: readonly TopicPartition[]): Promise<readonly SinkPosition[]>;
  leave(): Promise<void>;
}

export interface GroupEvents {
  onAssigned(partitions: readonly TopicPartition[]): Promise<void>;
  /** The new owner starts once this resolves; with `lost` it may have started already. */
  onRevoked(partitions: readonly TopicPartition[], lost: boolean): Promise<void>;
}

/** The task's thread, as far as partitions are concerned. */
interface PartitionUser {
  assigned(partitions: readonly AssignedPartition[]): void;
  revoked(partitions: readonly TopicPartition[], lost: boolean): Promise<void>;
}

export interface SinkMembershipOptions {
  readonly join: (events: GroupEvents) => Promise<GroupMember>;
  readonly user: PartitionUser;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a commit may hold up a hand-over or a stop. */
  readonly lastCommitMs: number;
  readonly onFailed: (error: unknown) => void;
  /** A commit came too late: somebody else owns the partitions. */
  readonly onFenced: () => void;
}

export class SinkMembership {
  readonly #options: SinkMembershipOptions;
  readonly #committer: OffsetCommitter;
  readonly #member = Promise.withResolvers<GroupMember>();
  readonly #owned = new Map<string, TopicPartition>();
  #joined: GroupMember | undefined;
  #left = false;

  constructor(options: SinkMembershipOptions) {
    this.#options = options;
    const { clock, logger, onFenced } = options;
    const commit = async (positions: readonly SinkPosition[]) => (await this.#member.promise).commit(positions);
    this.#committer = new OffsetCommitter({ commit, clock, logger, onFenced });
    this.#member.promise.catch(() => {});
  }

  get assignment(): readonly TopicPartition[] {
    return [...this.#owned.values()];
  }

  get committed(): readonly SinkPosition[] {
    return this.#committer.committed;
  }

  async join(): Promise<void> {
    const { join, onFailed } = this.#options;
    try {
      const member = await join({
        onAssigned: (partitions) => this.#onAssigned(partitions).catch(onFailed),
        onRevoked: (partitions, lost) => this.#onRevoked(partitions, lost),
      });
      this.#member.resolve(member);
      this.#joined = member;
      // Joining may take as long as the coordinator is away; whoever left meanwhile must not stay a member.
      if (this.#left) await member.leave();
    } catch (error) {
      this.#member.reject(error);
      throw error;
    }
  }

  commit(positions: readonly SinkPosition[]): void {
    this.#committer.add(positions.filter((position) => this.#owned.has(keyOf(position))));
  }

  /** Resolves when everything reported so far was committed, or could not be in time. */
  flush(): Promise<void> {
    return this.#committer.flush(this.#options.lastCommitMs);
  }

  /** Commits what is left and leaves the group. The task takes no records any more. */
  async leave(): Promise<void> {
    if (this.#joined !== undefined) await this.flush();
    this.#left = true;
    await this.#leaveInTime();
    this.#owned.clear();
    this.#committer.close();
  }

  /** A coordinator that does not answer must not hold up a stop; the next run of the task throws this member out. */
  async #leaveInTime(): Promise<void> {
    const { clock, lastCommitMs, logger } = this.#options;
    const late = Promise.withResolvers<void>();
    const timer = clock.timer(lastCommitMs, () => {
      logger.warn({ afterMs: lastCommitMs }, 'leaving the group took too long and is not waited for');
      late.resolve();
    });
    await Promise.race([this.#joined?.leave(), late.promise]);
    timer.cancel();
  }

  async #onAssigned(partitions: readonly TopicPartition[]): Promise<void> {
    const member = await this.#member.promise;
    const committed = await member.committed(partitions);
    this.#committer.known(committed);
    const offsets = new Map(committed.map((position) => [keyOf(position), position.offset]));
    for (const partition of partitions) this.#owned.set(keyOf(partition), partition);
    const assigned = partitions.map(({ topic, partition }) => {
      return { topic, partition, committed: offsets.get(keyOf({ topic, partition })) };
    });
    this.#options.user.assigned(assigned);
  }

  async #onRevoked(partitions: readonly TopicPartition[], lost: boolean): Promise<void> {
    await this.#options.user.revoked(partitions, lost);
    if (!lost) await this.#committer.flush(this.#options.lastCommitMs);
    this.#committer.forget(partitions);
    for (const partition of partitions) this.#owned.delete(keyOf(partition));
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}
