/** Drives one group machine by hand: time, stores and answers are variables of the test. */

import type { JoinRequest } from '../../../core/coordinator/group-join.ts';
import {
  checkCommit,
  heartbeat,
  joinGroup,
  leaveGroup,
  nextDeadlineMs,
  type SyncRequest,
  startTurn,
  stored,
  syncGroup,
  tick,
} from '../../../core/coordinator/group-machine.ts';
import type { GroupSettings, Turn } from '../../../core/coordinator/group-rebalance.ts';
import {
  type GroupSnapshot,
  type JoinResult,
  newGroup,
  type SyncResult,
} from '../../../core/coordinator/group-state.ts';

export type JoinInput = Partial<Omit<JoinRequest, 'protocols' | 'token'>> & { protocols?: readonly string[] };

const settings: GroupSettings = {
  initialRebalanceDelayMs: 0,
  maxMembers: 100,
  minSessionTimeoutMs: 6_000,
  maxSessionTimeoutMs: 1_800_000,
};

export class GroupDriver {
  readonly group = newGroup('g', 0);
  readonly settings: GroupSettings;
  nowMs = 0;
  lastSnapshot: GroupSnapshot | undefined;
  /** Every store asked for and not ended, in order. */
  stores: { storeId: number; snapshot: GroupSnapshot }[] = [];
  readonly joinAnswers = new Map<number, JoinResult>();
  readonly syncAnswers = new Map<number, SyncResult>();
  /** Tokens handed in and not answered. */
  readonly open = new Set<number>();
  #nextToken = 1;

  constructor(overrides: Partial<GroupSettings> = {}) {
    this.settings = { ...settings, ...overrides };
  }

  step<R>(change: (turn: Turn) => R): R {
    const turn = startTurn(this.group, this.settings, this.now());
    const result = change(turn);
    for (const effect of turn.effects) {
      if (effect.kind === 'store') {
        this.stores.push(effect);
        this.lastSnapshot = effect.snapshot;
        continue;
      }
      if (!this.open.delete(effect.token)) throw new Error(`token ${effect.token} answered twice`);
      if (effect.kind === 'joined') this.joinAnswers.set(effect.token, effect.result);
      else this.syncAnswers.set(effect.token, effect.result);
    }
    return result;
  }

  now() {
    return { wallMs: this.nowMs, monotonicMs: this.nowMs };
  }

  join(input: JoinInput): number {
    const token = this.#token();
    const { protocols = ['range'], ...rest } = input;
    const request: JoinRequest = {
      token,
      memberId: '',
      newMemberId: `member-${token}`,
      instanceId: null,
      clientId: 'client',
      clientHost: '/127.0.0.1',
      protocolType: 'consumer',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 60_000,
      mustConfirmId: false,
      canSkipAssignment: false,
      ...rest,
      protocols: protocols.map((name) => ({ name, metadata: Buffer.from(`metadata of ${name}`) })),
    };
    this.step((turn) => joinGroup(turn, request));
    return token;
  }

  sync(memberId: string, assignments: Record<string, string>, extra: Partial<SyncRequest> = {}): number {
    const token = this.#token();
    const request: SyncRequest = {
      token,
      memberId,
      instanceId: null,
      generationId: this.group.generation,
      protocolType: null,
      protocolName: null,
      assignments: Object.entries(assignments).map(([id, text]) => ({ memberId: id, assignment: Buffer.from(text) })),
      ...extra,
    };
    this.step((turn) => syncGroup(turn, request));
    return token;
  }

  heartbeat(memberId: string, generationId = this.group.generation, instanceId: string | null = null): number {
    return heartbeat(this.group, { memberId, instanceId, generationId }, this.now());
  }

  commit(memberId: string, generationId = this.group.generation, instanceId: string | null = null): number {
    return checkCommit(this.group, { memberId, instanceId, generationId }, this.now());
  }

  leave(memberId: string, instanceId: string | null = null): number {
    return this.step((turn) => leaveGroup(turn, [{ memberId, instanceId }]))[0] ?? -1;
  }

  /** The oldest store ends. */
  storeEnds(errorCode = 0): void {
    const store = this.stores.shift();
    if (store !== undefined) this.step((turn) => stored(turn, store.storeId, errorCode));
  }

  advance(ms: number): void {
    this.nowMs += ms;
    const deadlineMs = nextDeadlineMs(this.group);
    if (deadlineMs !== undefined && deadlineMs <= this.nowMs) this.step(tick);
  }

  joined(token: number): JoinResult | undefined {
    return this.joinAnswers.get(token);
  }

  synced(token: number): SyncResult | undefined {
    return this.syncAnswers.get(token);
  }

  /** Two members in a generation whose assignment is still to come. */
  twoJoined(input: JoinInput = {}): { leader: string; follower: string } {
    this.join({ ...input, newMemberId: 'leader' });
    this.join({ ...input, newMemberId: 'follower' });
    this.join({ ...input, memberId: 'leader' });
    return { leader: 'leader', follower: 'follower' };
  }

  /** A stable group with these members, the first one leading; answers their member ids. */
  stable(names: readonly string[], input: JoinInput & { isStatic?: boolean } = {}): string[] {
    const { isStatic = false, ...rest } = input;
    const ids = names.map((name) => `${name}-1`);
    const identity = (index: number) => ({ instanceId: isStatic ? (names[index] ?? null) : null });
    for (const [index, newMemberId] of ids.entries()) this.join({ ...rest, ...identity(index), newMemberId });
    for (const [index, memberId] of ids.entries()) {
      if (names.length > 1 && index < names.length - 1) this.join({ ...rest, ...identity(index), memberId });
    }
    const parts = Object.fromEntries(names.map((name, index) => [ids[index] ?? '', `part of ${name}`]));
    for (const [index, id] of ids.entries()) this.sync(id, index === 0 ? parts : {}, identity(index));
    while (this.stores.length > 0) this.storeEnds();
    if (this.group.phase !== 'Stable') throw new Error(`the group is ${this.group.phase}`);
    return ids;
  }

  #token(): number {
    const token = this.#nextToken++;
    this.open.add(token);
    return token;
  }
}
