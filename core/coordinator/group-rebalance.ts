/** The transitions of a group: start a rebalance, complete the join, make an assignment visible, lose a member. */

import { kafkaErrors } from '../protocol/kafka-errors.ts';
import { selectProtocol } from './group-protocols.ts';
import {
  chosenMetadata,
  emptyBytes,
  type Group,
  type GroupEffect,
  type GroupPhase,
  type GroupSnapshot,
  type Instant,
  type JoinResult,
  type Member,
  type SyncResult,
  snapshotGroup,
} from './group-state.ts';

export interface GroupSettings {
  /** How long the first rebalance of an empty group waits for more members (`group.initial.rebalance.delay.ms`). */
  readonly initialRebalanceDelayMs: number;
  /** Members and given-out member ids together (`group.max.size`). */
  readonly maxMembers: number;
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
}

/** One step of the machine: the group is changed in place, what the shell must do is collected in `effects`. */
export interface Turn {
  readonly group: Group;
  readonly now: Instant;
  readonly settings: GroupSettings;
  readonly effects: GroupEffect[];
}

export function joinError(errorCode: number, memberId: string): JoinResult {
  return {
    errorCode,
    memberId,
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: '',
    skipAssignment: false,
    members: [],
  };
}

export function syncError(errorCode: number): SyncResult {
  return { errorCode, protocolType: null, protocolName: null, assignment: emptyBytes };
}

/** The current generation as one member may see it: only the leader sees the others' metadata. */
export function joinSuccess(group: Group, member: Member): JoinResult {
  const isLeader = member.id === group.leaderId;
  return {
    errorCode: kafkaErrors.NONE,
    memberId: member.id,
    generationId: group.generation,
    protocolType: group.protocolType ?? null,
    protocolName: group.protocolName ?? null,
    leader: group.leaderId ?? '',
    skipAssignment: false,
    members: isLeader ? describeMembers(group) : [],
  };
}

export function describeMembers(group: Group): JoinResult['members'] {
  return Array.from(group.members.values(), (other) => ({
    memberId: other.id,
    groupInstanceId: other.instanceId,
    metadata: chosenMetadata(group, other),
  }));
}

export function syncSuccess(group: Group, member: Member): SyncResult {
  return {
    errorCode: kafkaErrors.NONE,
    protocolType: group.protocolType ?? null,
    protocolName: group.protocolName ?? null,
    assignment: member.assignment,
  };
}

export function refreshSession(member: Member, now: Instant): void {
  member.sessionDeadlineMs = now.monotonicMs + member.sessionTimeoutMs;
}

export function answerJoin(turn: Turn, member: Member, result: JoinResult): void {
  if (member.joinToken === undefined) return;
  turn.effects.push({ kind: 'joined', token: member.joinToken, result });
  member.joinToken = undefined;
}

export function answerSync(turn: Turn, member: Member, result: SyncResult): void {
  if (member.syncToken === undefined) return;
  turn.effects.push({ kind: 'synced', token: member.syncToken, result });
  member.syncToken = undefined;
}

/** Asks the shell to make the snapshot durable; returns the id under which `stored` will answer. */
export function store(turn: Turn, snapshot: GroupSnapshot): number {
  const storeId = turn.group.nextStoreId++;
  turn.effects.push({ kind: 'store', storeId, snapshot });
  return storeId;
}

function enterPhase(turn: Turn, phase: GroupPhase): void {
  turn.group.phase = phase;
  turn.group.phaseSinceMs = turn.now.wallMs;
}

/** The longest time any member asked to be given for rejoining. */
function rebalanceTimeoutMs(group: Group): number {
  let longest = 0;
  for (const member of group.members.values()) longest = Math.max(longest, member.rebalanceTimeoutMs);
  return longest;
}

/** Starts a rebalance unless one is collecting members already. */
export function maybePrepareRebalance(turn: Turn): void {
  const { phase } = turn.group;
  if (phase === 'Stable' || phase === 'CompletingRebalance' || phase === 'Empty') prepareRebalance(turn);
}

export function prepareRebalance(turn: Turn): void {
  const { group, now, settings } = turn;
  if (group.phase === 'CompletingRebalance') dropAssignment(turn, kafkaErrors.REBALANCE_IN_PROGRESS);
  group.syncDeadlineMs = undefined;
  group.pendingSync.clear();
  const timeoutMs = rebalanceTimeoutMs(group);
  const wasEmpty = group.phase === 'Empty';
  enterPhase(turn, 'PreparingRebalance');
  if (wasEmpty) {
    const delayMs = Math.min(settings.initialRebalanceDelayMs, timeoutMs);
    group.initialDelay = { remainingMs: timeoutMs - delayMs, memberAdded: false };
    group.joinDeadlineMs = now.monotonicMs + delayMs;
    if (delayMs === 0) completeJoin(turn);
    return;
  }
  group.joinDeadlineMs = now.monotonicMs + timeoutMs;
  maybeCompleteJoin(turn);
}

/** Forgets an assignment that was never answered and sends the waiting members back to join. */
function dropAssignment(turn: Turn, errorCode: number): void {
  turn.group.assignmentStore = undefined;
  for (const member of turn.group.members.values()) {
    member.assignment = emptyBytes;
    answerSync(turn, member, syncError(errorCode));
  }
}

/** Completes the join as soon as everybody known has come; the initial delay runs its full time. */
export function maybeCompleteJoin(turn: Turn): void {
  const { group } = turn;
  if (group.phase !== 'PreparingRebalance' || group.initialDelay !== undefined) return;
  if (group.pendingMembers.size > 0) return;
  for (const member of group.members.values()) if (member.joinToken === undefined) return;
  completeJoin(turn);
}

/** The time for joining is over, or, during the initial delay, a round of it is. */
export function onJoinDeadline(turn: Turn): void {
  const { group, now, settings } = turn;
  const delay = group.initialDelay;
  if (delay?.memberAdded && delay.remainingMs > 0) {
    const roundMs = Math.min(settings.initialRebalanceDelayMs, delay.remainingMs);
    delay.remainingMs -= roundMs;
    delay.memberAdded = false;
    group.joinDeadlineMs = now.monotonicMs + roundMs;
    return;
  }
  completeJoin(turn);
}

function completeJoin(turn: Turn): void {
  const { group, now } = turn;
  group.initialDelay = undefined;
  for (const member of [...group.members.values()]) {
    // A static member that is away keeps its place until its session ends.
    if (member.joinToken === undefined && member.instanceId === null) forgetMember(turn, member);
  }
  if (group.members.size > 0 && !electLeader(group)) {
    group.joinDeadlineMs = now.monotonicMs + rebalanceTimeoutMs(group);
    return;
  }
  group.joinDeadlineMs = undefined;
  group.generation += 1;
  group.pendingSync.clear();
  if (group.members.size === 0) becomeEmpty(turn);
  else startGeneration(turn);
}

function becomeEmpty(turn: Turn): void {
  turn.group.protocolName = undefined;
  turn.group.leaderId = undefined;
  enterPhase(turn, 'Empty');
  store(turn, snapshotGroup(turn.group));
}

function startGeneration(turn: Turn): void {
  const { group, now } = turn;
  group.protocolName = selectProtocol(group);
  enterPhase(turn, 'CompletingRebalance');
  group.syncDeadlineMs = now.monotonicMs + rebalanceTimeoutMs(group);
  for (const member of group.members.values()) {
    group.pendingSync.add(member.id);
    member.assignment = emptyBytes;
    if (member.joinToken === undefined) continue;
    member.isNew = false;
    refreshSession(member, now);
    answerJoin(turn, member, joinSuccess(group, member));
  }
}

/** Keeps the leader when it has joined, else the first joined member leads; false when nobody has joined. */
function electLeader(group: Group): boolean {
  const leader = group.leaderId === undefined ? undefined : group.members.get(group.leaderId);
  if (leader?.joinToken !== undefined) return true;
  for (const member of group.members.values()) {
    if (member.joinToken === undefined) continue;
    group.leaderId = member.id;
    return true;
  }
  return false;
}

/** The leader's assignment is durable: everybody who waits gets its part. */
export function becomeStable(turn: Turn, assignments: ReadonlyMap<string, Buffer>): void {
  const { group, now } = turn;
  enterPhase(turn, 'Stable');
  for (const member of group.members.values()) {
    member.assignment = assignments.get(member.id) ?? emptyBytes;
    if (member.syncToken === undefined) continue;
    refreshSession(member, now);
    answerSync(turn, member, syncSuccess(group, member));
  }
  if (group.pendingSync.size === 0) group.syncDeadlineMs = undefined;
}

/** The assignment could not be stored: nobody may act on it, the generation is given up. */
export function abandonAssignment(turn: Turn, errorCode: number): void {
  dropAssignment(turn, errorCode);
  prepareRebalance(turn);
}

/** Takes the member out and answers what it waits for; the caller decides what follows for the group. */
function forgetMember(turn: Turn, member: Member): void {
  const { group } = turn;
  answerJoin(turn, member, joinError(kafkaErrors.UNKNOWN_MEMBER_ID, member.id));
  answerSync(turn, member, syncError(kafkaErrors.UNKNOWN_MEMBER_ID));
  group.members.delete(member.id);
  group.pendingSync.delete(member.id);
  if (member.instanceId !== null) group.staticMembers.delete(member.instanceId);
  if (group.leaderId === member.id) group.leaderId = group.members.keys().next().value;
}

/** A member left or its session ended: the others rebalance, or the running rebalance stops waiting for it. */
export function removeMember(turn: Turn, member: Member): void {
  forgetMember(turn, member);
  if (turn.group.phase === 'PreparingRebalance') maybeCompleteJoin(turn);
  else maybePrepareRebalance(turn);
}
