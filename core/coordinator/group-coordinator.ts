/** The coordinator of all classic groups of this broker: membership and committed offsets over `__consumer_offsets`. */

import { randomUUID } from 'node:crypto';
import type { Clock, Timer } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { PartitionLog } from '../log/partition-log.ts';
import { kafkaErrors } from '../protocol/kafka-errors.ts';
import type { CommittedOffsets, OffsetPlace } from './committed-offsets.ts';
import type { JoinRequest } from './group-join.ts';
import type { MemberClaim, MemberIdentity, SyncRequest } from './group-machine.ts';
import { type GroupSettings, joinError, syncError } from './group-rebalance.ts';
import {
  type CommittedOffset,
  encodeGroupKey,
  encodeGroupValue,
  encodeOffsetKey,
  encodeOffsetValue,
  offsetsPartitionOf,
} from './group-records.ts';
import { GroupRunner } from './group-runner.ts';
import { type Group, type GroupSnapshot, type JoinResult, newGroup, type SyncResult } from './group-state.ts';
import { loadCoordinatorState } from './load-state.ts';
import { OffsetsLog, type OffsetsRecord } from './offsets-log.ts';

export interface CoordinatorSettings extends GroupSettings {
  /** How long the offsets of a group without members are kept (`offsets.retention.minutes`). */
  readonly offsetsRetentionMs: number;
  readonly expiryIntervalMs: number;
  /** The longest metadata string of a commit (`offset.metadata.max.bytes`). */
  readonly maxOffsetMetadataBytes: number;
}

const defaultCoordinatorSettings: CoordinatorSettings = {
  // Members of one process start within a few milliseconds of each other: waiting this long saves them a second round.
  initialRebalanceDelayMs: 100,
  maxMembers: 10_000,
  minSessionTimeoutMs: 6_000,
  maxSessionTimeoutMs: 1_800_000,
  offsetsRetentionMs: 7 * 86_400_000,
  expiryIntervalMs: 600_000,
  maxOffsetMetadataBytes: 4096,
};

export interface CoordinatorOptions {
  /** The partitions of `__consumer_offsets`, in order. */
  readonly partitions: readonly PartitionLog[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings?: Partial<CoordinatorSettings> | undefined;
}

export interface OffsetToCommit {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string;
}

/** Replays the offsets topic and starts; rejects with `coordinator/offsets-damaged`. */
export async function openGroupCoordinator(options: CoordinatorOptions): Promise<GroupCoordinator> {
  const logs = options.partitions.map((partition) => new OffsetsLog(partition, options.clock));
  const now = { wallMs: options.clock.nowMs(), monotonicMs: options.clock.monotonicMs() };
  const state = await loadCoordinatorState(logs, now);
  options.logger.debug({ groups: state.groups.length }, 'consumer groups loaded');
  return new GroupCoordinator(options, logs, state);
}

export class GroupCoordinator {
  readonly #clock: Clock;
  readonly #settings: CoordinatorSettings;
  readonly #logs: readonly OffsetsLog[];
  readonly #offsets: CommittedOffsets;
  readonly #runners = new Map<string, GroupRunner>();
  /** Commits on their way to the log, by group: their offsets must not be taken for expired. */
  readonly #commitsInFlight = new Map<string, number>();
  #sweepTimer: Timer | undefined;
  #isClosed = false;

  constructor(
    options: CoordinatorOptions,
    logs: readonly OffsetsLog[],
    state: { readonly groups: readonly Group[]; readonly offsets: CommittedOffsets },
  ) {
    this.#clock = options.clock;
    this.#settings = { ...defaultCoordinatorSettings, ...options.settings };
    this.#logs = logs;
    this.#offsets = state.offsets;
    for (const group of state.groups) this.#run(group);
    this.#scheduleSweep();
  }

  join(groupId: string, request: Omit<JoinRequest, 'token' | 'newMemberId'>): Promise<JoinResult> {
    const refusal = this.#refuse(groupId);
    if (refusal !== kafkaErrors.NONE) return Promise.resolve(joinError(refusal, request.memberId));
    const known = this.#runners.get(groupId);
    if (known === undefined && request.memberId !== '') {
      return Promise.resolve(joinError(kafkaErrors.UNKNOWN_MEMBER_ID, request.memberId));
    }
    const prefix = request.instanceId ?? request.clientId;
    return (known ?? this.#create(groupId)).join({ ...request, newMemberId: `${prefix}-${randomUUID()}` });
  }

  sync(groupId: string, request: Omit<SyncRequest, 'token'>): Promise<SyncResult> {
    const errorCode = this.#refuse(groupId);
    if (errorCode !== kafkaErrors.NONE) return Promise.resolve(syncError(errorCode));
    const runner = this.#runners.get(groupId);
    return runner?.sync(request) ?? Promise.resolve(syncError(kafkaErrors.UNKNOWN_MEMBER_ID));
  }

  heartbeat(groupId: string, claim: MemberClaim): number {
    const errorCode = this.#refuse(groupId);
    if (errorCode !== kafkaErrors.NONE) return errorCode;
    return this.#runners.get(groupId)?.heartbeat(claim) ?? kafkaErrors.UNKNOWN_MEMBER_ID;
  }

  /** One error code per member, in order. */
  leave(groupId: string, identities: readonly MemberIdentity[]): number[] {
    const errorCode = this.#refuse(groupId);
    if (errorCode !== kafkaErrors.NONE) return identities.map(() => errorCode);
    return this.#runners.get(groupId)?.leave(identities) ?? identities.map(() => kafkaErrors.UNKNOWN_MEMBER_ID);
  }

  /** One error code per offset, in order; answered once durable. */
  async commit(groupId: string, claim: MemberClaim, offsets: readonly OffsetToCommit[]): Promise<number[]> {
    const errorCode = this.#checkCommit(groupId, claim);
    if (errorCode !== kafkaErrors.NONE) return offsets.map(() => errorCode);
    const maxBytes = this.#settings.maxOffsetMetadataBytes;
    const isTooLong = (entry: OffsetToCommit) => Buffer.byteLength(entry.metadata) > maxBytes;
    const accepted = offsets.filter((entry) => !isTooLong(entry));
    const outcome = accepted.length === 0 ? kafkaErrors.NONE : await this.#appendOffsets(groupId, accepted);
    return offsets.map((entry) => (isTooLong(entry) ? kafkaErrors.OFFSET_METADATA_TOO_LARGE : outcome));
  }

  committed(place: OffsetPlace): CommittedOffset | undefined {
    return this.#offsets.get(place);
  }

  committedOfGroup(groupId: string): ReturnType<CommittedOffsets['ofGroup']> {
    return this.#offsets.ofGroup(groupId);
  }

  group(groupId: string): Group | undefined {
    return this.#runners.get(groupId)?.group;
  }

  groups(): Group[] {
    return Array.from(this.#runners.values(), (runner) => runner.group);
  }

  /** Tombstones every committed offset of a topic that nobody can commit to any more; resolves when that is durable. */
  async forgetTopic(topic: string): Promise<void> {
    // Commits accepted before the topic went away may still be on their way.
    await Promise.all(this.#logs.map((log) => log.settled()));
    const byGroup = Map.groupBy(this.#offsets.placesOfTopic(topic), (place) => place.groupId);
    await Promise.all(Array.from(byGroup, ([groupId, places]) => this.#appendTombstones(groupId, places)));
  }

  /** Drops what has expired: offsets of groups without members, then groups that hold nothing. */
  async expire(): Promise<void> {
    for (const { group } of [...this.#runners.values()]) {
      if (this.#isClosed) return;
      if (group.phase !== 'Empty' || group.pendingMembers.size > 0 || this.#commitsInFlight.has(group.id)) continue;
      const places = this.#offsets.expired(group.id, {
        nowMs: this.#clock.nowMs(),
        retentionMs: this.#settings.offsetsRetentionMs,
        emptySinceMs: group.protocolType === undefined ? undefined : group.phaseSinceMs,
      });
      if (places.length > 0) await this.#appendTombstones(group.id, places);
      else if (!this.#offsets.hasGroup(group.id)) await this.#removeGroup(group.id);
    }
  }

  /** Answers everybody who waits and stops the timers; resolves when no append is on its way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#sweepTimer?.cancel();
    for (const runner of this.#runners.values()) runner.close();
    await Promise.all(this.#logs.map((log) => log.settled()));
  }

  #refuse(groupId: string): number {
    if (this.#isClosed) return kafkaErrors.COORDINATOR_NOT_AVAILABLE;
    return groupId === '' || !isWritable(groupId) ? kafkaErrors.INVALID_GROUP_ID : kafkaErrors.NONE;
  }

  #checkCommit(groupId: string, claim: MemberClaim): number {
    if (this.#isClosed) return kafkaErrors.COORDINATOR_NOT_AVAILABLE;
    if (!isWritable(groupId)) return kafkaErrors.INVALID_GROUP_ID;
    const runner = this.#runners.get(groupId);
    if (runner === undefined && claim.generationId >= 0) return kafkaErrors.ILLEGAL_GENERATION;
    return (runner ?? this.#create(groupId)).checkCommit(claim);
  }

  #create(groupId: string): GroupRunner {
    return this.#run(newGroup(groupId, this.#clock.nowMs()));
  }

  #run(group: Group): GroupRunner {
    const store = (groupId: string, snapshot: GroupSnapshot) => this.#appendGroup(groupId, snapshot);
    const runner = new GroupRunner(group, { clock: this.#clock, settings: this.#settings, store });
    this.#runners.set(group.id, runner);
    return runner;
  }

  #logOf(groupId: string): OffsetsLog {
    return this.#logs[offsetsPartitionOf(groupId, this.#logs.length)] as OffsetsLog;
  }

  async #appendGroup(groupId: string, snapshot: GroupSnapshot): Promise<number> {
    const record = { key: encodeGroupKey(groupId), value: encodeGroupValue(snapshot) };
    const errorCode = coordinatorError(await this.#logOf(groupId).append([record], () => {}));
    return errorCode === kafkaErrors.INVALID_COMMIT_OFFSET_SIZE ? kafkaErrors.UNKNOWN_SERVER_ERROR : errorCode;
  }

  async #appendOffsets(groupId: string, offsets: readonly OffsetToCommit[]): Promise<number> {
    const commitTimestampMs = this.#clock.nowMs();
    const entries = offsets.map(({ topic, partition, offset, leaderEpoch, metadata }) => ({
      place: { groupId, topic, partition },
      value: { offset, leaderEpoch, metadata, commitTimestampMs },
    }));
    const records = entries.map(({ place, value }) => ({
      key: encodeOffsetKey(place),
      value: encodeOffsetValue(value),
    }));
    this.#commitsInFlight.set(groupId, (this.#commitsInFlight.get(groupId) ?? 0) + 1);
    const errorCode = await this.#logOf(groupId).append(records, () => {
      for (const { place, value } of entries) this.#offsets.apply(place, value);
    });
    const left = (this.#commitsInFlight.get(groupId) ?? 1) - 1;
    if (left === 0) this.#commitsInFlight.delete(groupId);
    else this.#commitsInFlight.set(groupId, left);
    return coordinatorError(errorCode);
  }

  async #appendTombstones(groupId: string, places: readonly OffsetPlace[]): Promise<void> {
    const records: OffsetsRecord[] = places.map((place) => ({ key: encodeOffsetKey(place), value: null }));
    await this.#logOf(groupId).append(records, () => {
      for (const place of places) this.#offsets.apply(place, undefined);
    });
  }

  async #removeGroup(groupId: string): Promise<void> {
    this.#runners.get(groupId)?.close();
    this.#runners.delete(groupId);
    await this.#logOf(groupId).append([{ key: encodeGroupKey(groupId), value: null }], () => {});
  }

  #scheduleSweep(): void {
    this.#sweepTimer = this.#clock.timer(this.#settings.expiryIntervalMs, () => {
      void this.expire().then(() => {
        if (!this.#isClosed) this.#scheduleSweep();
      });
    });
  }
}

/** The strings of the records have a 16-bit length. */
function isWritable(groupId: string): boolean {
  return Buffer.byteLength(groupId) <= 0x7fff;
}

/** What members and committers are told when the log refuses: codes that make every client look for the coordinator and try again. */
function coordinatorError(errorCode: number): number {
  switch (errorCode) {
    case kafkaErrors.NONE:
      return kafkaErrors.NONE;
    case kafkaErrors.MESSAGE_TOO_LARGE:
    case kafkaErrors.RECORD_LIST_TOO_LARGE:
      return kafkaErrors.INVALID_COMMIT_OFFSET_SIZE;
    default:
      return kafkaErrors.COORDINATOR_NOT_AVAILABLE;
  }
}
