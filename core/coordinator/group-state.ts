/** What a classic consumer group is made of: plain data that the group machine changes and the shell never touches. */

/** Kafka's own names; DescribeGroups and ListGroups answer with them. */
export type GroupPhase = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead';

/** Wall time goes into records, monotonic time into deadlines. */
export interface Instant {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** One way the member can share the work; the metadata is opaque to the broker. */
export interface GroupProtocol {
  readonly name: string;
  readonly metadata: Buffer;
}

/** A request waiting for its answer; the shell maps it back to the caller. */
export type Token = number;

export interface Member {
  readonly id: string;
  readonly instanceId: string | null;
  clientId: string;
  clientHost: string;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  protocols: readonly GroupProtocol[];
  assignment: Buffer;
  /** The JoinGroup that waits for the rebalance to complete. */
  joinToken: Token | undefined;
  /** The SyncGroup that waits for the leader's assignment. */
  syncToken: Token | undefined;
  sessionDeadlineMs: number;
  /** Has never seen a completed rebalance: its deadline holds even while its JoinGroup waits. */
  isNew: boolean;
}

/** The first rebalance of an empty group waits a little for more members, as long as new ones keep coming. */
interface InitialDelay {
  remainingMs: number;
  memberAdded: boolean;
}

interface AssignmentStore {
  readonly storeId: number;
  readonly assignments: ReadonlyMap<string, Buffer>;
}

export interface Group {
  readonly id: string;
  phase: GroupPhase;
  /** When the phase was entered, wall time; offset expiry of an empty group counts from here. */
  phaseSinceMs: number;
  generation: number;
  protocolType: string | undefined;
  protocolName: string | undefined;
  leaderId: string | undefined;
  readonly members: Map<string, Member>;
  /** Member ids given out with MEMBER_ID_REQUIRED and not used yet, with the monotonic deadline of each. */
  readonly pendingMembers: Map<string, number>;
  /** Group instance id → member id (static membership). */
  readonly staticMembers: Map<string, string>;
  /** Members of this generation that have not sent SyncGroup. */
  readonly pendingSync: Set<string>;
  joinDeadlineMs: number | undefined;
  syncDeadlineMs: number | undefined;
  initialDelay: InitialDelay | undefined;
  /** The leader's assignment on its way to the log; nobody sees it before it is durable. */
  assignmentStore: AssignmentStore | undefined;
  /** Answers to static members that took over an identity and wait for the record of it. */
  readonly replacements: Map<number, { readonly token: Token; readonly result: JoinResult }>;
  nextStoreId: number;
}

export interface JoinResult {
  readonly errorCode: number;
  readonly memberId: string;
  readonly generationId: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly leader: string;
  readonly skipAssignment: boolean;
  readonly members: readonly { memberId: string; groupInstanceId: string | null; metadata: Buffer }[];
}

export interface SyncResult {
  readonly errorCode: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly assignment: Buffer;
}

/** The durable part of a group: what its record in `__consumer_offsets` holds. */
export interface GroupSnapshot {
  readonly protocolType: string;
  readonly generation: number;
  readonly protocolName: string | null;
  readonly leaderId: string | null;
  readonly phaseSinceMs: number;
  readonly members: readonly MemberSnapshot[];
}

export interface MemberSnapshot {
  readonly id: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  readonly subscription: Buffer;
  readonly assignment: Buffer;
}

/** What the shell must do after a step, in this order. A `store` is answered with the event `stored`. */
export type GroupEffect =
  | { readonly kind: 'joined'; readonly token: Token; readonly result: JoinResult }
  | { readonly kind: 'synced'; readonly token: Token; readonly result: SyncResult }
  | { readonly kind: 'store'; readonly storeId: number; readonly snapshot: GroupSnapshot };

export const emptyBytes: Buffer = Buffer.alloc(0);

export function newGroup(id: string, wallMs: number): Group {
  return {
    id,
    phase: 'Empty',
    phaseSinceMs: wallMs,
    generation: 0,
    protocolType: undefined,
    protocolName: undefined,
    leaderId: undefined,
    members: new Map(),
    pendingMembers: new Map(),
    staticMembers: new Map(),
    pendingSync: new Set(),
    joinDeadlineMs: undefined,
    syncDeadlineMs: undefined,
    initialDelay: undefined,
    assignmentStore: undefined,
    replacements: new Map(),
    nextStoreId: 1,
  };
}

/** The group as its last record describes it; members get a full session from now, as they could not reach us before. */
export function restoreGroup(id: string, snapshot: GroupSnapshot, now: Instant): Group {
  const group = newGroup(id, snapshot.phaseSinceMs);
  group.generation = snapshot.generation;
  group.protocolType = snapshot.protocolType === '' ? undefined : snapshot.protocolType;
  group.protocolName = snapshot.protocolName ?? undefined;
  group.leaderId = snapshot.leaderId ?? undefined;
  for (const member of snapshot.members) {
    group.members.set(member.id, {
      id: member.id,
      instanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      sessionTimeoutMs: member.sessionTimeoutMs,
      rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      protocols: [{ name: snapshot.protocolName ?? '', metadata: member.subscription }],
      assignment: member.assignment,
      joinToken: undefined,
      syncToken: undefined,
      sessionDeadlineMs: now.monotonicMs + member.sessionTimeoutMs,
      isNew: false,
    });
    if (member.instanceId !== null) group.staticMembers.set(member.instanceId, member.id);
  }
  group.phase = group.members.size === 0 ? 'Empty' : 'Stable';
  return group;
}

/** The durable part of the group as it is now, or with the assignments that are about to become its own. */
export function snapshotGroup(group: Group, assignments?: ReadonlyMap<string, Buffer>): GroupSnapshot {
  return {
    protocolType: group.protocolType ?? '',
    generation: group.generation,
    protocolName: group.protocolName ?? null,
    leaderId: group.leaderId ?? null,
    phaseSinceMs: group.phaseSinceMs,
    members: Array.from(group.members.values(), (member) => ({
      id: member.id,
      instanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      sessionTimeoutMs: member.sessionTimeoutMs,
      subscription: chosenMetadata(group, member),
      assignment: assignments === undefined ? member.assignment : (assignments.get(member.id) ?? emptyBytes),
    })),
  };
}

/** The metadata of the protocol the group agreed on; empty before it agreed. */
export function chosenMetadata(group: Group, member: Member): Buffer {
  return member.protocols.find((protocol) => protocol.name === group.protocolName)?.metadata ?? emptyBytes;
}
