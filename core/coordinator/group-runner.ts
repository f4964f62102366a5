/** The shell around one group machine: waiting callers, one timer, and the stores the machine asks for. */

import type { Clock, Timer } from '../base/clock.ts';
import { kafkaErrors } from '../protocol/kafka-errors.ts';
import type { JoinRequest } from './group-join.ts';
import {
  checkCommit,
  heartbeat,
  joinGroup,
  leaveGroup,
  type MemberClaim,
  type MemberIdentity,
  nextDeadlineMs,
  type SyncRequest,
  startTurn,
  stored,
  syncGroup,
  tick,
} from './group-machine.ts';
import { type GroupSettings, joinError, syncError, type Turn } from './group-rebalance.ts';
import type { Group, GroupSnapshot, Instant, JoinResult, SyncResult } from './group-state.ts';

export interface RunnerPorts {
  readonly clock: Clock;
  readonly settings: GroupSettings;
  /** Makes the snapshot durable; resolves to an error code, rejects when the snapshot cannot be written as a record. */
  readonly store: (groupId: string, snapshot: GroupSnapshot) => Promise<number>;
}

/** A timer that fires this late means that the process was stalled, and the members' requests may still lie in the sockets. */
const stallMs = 500;

export class GroupRunner {
  readonly group: Group;
  readonly #ports: RunnerPorts;
  readonly #joins = new Map<number, (result: JoinResult) => void>();
  readonly #syncs = new Map<number, (result: SyncResult) => void>();
  #nextToken = 1;
  #timer: Timer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;

  constructor(group: Group, ports: RunnerPorts) {
    this.group = group;
    this.#ports = ports;
    this.#armTimer();
  }

  join(request: Omit<JoinRequest, 'token'>): Promise<JoinResult> {
    return new Promise((resolve) => {
      const token = this.#nextToken++;
      this.#joins.set(token, resolve);
      this.#step((turn) => joinGroup(turn, { ...request, token }));
    });
  }

  sync(request: Omit<SyncRequest, 'token'>): Promise<SyncResult> {
    return new Promise((resolve) => {
      const token = this.#nextToken++;
      this.#syncs.set(token, resolve);
      this.#step((turn) => syncGroup(turn, { ...request, token }));
    });
  }

  /** Deadlines only move away here, so the armed timer stays good enough. */
  heartbeat(claim: MemberClaim): number {
    return heartbeat(this.group, claim, this.#now());
  }

  checkCommit(claim: MemberClaim): number {
    return checkCommit(this.group, claim, this.#now());
  }

  leave(identities: readonly MemberIdentity[]): number[] {
    return this.#step((turn) => leaveGroup(turn, identities));
  }

  /** The group is gone or the coordinator closes: everybody who waits is sent to look for the coordinator again. */
  close(): void {
    this.group.phase = 'Dead';
    this.#timer?.cancel();
    for (const resolve of this.#joins.values()) resolve(joinError(kafkaErrors.COORDINATOR_NOT_AVAILABLE, ''));
    for (const resolve of this.#syncs.values()) resolve(syncError(kafkaErrors.COORDINATOR_NOT_AVAILABLE));
    this.#joins.clear();
    this.#syncs.clear();
  }

  #now(): Instant {
    return { wallMs: this.#ports.clock.nowMs(), monotonicMs: this.#ports.clock.monotonicMs() };
  }

  #step<R>(change: (turn: Turn) => R): R {
    const turn = startTurn(this.group, this.#ports.settings, this.#now());
    const result = change(turn);
    for (const effect of turn.effects) {
      if (effect.kind === 'joined') this.#answer(this.#joins, effect.token, effect.result);
      else if (effect.kind === 'synced') this.#answer(this.#syncs, effect.token, effect.result);
      else void this.#store(effect.storeId, effect.snapshot);
    }
    this.#armTimer();
    return result;
  }

  #answer<R>(waiting: Map<number, (result: R) => void>, token: number, result: R): void {
    waiting.get(token)?.(result);
    waiting.delete(token);
  }

  async #store(storeId: number, snapshot: GroupSnapshot): Promise<void> {
    // A snapshot that does not fit its record (a name over 32 KiB) is the fault of one group, not of the broker.
    const errorCode = await this.#ports.store(this.group.id, snapshot).catch(() => kafkaErrors.UNKNOWN_SERVER_ERROR);
    if (this.group.phase !== 'Dead') this.#step((turn) => stored(turn, storeId, errorCode));
  }

  #armTimer(): void {
    const atMs = nextDeadlineMs(this.group) ?? Number.POSITIVE_INFINITY;
    if (atMs >= this.#timerAtMs || this.group.phase === 'Dead') return;
    this.#timer?.cancel();
    this.#timerAtMs = atMs;
    const delayMs = Math.max(atMs - this.#ports.clock.monotonicMs(), 0);
    this.#timer = this.#ports.clock.timer(delayMs, () => this.#onTimer(atMs));
  }

  #onTimer(dueMs: number): void {
    const isLate = this.#ports.clock.monotonicMs() - dueMs > stallMs;
    // One short round for the sockets first: a member is not dead because we were.
    if (isLate) this.#timer = this.#ports.clock.timer(stallMs / 5, () => this.#tick());
    else this.#tick();
  }

  #tick(): void {
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    this.#step(tick);
  }
}
