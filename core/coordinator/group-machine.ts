/** The classic consumer group as a machine: what each request, each deadline and each finished store does to it. Source: KIP-62, KIP-345, KIP-394, KIP-559. */

import { kafkaErrors } from '../protocol/kafka-errors.ts';
import { joinGroup } from './group-join.ts';
import {
  abandonAssignment,
  answerSync,
  becomeStable,
  type GroupSettings,
  joinError,
  maybeCompleteJoin,
  maybePrepareRebalance,
  onJoinDeadline,
  refreshSession,
  removeMember,
  store,
  syncError,
  syncSuccess,
  type Turn,
} from './group-rebalance.ts';
import { type Group, type GroupEffect, type Instant, type Member, snapshotGroup, type Token } from './group-state.ts';

export { joinGroup };

export interface MemberIdentity {
  readonly memberId: string;
  readonly instanceId: string | null;
}

export interface SyncRequest extends MemberIdentity {
  readonly token: Token;
  readonly generationId: number;
  /** Null before version 5: not checked then. */
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[];
}

export interface MemberClaim extends MemberIdentity {
  readonly generationId: number;
}

export function startTurn(group: Group, settings: GroupSettings, now: Instant): Turn {
  const effects: GroupEffect[] = [];
  return { group, now, settings, effects };
}

/** NONE when the claim names a member of this group under its current identity. */
function checkMember(group: Group, claim: MemberIdentity): number {
  if (claim.instanceId !== null) {
    const current = group.staticMembers.get(claim.instanceId);
    if (current === undefined) return kafkaErrors.UNKNOWN_MEMBER_ID;
    if (current !== claim.memberId) return kafkaErrors.FENCED_INSTANCE_ID;
  }
  return group.members.has(claim.memberId) ? kafkaErrors.NONE : kafkaErrors.UNKNOWN_MEMBER_ID;
}

function checkClaim(group: Group, claim: MemberClaim): number {
  if (group.phase === 'Dead') return kafkaErrors.COORDINATOR_NOT_AVAILABLE;
  const errorCode = checkMember(group, claim);
  if (errorCode !== kafkaErrors.NONE) return errorCode;
  return claim.generationId === group.generation ? kafkaErrors.NONE : kafkaErrors.ILLEGAL_GENERATION;
}

/** Followers wait for the leader; the leader's assignment is stored before anybody is answered. */
export function syncGroup(turn: Turn, request: SyncRequest): void {
  const { group, now } = turn;
  const errorCode = checkSync(group, request);
  const member = checkClaim(group, request) === kafkaErrors.NONE ? group.members.get(request.memberId) : undefined;
  // Also when it must join anew: it has shown that it lives.
  if (member !== undefined) refreshSession(member, now);
  if (errorCode !== kafkaErrors.NONE || member === undefined) {
    turn.effects.push({ kind: 'synced', token: request.token, result: syncError(errorCode) });
    return;
  }
  group.pendingSync.delete(member.id);
  // A repeated request replaces the one before; its connection is gone or no longer listens.
  answerSync(turn, member, syncError(kafkaErrors.REBALANCE_IN_PROGRESS));
  member.syncToken = request.token;
  if (group.phase === 'Stable') {
    answerSync(turn, member, syncSuccess(group, member));
    if (group.pendingSync.size === 0) group.syncDeadlineMs = undefined;
    return;
  }
  if (member.id !== group.leaderId || group.assignmentStore !== undefined) return;
  const assignments = new Map<string, Buffer>();
  for (const entry of request.assignments) {
    if (group.members.has(entry.memberId)) assignments.set(entry.memberId, entry.assignment);
  }
  group.assignmentStore = { storeId: store(turn, snapshotGroup(group, assignments)), assignments };
}

function checkSync(group: Group, request: SyncRequest): number {
  const errorCode = checkClaim(group, request);
  if (errorCode !== kafkaErrors.NONE) return errorCode;
  if (request.protocolType !== null && request.protocolType !== group.protocolType) {
    return kafkaErrors.INCONSISTENT_GROUP_PROTOCOL;
  }
  if (
    request.protocolName !== null &&
    group.protocolName !== undefined &&
    request.protocolName !== group.protocolName
  ) {
    return kafkaErrors.INCONSISTENT_GROUP_PROTOCOL;
  }
  if (group.phase === 'Empty') return kafkaErrors.UNKNOWN_MEMBER_ID;
  return group.phase === 'PreparingRebalance' ? kafkaErrors.REBALANCE_IN_PROGRESS : kafkaErrors.NONE;
}

/** Counts as a sign of life and tells the member whether it must rejoin. */
export function heartbeat(group: Group, claim: MemberClaim, now: Instant): number {
  const errorCode = checkClaim(group, claim);
  if (errorCode !== kafkaErrors.NONE) return errorCode;
  refreshSession(group.members.get(claim.memberId) as Member, now);
  return group.phase === 'PreparingRebalance' ? kafkaErrors.REBALANCE_IN_PROGRESS : kafkaErrors.NONE;
}

/** Whether this claim may commit offsets; a simple commit (no member, generation -1) needs a group without members. */
export function checkCommit(group: Group, claim: MemberClaim, now: Instant): number {
  if (group.phase === 'Dead') return kafkaErrors.COORDINATOR_NOT_AVAILABLE;
  const isSimple = claim.generationId < 0 && claim.memberId === '' && claim.instanceId === null;
  if (isSimple) return group.members.size === 0 ? kafkaErrors.NONE : kafkaErrors.UNKNOWN_MEMBER_ID;
  if (claim.generationId < 0 && group.phase === 'Empty') return kafkaErrors.NONE;
  const errorCode = checkClaim(group, claim);
  if (errorCode !== kafkaErrors.NONE) return errorCode;
  refreshSession(group.members.get(claim.memberId) as Member, now);
  // The member knows the new generation but has no assignment in it yet: it cannot own what it commits.
  return group.phase === 'CompletingRebalance' ? kafkaErrors.REBALANCE_IN_PROGRESS : kafkaErrors.NONE;
}

/** Removes each named member; the answer has one error code per name, in order. */
export function leaveGroup(turn: Turn, identities: readonly MemberIdentity[]): number[] {
  return identities.map((identity) => leaveOne(turn, identity));
}

function leaveOne(turn: Turn, identity: MemberIdentity): number {
  const { group } = turn;
  if (group.phase === 'Dead') return kafkaErrors.COORDINATOR_NOT_AVAILABLE;
  if (identity.instanceId === null && group.pendingMembers.delete(identity.memberId)) {
    maybeCompleteJoin(turn);
    return kafkaErrors.NONE;
  }
  const memberId =
    identity.instanceId === null ? identity.memberId : (group.staticMembers.get(identity.instanceId) ?? '');
  const member = group.members.get(memberId);
  if (member === undefined) return kafkaErrors.UNKNOWN_MEMBER_ID;
  if (identity.memberId !== '' && identity.memberId !== memberId) return kafkaErrors.FENCED_INSTANCE_ID;
  removeMember(turn, member);
  return kafkaErrors.NONE;
}

/** A `store` effect ended: with NONE the record is durable, with anything else nobody may rely on it. */
export function stored(turn: Turn, storeId: number, errorCode: number): void {
  const { group } = turn;
  const replacement = group.replacements.get(storeId);
  if (replacement !== undefined) {
    group.replacements.delete(storeId);
    const { token, result } = replacement;
    const failed = joinError(errorCode, result.memberId);
    turn.effects.push({ kind: 'joined', token, result: errorCode === kafkaErrors.NONE ? result : failed });
    if (errorCode !== kafkaErrors.NONE) maybePrepareRebalance(turn);
    return;
  }
  const pending = group.assignmentStore;
  // A rebalance may have begun meanwhile: then the record describes a generation that nobody was told of.
  if (pending?.storeId !== storeId) return;
  group.assignmentStore = undefined;
  if (errorCode === kafkaErrors.NONE) becomeStable(turn, pending.assignments);
  else abandonAssignment(turn, errorCode);
}

/** Does everything whose deadline has come. */
export function tick(turn: Turn): void {
  const { group } = turn;
  const nowMs = turn.now.monotonicMs;
  for (const [memberId, deadlineMs] of group.pendingMembers) {
    if (deadlineMs <= nowMs) group.pendingMembers.delete(memberId);
  }
  for (const member of [...group.members.values()]) {
    const isPresent = group.members.get(member.id) === member;
    if (isPresent && sessionDeadlineOf(member) <= nowMs) removeMember(turn, member);
  }
  if (group.syncDeadlineMs !== undefined && group.syncDeadlineMs <= nowMs) onSyncDeadline(turn);
  if (group.joinDeadlineMs !== undefined && group.joinDeadlineMs <= nowMs) onJoinDeadline(turn);
  else maybeCompleteJoin(turn);
}

/** A member that waits for our answer is alive, unless it has never been part of a generation. */
function sessionDeadlineOf(member: Member): number {
  const isWaiting = member.joinToken !== undefined || member.syncToken !== undefined;
  return isWaiting && !member.isNew ? Number.POSITIVE_INFINITY : member.sessionDeadlineMs;
}

/** Members that never fetched their assignment are gone; the others share the work anew. */
function onSyncDeadline(turn: Turn): void {
  const { group } = turn;
  group.syncDeadlineMs = undefined;
  const missing = [...group.pendingSync];
  group.pendingSync.clear();
  for (const memberId of missing) {
    const member = group.members.get(memberId);
    if (member !== undefined) removeMember(turn, member);
  }
}

/** The monotonic time at which `tick` must be called next, or undefined when nothing waits. */
export function nextDeadlineMs(group: Group): number | undefined {
  let next = Number.POSITIVE_INFINITY;
  for (const deadlineMs of group.pendingMembers.values()) next = Math.min(next, deadlineMs);
  for (const member of group.members.values()) next = Math.min(next, sessionDeadlineOf(member));
  if (group.joinDeadlineMs !== undefined) next = Math.min(next, group.joinDeadlineMs);
  if (group.syncDeadlineMs !== undefined) next = Math.min(next, group.syncDeadlineMs);
  return next === Number.POSITIVE_INFINITY ? undefined : next;
}
