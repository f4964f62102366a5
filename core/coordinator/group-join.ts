/** JoinGroup: who may come in, under which member id, and whether that costs the others a rebalance. */

import { kafkaErrors } from '../protocol/kafka-errors.ts';
import { sameProtocols, selectProtocol, supportsProtocols } from './group-protocols.ts';
import {
  answerJoin,
  answerSync,
  describeMembers,
  joinError,
  joinSuccess,
  maybeCompleteJoin,
  maybePrepareRebalance,
  prepareRebalance,
  refreshSession,
  store,
  syncError,
  type Turn,
} from './group-rebalance.ts';
import {
  emptyBytes,
  type Group,
  type GroupProtocol,
  type JoinResult,
  type Member,
  snapshotGroup,
  type Token,
} from './group-state.ts';

export interface JoinRequest {
  readonly token: Token;
  /** Empty for a newcomer. */
  readonly memberId: string;
  /** The id a newcomer gets; random, therefore made by the shell. */
  readonly newMemberId: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly protocolType: string;
  readonly protocols: readonly GroupProtocol[];
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  /** Version 4 and later: a newcomer must come again with the id it is given (KIP-394). */
  readonly mustConfirmId: boolean;
  /** Version 9 and later: a returning static leader can be told to keep the assignment (KIP-814). */
  readonly canSkipAssignment: boolean;
}

/** A newcomer that never completes a rebalance is dropped after this long, whatever its session timeout. */
const newMemberTimeoutMs = 300_000;

export function joinGroup(turn: Turn, request: JoinRequest): void {
  const { group } = turn;
  const errorCode = checkJoin(turn, request);
  if (errorCode !== kafkaErrors.NONE) reply(turn, request, joinError(errorCode, request.memberId));
  else if (request.memberId !== '') joinKnown(turn, request);
  else if (request.instanceId !== null) joinStatic(turn, request, request.instanceId);
  else if (request.mustConfirmId) {
    group.pendingMembers.set(request.newMemberId, turn.now.monotonicMs + request.sessionTimeoutMs);
    reply(turn, request, joinError(kafkaErrors.MEMBER_ID_REQUIRED, request.newMemberId));
  } else addMember(turn, request, request.newMemberId);
}

function reply(turn: Turn, request: JoinRequest, result: JoinResult): void {
  turn.effects.push({ kind: 'joined', token: request.token, result });
}

function checkJoin(turn: Turn, request: JoinRequest): number {
  const { group, settings } = turn;
  if (
    request.sessionTimeoutMs < settings.minSessionTimeoutMs ||
    request.sessionTimeoutMs > settings.maxSessionTimeoutMs
  ) {
    return kafkaErrors.INVALID_SESSION_TIMEOUT;
  }
  if (group.phase === 'Dead') return kafkaErrors.COORDINATOR_NOT_AVAILABLE;
  if (!supportsProtocols(group, request.protocolType, request.protocols))
    return kafkaErrors.INCONSISTENT_GROUP_PROTOCOL;
  const takesOver = request.instanceId !== null && group.staticMembers.has(request.instanceId);
  const isNewcomer = request.memberId === '' && !takesOver;
  const size = group.members.size + group.pendingMembers.size;
  return isNewcomer && size >= settings.maxMembers ? kafkaErrors.GROUP_MAX_SIZE_REACHED : kafkaErrors.NONE;
}

function joinStatic(turn: Turn, request: JoinRequest, instanceId: string): void {
  const oldMemberId = turn.group.staticMembers.get(instanceId);
  const old = oldMemberId === undefined ? undefined : turn.group.members.get(oldMemberId);
  if (old === undefined) addMember(turn, request, request.newMemberId);
  else replaceStaticMember(turn, request, old);
}

function joinKnown(turn: Turn, request: JoinRequest): void {
  const { group } = turn;
  if (request.instanceId === null && group.pendingMembers.has(request.memberId)) {
    addMember(turn, request, request.memberId);
    return;
  }
  const member = group.members.get(request.memberId);
  const current = request.instanceId === null ? request.memberId : group.staticMembers.get(request.instanceId);
  if (current !== undefined && current !== request.memberId) {
    reply(turn, request, joinError(kafkaErrors.FENCED_INSTANCE_ID, request.memberId));
  } else if (member === undefined || current === undefined || group.phase === 'Empty') {
    reply(turn, request, joinError(kafkaErrors.UNKNOWN_MEMBER_ID, request.memberId));
  } else rejoin(turn, request, member);
}

/** A member of the group joins again: often it only lost our answer, and then nobody else is disturbed. */
function rejoin(turn: Turn, request: JoinRequest, member: Member): void {
  const { group } = turn;
  const unchanged = sameProtocols(member, request.protocols);
  const lostAnswer =
    (group.phase === 'CompletingRebalance' && unchanged) ||
    (group.phase === 'Stable' && unchanged && member.id !== group.leaderId);
  if (lostAnswer) {
    refreshSession(member, turn.now);
    reply(turn, request, joinSuccess(group, member));
    return;
  }
  updateMember(turn, member, request);
  if (group.phase === 'PreparingRebalance') maybeCompleteJoin(turn);
  else prepareRebalance(turn);
}

/** Takes over what the request says of the member; a JoinGroup that still waits is sent away, this one replaces it. */
function updateMember(turn: Turn, member: Member, request: JoinRequest): void {
  answerJoin(turn, member, joinError(kafkaErrors.REBALANCE_IN_PROGRESS, member.id));
  member.protocols = request.protocols;
  member.clientId = request.clientId;
  member.clientHost = request.clientHost;
  member.sessionTimeoutMs = request.sessionTimeoutMs;
  member.rebalanceTimeoutMs = request.rebalanceTimeoutMs;
  member.joinToken = request.token;
  refreshSession(member, turn.now);
}

function addMember(turn: Turn, request: JoinRequest, memberId: string): void {
  const { group, now } = turn;
  group.pendingMembers.delete(memberId);
  if (group.members.size === 0) group.protocolType = request.protocolType;
  group.leaderId ??= memberId;
  group.members.set(memberId, newMember(request, memberId, now.monotonicMs + newMemberTimeoutMs));
  if (request.instanceId !== null) group.staticMembers.set(request.instanceId, memberId);
  if (group.initialDelay !== undefined) group.initialDelay.memberAdded = true;
  if (group.phase === 'PreparingRebalance') maybeCompleteJoin(turn);
  else maybePrepareRebalance(turn);
}

function newMember(request: JoinRequest, id: string, sessionDeadlineMs: number): Member {
  return {
    id,
    instanceId: request.instanceId,
    clientId: request.clientId,
    clientHost: request.clientHost,
    sessionTimeoutMs: request.sessionTimeoutMs,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs,
    protocols: request.protocols,
    assignment: emptyBytes,
    joinToken: request.token,
    syncToken: undefined,
    sessionDeadlineMs,
    isNew: true,
  };
}

/** The process behind an instance id restarted: the newcomer gets its place, the one before is fenced. */
function replaceStaticMember(turn: Turn, request: JoinRequest, old: Member): void {
  const { group } = turn;
  const wasLeader = group.leaderId === old.id;
  const oldLeaderId = group.leaderId ?? '';
  answerJoin(turn, old, joinError(kafkaErrors.FENCED_INSTANCE_ID, old.id));
  answerSync(turn, old, syncError(kafkaErrors.FENCED_INSTANCE_ID));
  const member = takeOver(group, request, old);
  refreshSession(member, turn.now);
  if (group.phase === 'Stable' && selectProtocol(group) === group.protocolName) {
    member.joinToken = undefined;
    const storeId = store(turn, snapshotGroup(group));
    group.replacements.set(storeId, {
      token: request.token,
      result: takeOverResult(group, member, { wasLeader, oldLeaderId, canSkip: request.canSkipAssignment }),
    });
  } else if (group.phase === 'PreparingRebalance') maybeCompleteJoin(turn);
  else prepareRebalance(turn);
}

/** Puts the new member into the old one's place in the order of members, with its assignment. */
function takeOver(group: Group, request: JoinRequest, old: Member): Member {
  const id = request.newMemberId;
  const member: Member = { ...newMember(request, id, 0), assignment: old.assignment, isNew: false };
  const members = Array.from(group.members.values(), (other) => (other === old ? member : other));
  group.members.clear();
  for (const each of members) group.members.set(each.id, each);
  if (group.pendingSync.delete(old.id)) group.pendingSync.add(id);
  if (old.instanceId !== null) group.staticMembers.set(old.instanceId, id);
  if (group.leaderId === old.id) group.leaderId = id;
  return member;
}

/** Before version 9 a returning leader is shown the old leader's id, so that it does not assign anew (KIP-345). */
function takeOverResult(
  group: Group,
  member: Member,
  { wasLeader, oldLeaderId, canSkip }: { wasLeader: boolean; oldLeaderId: string; canSkip: boolean },
): JoinResult {
  const base = joinSuccess(group, member);
  if (!canSkip) return { ...base, leader: oldLeaderId, members: [] };
  return { ...base, skipAssignment: wasLeader, members: wasLeader ? describeMembers(group) : [] };
}
