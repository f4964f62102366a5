/** The classic group machine, event by event: joining, sharing out, staying, leaving, coming back. */

import { describe, expect, test } from 'vitest';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';
import { GroupDriver } from './group-driver.ts';

describe('joining', () => {
  test('a newcomer must come again with the id it is given', () => {
    const driver = new GroupDriver();
    const first = driver.join({ memberId: '', mustConfirmId: true });
    expect(driver.joined(first)?.errorCode).toBe(kafkaErrors.MEMBER_ID_REQUIRED);
    const memberId = driver.joined(first)?.memberId ?? '';
    const second = driver.join({ memberId, mustConfirmId: true });
    expect(driver.joined(second)).toMatchObject({ errorCode: 0, generationId: 1, memberId, leader: memberId });
    expect(driver.joined(second)?.members).toHaveLength(1);
  });

  test('an id that was given out is forgotten after the session timeout', () => {
    const driver = new GroupDriver();
    const first = driver.join({ memberId: '', mustConfirmId: true });
    driver.advance(10_000);
    const second = driver.join({ memberId: driver.joined(first)?.memberId ?? '', mustConfirmId: true });
    expect(driver.joined(second)?.errorCode).toBe(kafkaErrors.UNKNOWN_MEMBER_ID);
  });

  test('session timeouts outside the bounds are refused', () => {
    const driver = new GroupDriver();
    expect(driver.joined(driver.join({ sessionTimeoutMs: 5_999 }))?.errorCode).toBe(
      kafkaErrors.INVALID_SESSION_TIMEOUT,
    );
    expect(driver.joined(driver.join({ sessionTimeoutMs: 1_800_001 }))?.errorCode).toBe(
      kafkaErrors.INVALID_SESSION_TIMEOUT,
    );
  });

  test('another protocol type or no shared protocol is refused', () => {
    const driver = new GroupDriver();
    driver.stable(['a']);
    expect(driver.joined(driver.join({ protocolType: 'connect' }))?.errorCode).toBe(
      kafkaErrors.INCONSISTENT_GROUP_PROTOCOL,
    );
    expect(driver.joined(driver.join({ protocols: ['other'] }))?.errorCode).toBe(
      kafkaErrors.INCONSISTENT_GROUP_PROTOCOL,
    );
  });

  test('the protocol all members speak with most votes wins', () => {
    const driver = new GroupDriver({ initialRebalanceDelayMs: 100 });
    const tokens = [
      driver.join({ protocols: ['range', 'sticky', 'robin'] }),
      driver.join({ protocols: ['sticky', 'range'] }),
      driver.join({ protocols: ['robin', 'sticky', 'range'] }),
    ];
    driver.advance(100);
    driver.advance(100);
    for (const token of tokens) expect(driver.joined(token)?.protocolName).toBe('sticky');
  });

  test('the initial delay waits on while members keep coming, and not for ever', () => {
    const driver = new GroupDriver({ initialRebalanceDelayMs: 100 });
    const first = driver.join({});
    driver.advance(99);
    driver.join({});
    driver.advance(1);
    expect(driver.joined(first)).toBeUndefined();
    driver.advance(100);
    expect(driver.joined(first)?.generationId).toBe(1);
    expect(driver.group.members.size).toBe(2);
  });

  test('a full group takes nobody more', () => {
    const driver = new GroupDriver({ maxMembers: 1 });
    driver.join({});
    expect(driver.joined(driver.join({}))?.errorCode).toBe(kafkaErrors.GROUP_MAX_SIZE_REACHED);
  });
});

describe('sharing out', () => {
  test('nobody is answered before the assignment is durable', () => {
    const driver = new GroupDriver();
    const { leader, follower } = driver.twoJoined();
    const waiting = driver.sync(follower, {});
    const asked = driver.sync(leader, { [leader]: 'L', [follower]: 'F' });
    expect(driver.synced(waiting)).toBeUndefined();
    expect(driver.synced(asked)).toBeUndefined();
    expect(driver.group.phase).toBe('CompletingRebalance');
    driver.storeEnds();
    expect(driver.synced(asked)?.assignment.toString()).toBe('L');
    expect(driver.synced(waiting)?.assignment.toString()).toBe('F');
    expect(driver.group.phase).toBe('Stable');
  });

  test('a failed store sends everybody back to join', () => {
    const driver = new GroupDriver();
    const { leader, follower } = driver.twoJoined();
    const waiting = driver.sync(follower, {});
    driver.sync(leader, { [leader]: 'L', [follower]: 'F' });
    driver.storeEnds(kafkaErrors.COORDINATOR_NOT_AVAILABLE);
    expect(driver.synced(waiting)?.errorCode).toBe(kafkaErrors.COORDINATOR_NOT_AVAILABLE);
    expect(driver.group.phase).toBe('PreparingRebalance');
  });

  test('a store that ends after a new rebalance began changes nothing', () => {
    const driver = new GroupDriver();
    const { leader, follower } = driver.twoJoined();
    const asked = driver.sync(leader, { [leader]: 'L', [follower]: 'F' });
    driver.join({});
    expect(driver.synced(asked)?.errorCode).toBe(kafkaErrors.REBALANCE_IN_PROGRESS);
    driver.storeEnds();
    expect(driver.group.phase).toBe('PreparingRebalance');
  });

  test('members the leader forgot get no bytes', () => {
    const driver = new GroupDriver();
    const { leader, follower } = driver.twoJoined();
    driver.sync(leader, { [leader]: 'L' });
    driver.storeEnds();
    expect(driver.synced(driver.sync(follower, {}))?.assignment).toHaveLength(0);
  });

  test('whoever never syncs is dropped and the rest rebalance', () => {
    const driver = new GroupDriver();
    const { leader, follower } = driver.twoJoined({ rebalanceTimeoutMs: 1_000 });
    driver.sync(leader, { [leader]: 'L', [follower]: 'F' });
    driver.storeEnds();
    driver.advance(1_000);
    expect(driver.group.members.has(follower)).toBe(false);
    expect(driver.group.phase).toBe('PreparingRebalance');
    expect(driver.heartbeat(leader)).toBe(kafkaErrors.REBALANCE_IN_PROGRESS);
  });

  test('a leader that dies before it shared out is replaced', () => {
    const driver = new GroupDriver();
    const { leader, follower } = driver.twoJoined();
    const waiting = driver.sync(follower, {});
    driver.leave(leader);
    expect(driver.synced(waiting)?.errorCode).toBe(kafkaErrors.REBALANCE_IN_PROGRESS);
    const again = driver.join({ memberId: follower });
    expect(driver.joined(again)).toMatchObject({ errorCode: 0, leader: follower, generationId: 3 });
  });

  test('version 5 compares the protocol', () => {
    const driver = new GroupDriver();
    const [member = ''] = driver.stable(['a']);
    const wrong = driver.sync(member, {}, { protocolType: 'connect' });
    expect(driver.synced(wrong)?.errorCode).toBe(kafkaErrors.INCONSISTENT_GROUP_PROTOCOL);
  });
});

describe('staying', () => {
  test('heartbeats name what is wrong', () => {
    const driver = new GroupDriver();
    const [member = ''] = driver.stable(['a']);
    expect(driver.heartbeat(member)).toBe(kafkaErrors.NONE);
    expect(driver.heartbeat(member, 7)).toBe(kafkaErrors.ILLEGAL_GENERATION);
    expect(driver.heartbeat('nobody')).toBe(kafkaErrors.UNKNOWN_MEMBER_ID);
    driver.join({});
    expect(driver.heartbeat(member)).toBe(kafkaErrors.REBALANCE_IN_PROGRESS);
  });

  test('a silent member is dropped after its session, a member that waits for us is not', () => {
    const driver = new GroupDriver();
    const [silent = '', waiting = ''] = driver.stable(['a', 'b']);
    driver.join({ memberId: waiting, protocols: ['range', 'sticky'] });
    driver.advance(9_999);
    expect(driver.group.members.has(silent)).toBe(true);
    driver.advance(1);
    expect(driver.group.members.has(silent)).toBe(false);
    expect(driver.group.members.has(waiting)).toBe(true);
    expect(driver.group.phase).toBe('CompletingRebalance');
  });

  test('an identical rejoin of a follower disturbs nobody, one of the leader starts over', () => {
    const driver = new GroupDriver();
    const [leader = '', follower = ''] = driver.stable(['a', 'b']);
    const generation = driver.group.generation;
    expect(driver.joined(driver.join({ memberId: follower }))).toMatchObject({
      errorCode: 0,
      generationId: generation,
    });
    expect(driver.group.phase).toBe('Stable');
    driver.join({ memberId: leader });
    expect(driver.group.phase).toBe('PreparingRebalance');
  });

  test('members that do not rejoin in time are dropped', () => {
    const driver = new GroupDriver();
    const [first = '', second = ''] = driver.stable(['a', 'b'], { rebalanceTimeoutMs: 2_000 });
    const token = driver.join({ memberId: first, rebalanceTimeoutMs: 2_000 });
    driver.advance(2_000);
    expect(driver.joined(token)?.errorCode).toBe(0);
    expect(driver.group.members.has(second)).toBe(false);
  });

  test('only members of the generation commit, and nobody between the generations', () => {
    const driver = new GroupDriver();
    const [member = ''] = driver.stable(['a']);
    expect(driver.commit(member)).toBe(kafkaErrors.NONE);
    expect(driver.commit(member, driver.group.generation - 1)).toBe(kafkaErrors.ILLEGAL_GENERATION);
    expect(driver.commit('', -1)).toBe(kafkaErrors.UNKNOWN_MEMBER_ID);
    driver.join({ memberId: member });
    expect(driver.group.phase).toBe('CompletingRebalance');
    expect(driver.commit(member)).toBe(kafkaErrors.REBALANCE_IN_PROGRESS);
    driver.leave(member);
    expect(driver.commit('', -1)).toBe(kafkaErrors.NONE);
  });
});

describe('every request of a member counts as a sign of life', () => {
  const signs: Record<string, (driver: GroupDriver, member: string) => void> = {
    heartbeat: (driver, member) => void driver.heartbeat(member),
    'offset commit': (driver, member) => void driver.commit(member),
    sync: (driver, member) => void driver.sync(member, {}),
    'join again': (driver, member) => void driver.join({ memberId: member }),
  };

  test.each(Object.keys(signs))('%s', (name) => {
    const driver = new GroupDriver();
    const [leader = '', member = ''] = driver.stable(['a', 'b']);
    for (let round = 0; round < 3; round++) {
      driver.advance(9_000);
      driver.heartbeat(leader);
      signs[name]?.(driver, member);
    }
    expect(driver.group.phase).toBe('Stable');
    expect(driver.group.members.has(member)).toBe(true);
    for (let round = 0; round < 2; round++) {
      driver.heartbeat(leader);
      driver.advance(9_000);
    }
    expect(driver.group.members.has(member)).toBe(false);
  });

  test('also a sync and a commit that are sent back to join', () => {
    const driver = new GroupDriver();
    const [first = '', second = ''] = driver.stable(['a', 'b']);
    driver.join({ memberId: first, protocols: ['range', 'sticky'] });
    expect(driver.group.phase).toBe('PreparingRebalance');
    for (let round = 0; round < 3; round++) {
      driver.advance(9_000);
      const token = driver.sync(second, {});
      expect(driver.synced(token)?.errorCode).toBe(kafkaErrors.REBALANCE_IN_PROGRESS);
    }
    driver.join({ memberId: second });
    expect(driver.group.phase).toBe('CompletingRebalance');
    for (let round = 0; round < 3; round++) {
      driver.advance(9_000);
      driver.heartbeat(first);
      expect(driver.commit(second)).toBe(kafkaErrors.REBALANCE_IN_PROGRESS);
    }
    expect(driver.group.members.has(second)).toBe(true);
  });
});

describe('leaving', () => {
  test('the last one leaves an empty group behind, with a record', () => {
    const driver = new GroupDriver();
    const [member = ''] = driver.stable(['a']);
    expect(driver.leave(member)).toBe(kafkaErrors.NONE);
    expect(driver.group.phase).toBe('Empty');
    expect(driver.lastSnapshot?.members).toHaveLength(0);
    expect(driver.leave(member)).toBe(kafkaErrors.UNKNOWN_MEMBER_ID);
  });

  test('somebody who waits to join can leave', () => {
    const driver = new GroupDriver();
    const [member = ''] = driver.stable(['a']);
    const token = driver.join({ newMemberId: 'late' });
    expect(driver.leave('late')).toBe(kafkaErrors.NONE);
    expect(driver.joined(token)?.errorCode).toBe(kafkaErrors.UNKNOWN_MEMBER_ID);
    const again = driver.join({ memberId: member });
    expect(driver.joined(again)?.errorCode).toBe(0);
  });
});

describe('static membership', () => {
  test('a restarted member takes its place without a rebalance, once that is durable', () => {
    const driver = new GroupDriver();
    const [, follower = ''] = driver.stable(['a', 'b'], { isStatic: true });
    const generation = driver.group.generation;
    const token = driver.join({ instanceId: 'b', newMemberId: 'b-2' });
    expect(driver.joined(token)).toBeUndefined();
    driver.storeEnds();
    expect(driver.joined(token)).toMatchObject({ errorCode: 0, memberId: 'b-2', generationId: generation });
    expect(driver.group.phase).toBe('Stable');
    expect(driver.heartbeat(follower, generation, 'b')).toBe(kafkaErrors.FENCED_INSTANCE_ID);
    expect(driver.synced(driver.sync('b-2', {}, { instanceId: 'b' }))?.assignment.toString()).toBe('part of b');
  });

  test('a restarted leader is not told that it leads, or is told to skip the assignment', () => {
    const driver = new GroupDriver();
    const [leader = ''] = driver.stable(['a', 'b'], { isStatic: true });
    const old = driver.join({ instanceId: 'a', newMemberId: 'a-2' });
    driver.storeEnds();
    expect(driver.joined(old)).toMatchObject({ leader, members: [], skipAssignment: false });
    const recent = driver.join({ instanceId: 'a', newMemberId: 'a-3', canSkipAssignment: true });
    driver.storeEnds();
    expect(driver.joined(recent)).toMatchObject({ leader: 'a-3', skipAssignment: true });
    expect(driver.joined(recent)?.members).toHaveLength(2);
  });

  test('the waiting request of the one before is fenced', () => {
    const driver = new GroupDriver();
    driver.stable(['b'], { isStatic: true });
    const first = driver.join({ instanceId: 'x', newMemberId: 'x-1' });
    driver.join({ instanceId: 'x', newMemberId: 'x-2' });
    expect(driver.joined(first)?.errorCode).toBe(kafkaErrors.FENCED_INSTANCE_ID);
    expect([...driver.group.staticMembers.values()]).toContain('x-2');
  });

  test('a static member that is away keeps its place through a rebalance, until its session ends', () => {
    const driver = new GroupDriver();
    const [away = '', here = ''] = driver.stable(['a', 'b'], { isStatic: true, rebalanceTimeoutMs: 3_000 });
    driver.join({ memberId: here, instanceId: 'b', protocols: ['range', 'sticky'], rebalanceTimeoutMs: 3_000 });
    driver.advance(3_000);
    expect(driver.group.phase).toBe('CompletingRebalance');
    expect(driver.group.members.has(away)).toBe(true);
    driver.advance(7_000);
    expect(driver.group.members.has(away)).toBe(false);
  });

  test('it leaves by instance id', () => {
    const driver = new GroupDriver();
    driver.stable(['a'], { isStatic: true });
    expect(driver.leave('', 'a')).toBe(kafkaErrors.NONE);
    expect(driver.leave('', 'a')).toBe(kafkaErrors.UNKNOWN_MEMBER_ID);
    expect(driver.group.phase).toBe('Empty');
  });

  test('the one before is fenced in every request, and cannot take the newcomer along', () => {
    const driver = new GroupDriver();
    const [, old = ''] = driver.stable(['a', 'b'], { isStatic: true });
    driver.join({ instanceId: 'b', newMemberId: 'b-2' });
    driver.storeEnds();
    const fenced = kafkaErrors.FENCED_INSTANCE_ID;
    expect(driver.heartbeat(old, driver.group.generation, 'b')).toBe(fenced);
    expect(driver.commit(old, driver.group.generation, 'b')).toBe(fenced);
    expect(driver.synced(driver.sync(old, {}, { instanceId: 'b' }))?.errorCode).toBe(fenced);
    expect(driver.joined(driver.join({ memberId: old, instanceId: 'b' }))?.errorCode).toBe(fenced);
    expect(driver.leave(old, 'b')).toBe(fenced);
    expect(driver.leave(old)).toBe(kafkaErrors.UNKNOWN_MEMBER_ID);
    expect(driver.heartbeat(old)).toBe(kafkaErrors.UNKNOWN_MEMBER_ID);
    expect(driver.heartbeat('b-2', driver.group.generation, 'b')).toBe(kafkaErrors.NONE);
    expect(driver.heartbeat('b-2', driver.group.generation, 'c')).toBe(kafkaErrors.UNKNOWN_MEMBER_ID);
  });

  test('a restart that would change the protocol of the group rebalances', () => {
    const driver = new GroupDriver();
    const [first = ''] = driver.stable(['a'], { isStatic: true });
    const token = driver.join({ instanceId: 'a', newMemberId: 'a-2', protocols: ['sticky', 'range'] });
    expect(driver.joined(token)).toMatchObject({ errorCode: 0, memberId: 'a-2', protocolName: 'sticky' });
    expect(driver.group.phase).toBe('CompletingRebalance');
    expect(driver.group.members.has(first)).toBe(false);
  });

  test('a restart that cannot be made durable is refused, and the group starts over', () => {
    const driver = new GroupDriver();
    const [first = ''] = driver.stable(['a', 'b'], { isStatic: true });
    const token = driver.join({ instanceId: 'b', newMemberId: 'b-2' });
    driver.storeEnds(kafkaErrors.COORDINATOR_NOT_AVAILABLE);
    expect(driver.joined(token)?.errorCode).toBe(kafkaErrors.COORDINATOR_NOT_AVAILABLE);
    expect(driver.heartbeat(first, driver.group.generation, 'a')).toBe(kafkaErrors.REBALANCE_IN_PROGRESS);
    const again = driver.join({ instanceId: 'b', newMemberId: 'b-3' });
    driver.join({ memberId: first, instanceId: 'a' });
    expect(driver.joined(again)).toMatchObject({ errorCode: 0, memberId: 'b-3' });
  });
});
