/** Random lives of a group: whatever happens, its promises hold after every step. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nextDeadlineMs } from '../../../core/coordinator/group-machine.ts';
import { decodeGroupValue, encodeGroupValue } from '../../../core/coordinator/group-records.ts';
import { restoreGroup, snapshotGroup } from '../../../core/coordinator/group-state.ts';
import { GroupDriver } from './group-driver.ts';

type Action =
  | { kind: 'join'; who: number; isStatic: boolean; confirm: boolean; protocols: readonly string[]; skip: boolean }
  | { kind: 'rejoin'; who: number; changed: boolean }
  | { kind: 'sync'; who: number }
  | { kind: 'heartbeat'; who: number }
  | { kind: 'leave'; who: number }
  | { kind: 'store'; fails: boolean }
  | { kind: 'advance'; ms: number };

const who = fc.nat({ max: 5 });
const protocols = fc.constantFrom(['range'], ['sticky', 'range'], ['range', 'robin']);

const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({
    kind: fc.constant('join' as const),
    who,
    isStatic: fc.boolean(),
    confirm: fc.boolean(),
    protocols,
    skip: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('rejoin' as const), who, changed: fc.boolean() }),
  fc.record({ kind: fc.constant('sync' as const), who }),
  fc.record({ kind: fc.constant('sync' as const), who }),
  fc.record({ kind: fc.constant('heartbeat' as const), who }),
  fc.record({ kind: fc.constant('leave' as const), who }),
  fc.record({ kind: fc.constant('store' as const), fails: fc.boolean() }),
  fc.record({ kind: fc.constant('advance' as const), ms: fc.constantFrom(1, 50, 1_000, 5_000, 20_000, 70_000) }),
);

const timing = { sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 30_000 };

/** One life: which member ids were handed out, which assignment each generation got. */
class Life {
  readonly driver: GroupDriver;
  readonly stableParts = new Map<number, Map<string, string>>();

  constructor(initialRebalanceDelayMs: number) {
    this.driver = new GroupDriver({ initialRebalanceDelayMs, maxMembers: 6 });
  }

  do(step: Action): void {
    const { driver } = this;
    const member = [...driver.group.members.values()][step.kind === 'store' || step.kind === 'advance' ? 0 : step.who];
    switch (step.kind) {
      case 'join':
        this.#join(step);
        break;
      case 'rejoin':
        if (member === undefined) break;
        driver.join({
          ...timing,
          memberId: member.id,
          instanceId: member.instanceId,
          protocols: step.changed ? ['range', 'sticky'] : member.protocols.map(({ name }) => name),
        });
        break;
      case 'sync':
        if (member !== undefined) driver.sync(member.id, this.#shares(), { instanceId: member.instanceId });
        break;
      case 'heartbeat':
        if (member !== undefined) driver.heartbeat(member.id, driver.group.generation, member.instanceId);
        break;
      case 'leave':
        if (member !== undefined) driver.leave(member.id, member.instanceId);
        break;
      case 'store':
        driver.storeEnds(step.fails ? 15 : 0);
        break;
      case 'advance':
        driver.advance(step.ms);
        break;
    }
  }

  #join({ who, isStatic, confirm, protocols, skip }: Extract<Action, { kind: 'join' }>): void {
    const { driver } = this;
    const [pending] = driver.group.pendingMembers.keys();
    driver.join({
      ...timing,
      memberId: pending !== undefined && confirm && !isStatic ? pending : '',
      instanceId: isStatic ? `instance-${who}` : null,
      mustConfirmId: confirm,
      canSkipAssignment: skip,
      protocols,
    });
  }

  #shares(): Record<string, string> {
    const { group } = this.driver;
    return Object.fromEntries([...group.members.keys()].map((id) => [id, `${group.generation}:${id}`]));
  }

  check(): void {
    const { group, open, stores } = this.driver;
    const members = [...group.members.values()];
    if (members.length > 0) expect(group.members.has(group.leaderId ?? '')).toBe(true);
    if (group.phase === 'Empty') expect(members).toHaveLength(0);
    if (group.phase === 'Stable' || group.phase === 'CompletingRebalance') expect(members.length).toBeGreaterThan(0);
    expect(group.members.size + group.pendingMembers.size).toBeLessThanOrEqual(6);
    for (const [instanceId, memberId] of group.staticMembers) {
      expect(group.members.get(memberId)?.instanceId).toBe(instanceId);
    }
    // Whoever waits is known to the group, and a deadline will end the wait.
    const waiting = new Set<number>(Array.from(group.replacements.values(), ({ token }) => token));
    for (const { joinToken, syncToken } of members) {
      if (joinToken !== undefined) waiting.add(joinToken);
      if (syncToken !== undefined) waiting.add(syncToken);
    }
    expect(open).toEqual(waiting);
    if (members.some(({ joinToken }) => joinToken !== undefined)) expect(group.phase).toBe('PreparingRebalance');
    if (members.some(({ syncToken }) => syncToken !== undefined)) expect(group.phase).toBe('CompletingRebalance');
    if (group.phase === 'PreparingRebalance') expect(group.joinDeadlineMs).toBeDefined();
    const deadlineMs = nextDeadlineMs(group);
    if (open.size > group.replacements.size && stores.length === 0) {
      expect(deadlineMs).toBeLessThanOrEqual(this.driver.nowMs + 300_000);
    }
    // An assignment that members may act on is of this generation.
    if (group.phase === 'Stable') {
      for (const { id, assignment, instanceId } of members) {
        const [generation] = assignment.toString().split(':');
        if (assignment.length > 0 && instanceId === null)
          expect(assignment.toString()).toBe(`${group.generation}:${id}`);
        if (assignment.length > 0) expect(Number(generation)).toBe(group.generation);
      }
    }
  }

  /** What a restart would know equals what the group was at its last durable record. */
  checkReplay(): void {
    const { group, lastSnapshot, stores } = this.driver;
    if (lastSnapshot === undefined || stores.length > 0) return;
    const replayed = restoreGroup('g', decodeGroupValue(encodeGroupValue(lastSnapshot)), this.driver.now());
    if (group.phase === 'Stable' && group.generation === lastSnapshot.generation) {
      const known = (from: typeof group) => ({ ...snapshotGroup(from), phaseSinceMs: 0 });
      expect(known(replayed)).toEqual(known(group));
    }
    if (group.phase === 'Empty' && group.generation > 0) {
      expect(snapshotGroup(replayed)).toEqual(snapshotGroup(group));
    }
  }
}

test('the promises of a group hold in every order of events', () => {
  fc.assert(
    fc.property(fc.constantFrom(0, 100), fc.array(action, { maxLength: 60 }), (delayMs, actions) => {
      const life = new Life(delayMs);
      for (const step of actions) {
        life.do(step);
        life.check();
      }
      while (life.driver.stores.length > 0) life.driver.storeEnds();
      life.check();
      life.checkReplay();
    }),
    { numRuns: 1_500 },
  );
});

test('when everybody falls silent, every wait ends and the group becomes empty', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
      const life = new Life(100);
      for (const step of actions) life.do(step);
      for (let round = 0; round < 200; round++) {
        while (life.driver.stores.length > 0) life.driver.storeEnds();
        const deadlineMs = nextDeadlineMs(life.driver.group);
        if (deadlineMs === undefined) break;
        life.driver.advance(Math.max(deadlineMs - life.driver.nowMs, 0));
      }
      expect(life.driver.open.size).toBe(0);
      expect(life.driver.group.phase).toBe('Empty');
    }),
    { numRuns: 500 },
  );
});
