/** The coordinator of all classic groups of this broker: membership and committed offsets over `__consumer_offsets`. */

import { randomUUID } from 'node:crypto';
import type { Clock, Timer } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { PartitionLog } from '../log/partition-log.ts';
import type { TransactionMarker } from '../protocol/control-batch.ts';
import { kafkaErrorName, kafkaErrors } from '../protocol/kafka-errors.ts';
import type { CommittedOffsets, OffsetPlace } from './committed-offsets.ts';
import { type CoordinatorSettings, defaultCoordinatorSettings } from './coordinator-settings.ts';
import { coordinatorErrors } from './error-codes.ts';
import type { JoinRequest } from './group-join.ts';
import type { MemberClaim, MemberIdentity, SyncRequest } from './group-machine.ts';
import { subscribedTopics } from './group-protocols.ts';
import { joinError, syncError } from './group-rebalance.ts';
import type { CommittedOffset } from './group-records.ts';
import { GroupRunner } from './group-runner.ts';
import { type Group, type GroupSnapshot, type JoinResult, newGroup, type SyncResult } from './group-state.ts';
import { GroupStore, type OffsetToCommit } from './group-store.ts';
import { loadCoordinatorState } from './load-state.ts';
import { OffsetsLog, type TxnProducer } from './offsets-log.ts';

export interface CoordinatorOptions {
  /** The partitions of `__consumer_offsets`, in order. */
  readonly partitions: readonly PartitionLog[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings?: Partial<CoordinatorSettings> | undefined;
}

/** Replays the offsets topic and starts; rejects with `coordinator/offsets-damaged`. */
export async function openGroupCoordinator(options: CoordinatorOptions): Promise<GroupCoordinator> {
  const logs = options.partitions.map((partition) => new OffsetsLog(partition, options.clock));
  const now = { wallMs: options.clock.nowMs(), monotonicMs: options.clock.monotonicMs() };
  const state = await loadCoordinatorState(logs, now);
  options.logger.debug({ groups: state.groups.length }, 'consumer groups loaded');
  const store = new GroupStore({ logs, ledger: state.ledger, clock: options.clock });
  return new GroupCoordinator(options, store, state.groups);
}

export class GroupCoordinator {
  readonly #clock: Clock;
  readonly #settings: CoordinatorSettings;
  readonly #store: GroupStore;
  readonly #runners = new Map<string, GroupRunner>();
  #sweepTimer: Timer | undefined;
  #isClosed = false;

  constructor(options: CoordinatorOptions, store: GroupStore, groups: readonly Group[]) {
    this.#clock = options.clock;
    this.#settings = { ...defaultCoordinatorSettings, ...options.settings };
    this.#store = store;
    for (const group of groups) this.#run(group);
    this.#scheduleSweep();
  }

  join(groupId: string, request: Omit<JoinRequest, 'token' | 'newMemberId'>): Promise<JoinResult> {
    const refusal = this.#refuse(groupId);
    if (refusal !== kafkaErrors.NONE) return Promise.resolve(joinError(refusal, request.memberId));
    const known = this.#runners.get(groupId);
    if (known === undefined && request.memberId !== '') {
      return Promise.resolve(joinError(kafkaErrors.UNKNOWN_MEMBER_ID, request.memberId));
    }
    const runner = known ?? this.#create(groupId);
    const answer = runner.join({ ...request, newMemberId: newMemberId(request.instanceId ?? request.clientId) });
    if (known === undefined) this.#dropUnused(groupId);
    return answer;
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
    const outcome = accepted.length === 0 ? kafkaErrors.NONE : await this.#store.appendOffsets(groupId, accepted);
    this.#dropUnused(groupId);
    return offsets.map((entry) => (isTooLong(entry) ? kafkaErrors.OFFSET_METADATA_TOO_LARGE : outcome));
  }

  /** The same for offsets that count once the producer's transaction is committed; the caller vouches for the transaction. */
  async commitInTransaction(
    groupId: string,
    { claim, producer }: { readonly claim: MemberClaim; readonly producer: TxnProducer },
    offsets: readonly OffsetToCommit[],
  ): Promise<number[]> {
    // A producer that does not say for which member it commits is fenced by its epoch alone.
    const isAnonymous = claim.generationId < 0 && claim.memberId === '' && claim.instanceId === null;
    const errorCode = isAnonymous ? this.#refuse(groupId) : this.#checkCommit(groupId, claim);
    if (errorCode !== kafkaErrors.NONE) return offsets.map(() => errorCode);
    if (!this.#runners.has(groupId)) this.#create(groupId);
    const maxBytes = this.#settings.maxOffsetMetadataBytes;
    const isTooLong = (entry: OffsetToCommit) => Buffer.byteLength(entry.metadata) > maxBytes;
    const accepted = offsets.filter((entry) => !isTooLong(entry));
    const stage = () => this.#store.stageOffsets(groupId, producer, accepted);
    const outcome = accepted.length === 0 ? kafkaErrors.NONE : await stage();
    this.#dropUnused(groupId);
    return offsets.map((entry) => (isTooLong(entry) ? kafkaErrors.OFFSET_METADATA_TOO_LARGE : outcome));
  }

  /** Writes the marker that ends a transaction into a partition of the offsets topic; resolves to an error code. */
  appendMarker(partition: number, marker: TransactionMarker): Promise<number> {
    return this.#store.appendMarker(partition, marker);
  }

  /** The partition of the offsets topic that holds the group. */
  partitionOf(groupId: string): number {
    return this.#store.partitionOf(groupId);
  }

  /** A transaction that has not ended may still change what is committed here. */
  isUnstable(place: OffsetPlace): boolean {
    return this.#store.ledger.staged.isPending(place);
  }

  committed(place: OffsetPlace): CommittedOffset | undefined {
    return this.#store.ledger.committed.get(place);
  }

  committedOfGroup(groupId: string): ReturnType<CommittedOffsets['ofGroup']> {
    return this.#store.ledger.committed.ofGroup(groupId);
  }

  group(groupId: string): Group | undefined {
    return this.#runners.get(groupId)?.group;
  }

  groups(): Group[] {
    return Array.from(this.#runners.values(), (runner) => runner.group);
  }

  /** Forgets the group with its offsets, durably; resolves to an error code. */
  async deleteGroup(groupId: string): Promise<number> {
    const errorCode = this.#refuse(groupId);
    if (errorCode !== kafkaErrors.NONE) return errorCode;
    const group = this.group(groupId);
    if (group === undefined) return kafkaErrors.GROUP_ID_NOT_FOUND;
    return group.phase === 'Empty' ? this.#removeGroup(groupId) : kafkaErrors.NON_EMPTY_GROUP;
  }

  /** Forgets single offsets, durably: one error code for the group, and one per place, in order. */
  async deleteOffsets(
    groupId: string,
    places: readonly Omit<OffsetPlace, 'groupId'>[],
  ): Promise<{ readonly errorCode: number; readonly codes: readonly number[] }> {
    const refused = (errorCode: number) => ({ errorCode, codes: [] });
    const errorCode = this.#refuse(groupId);
    if (errorCode !== kafkaErrors.NONE) return refused(errorCode);
    const group = this.group(groupId);
    if (group === undefined) return refused(kafkaErrors.GROUP_ID_NOT_FOUND);
    if (group.phase !== 'Empty' && group.protocolType !== 'consumer') return refused(kafkaErrors.NON_EMPTY_GROUP);
    const subscribed = group.phase === 'Empty' ? new Set<string>() : subscribedTopics(group);
    // While a member's metadata does not say what it wants, it may want everything.
    const isSubscribed = (topic: string) => subscribed === undefined || subscribed.has(topic);
    const doomed = places.filter(({ topic }) => !isSubscribed(topic)).map((place) => ({ ...place, groupId }));
    const outcome = doomed.length === 0 ? kafkaErrors.NONE : await this.#store.appendTombstones(groupId, doomed);
    if (outcome !== kafkaErrors.NONE) return refused(outcome);
    const codeOf = (topic: string) => (isSubscribed(topic) ? kafkaErrors.GROUP_SUBSCRIBED_TO_TOPIC : kafkaErrors.NONE);
    return { errorCode: kafkaErrors.NONE, codes: places.map(({ topic }) => codeOf(topic)) };
  }

  /** Tombstones every committed and staged offset of a topic that nobody can commit to any more; resolves when that is durable, rejects with `coordinator/not-forgotten`. */
  async forgetTopic(topic: string): Promise<void> {
    // Commits accepted before the topic went away may still be on their way.
    await this.#store.settled();
    const byGroup = Map.groupBy(this.#store.placesOfTopic(topic), (place) => place.groupId);
    const appends = Array.from(byGroup, ([groupId, places]) => this.#store.appendTombstones(groupId, places));
    const failed = (await Promise.all(appends)).find((errorCode) => errorCode !== kafkaErrors.NONE);
    if (failed === undefined) return;
    const message = `the offsets topic refused their tombstones: ${kafkaErrorName(failed)}`;
    throw coordinatorErrors.error('not-forgotten', { message, where: topic });
  }

  /** Drops what has expired: offsets nobody will ask for again, then groups that hold nothing. */
  async expire(): Promise<void> {
    for (const { group } of [...this.#runners.values()]) {
      if (this.#isClosed) return;
      if (group.pendingMembers.size > 0 || this.#store.hasCommitsInFlight(group.id)) continue;
      if (this.#store.ledger.staged.hasGroup(group.id)) continue;
      const places = this.#expiredOf(group);
      if (places.length > 0) await this.#store.appendTombstones(group.id, places);
      else if (group.phase === 'Empty' && !this.#store.ledger.committed.hasGroup(group.id))
        await this.#removeGroup(group.id);
    }
  }

  /** Answers everybody who waits and stops the timers; resolves when no append is on its way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#sweepTimer?.cancel();
    for (const runner of this.#runners.values()) runner.close();
    await this.#store.settled();
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

  /** Whoever is refused leaves no group behind. */
  #dropUnused(groupId: string): void {
    const runner = this.#runners.get(groupId);
    const { committed, staged } = this.#store.ledger;
    if (runner === undefined || !isBlank(runner.group) || this.#store.hasCommitsInFlight(groupId)) return;
    if (committed.hasGroup(groupId) || staged.hasGroup(groupId)) return;
    runner.close();
    this.#runners.delete(groupId);
  }

  #create(groupId: string): GroupRunner {
    return this.#run(newGroup(groupId, this.#clock.nowMs()));
  }

  #run(group: Group): GroupRunner {
    const store = (groupId: string, snapshot: GroupSnapshot) => this.#store.appendGroup(groupId, snapshot);
    const runner = new GroupRunner(group, { clock: this.#clock, settings: this.#settings, store });
    this.#runners.set(group.id, runner);
    return runner;
  }

  /** Members keep the offsets of what they subscribe to; while it is not known what that is, all of them. */
  #expiredOf(group: Group): OffsetPlace[] {
    const rule = { nowMs: this.#clock.nowMs(), retentionMs: this.#settings.offsetsRetentionMs };
    if (group.phase === 'Empty') {
      const emptySinceMs = group.protocolType === undefined ? undefined : group.phaseSinceMs;
      return this.#store.ledger.committed.expired(group.id, { ...rule, emptySinceMs });
    }
    const kept = group.phase === 'Stable' && group.protocolType === 'consumer' ? subscribedTopics(group) : undefined;
    if (kept === undefined) return [];
    const places = this.#store.ledger.committed.expired(group.id, { ...rule, emptySinceMs: undefined });
    return places.filter(({ topic }) => !kept.has(topic));
  }

  #removeGroup(groupId: string): Promise<number> {
    return this.#store.removeGroup(groupId, () => {
      const runner = this.#runners.get(groupId);
      // Who came while the tombstones were written goes on: what it stores lies behind them.
      if (runner === undefined || runner.group.phase !== 'Empty' || runner.group.pendingMembers.size > 0) return;
      runner.close();
      this.#runners.delete(groupId);
      if (this.#store.hasCommitsInFlight(groupId)) this.#create(groupId);
    });
  }

  #scheduleSweep(): void {
    this.#sweepTimer = this.#clock.timer(this.#settings.expiryIntervalMs, () => {
      void this.expire().then(() => {
        if (!this.#isClosed) this.#scheduleSweep();
      });
    });
  }
}

/** Nobody was let in and nothing was stored. */
function isBlank({ phase, generation, pendingMembers }: Group): boolean {
  return phase === 'Empty' && generation === 0 && pendingMembers.size === 0;
}

/** Readable for people, and short enough for a string of the protocol however long the client's own name is. */
function newMemberId(name: string): string {
  return `${name.slice(0, 255).toWellFormed()}-${randomUUID()}`;
}

/** The strings of the records have a 16-bit length. */
function isWritable(groupId: string): boolean {
  return Buffer.byteLength(groupId) <= 0x7fff;
}
