/** The coordinator over real logs on a disk in memory: durability of commits, expiry, and live state equal to a replay. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { diskErrors } from '../../../core/base/error-codes.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import type { CoordinatorSettings } from '../../../core/coordinator/coordinator-settings.ts';
import { type GroupCoordinator, openGroupCoordinator } from '../../../core/coordinator/group-coordinator.ts';
import { javaHashCode, offsetsPartitionOf } from '../../../core/coordinator/group-records.ts';
import { snapshotGroup } from '../../../core/coordinator/group-state.ts';
import { defaultLogConfig } from '../../../core/log/log-config.ts';
import { type Logs, openLogs } from '../../../core/log/log-manager.ts';
import type { PartitionLog } from '../../../core/log/partition-log.ts';
import { BatchBuilder } from '../../../core/protocol/batch-builder.ts';
import { consumerSubscription, encodeVersioned } from '../../../core/protocol/consumer-protocol.ts';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { FakeDisk } from '../../fakes/fake-disk.ts';

const topic = '__consumer_offsets';
const topicId = 'AAAAAAAAAAAAAAAAAAAAAQ';
const simple = { memberId: '', instanceId: null, generationId: -1 };

interface World {
  disk: FakeDisk;
  clock: FakeClock;
  logs: Logs;
  partitions: PartitionLog[];
  coordinator: GroupCoordinator;
}

async function world(settings: Partial<CoordinatorSettings> = {}, disk = new FakeDisk()): Promise<World> {
  const clock = new FakeClock();
  // Their own clock stands still: days of waiting would only be thousands of checkpoints.
  const logs = await openLogs({
    disk,
    clock: new FakeClock(),
    logger: silentLogger,
    dataDir: '/data',
    durability: 'default',
  });
  const config = { ...defaultLogConfig, isCompacted: true, isDeleted: false, messageTimestampAfterMaxMs: 1e15 };
  const partitions = [];
  for (let partition = 0; partition < 2; partition++) {
    partitions.push(await logs.createPartition({ topic, partition, topicId, config }));
  }
  const coordinator = await openGroupCoordinator({
    partitions,
    clock,
    logger: silentLogger,
    settings: { initialRebalanceDelayMs: 0, ...settings },
  });
  return { disk, clock, logs, partitions, coordinator };
}

const offsetOf = (name: string, offset: number, metadata = '') => ({
  topic: name,
  partition: 0,
  offset,
  leaderEpoch: -1,
  metadata,
});

/** Everything the coordinator would answer, in a comparable form. */
function known(coordinator: GroupCoordinator) {
  const groups = coordinator.groups().map(({ id }) => id);
  return groups.toSorted().map((id) => ({ id, offsets: sorted(coordinator, id) }));
}

function sorted(coordinator: GroupCoordinator, id: string) {
  return coordinator
    .committedOfGroup(id)
    .flatMap(({ topic: name, partitions }) => Array.from(partitions, ([index, value]) => ({ name, index, ...value })))
    .toSorted((left, right) => left.name.localeCompare(right.name) || left.index - right.index);
}

async function replayed({ partitions, clock }: World): Promise<GroupCoordinator> {
  const coordinator = await openGroupCoordinator({ partitions, clock, logger: silentLogger });
  await coordinator.close();
  return coordinator;
}

describe('commits', () => {
  test('are answered once durable and come back after a power loss', async () => {
    const first = await world();
    const release = first.disk.hold('sync');
    let isAnswered = false;
    const commit = first.coordinator.commit('g', simple, [offsetOf('t', 5, 'note')]).then((codes) => {
      isAnswered = true;
      return codes;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isAnswered).toBe(false);
    expect(first.coordinator.committed({ groupId: 'g', topic: 't', partition: 0 })).toBeUndefined();
    release();
    expect(await commit).toEqual([kafkaErrors.NONE]);
    first.disk.crash({ kind: 'power' });
    const second = await world({}, first.disk);
    const committed = second.coordinator.committed({ groupId: 'g', topic: 't', partition: 0 });
    expect(committed).toMatchObject({ offset: 5, metadata: 'note' });
  });

  test('with metadata that is too long are refused alone', async () => {
    const { coordinator } = await world({ maxOffsetMetadataBytes: 10 });
    const codes = await coordinator.commit('g', simple, [offsetOf('a', 1, 'x'.repeat(11)), offsetOf('b', 2, 'fine')]);
    expect(codes).toEqual([kafkaErrors.OFFSET_METADATA_TOO_LARGE, kafkaErrors.NONE]);
    expect(coordinator.committed({ groupId: 'g', topic: 'b', partition: 0 })?.offset).toBe(2);
  });

  test('with a generation for a group nobody knows are refused', async () => {
    const { coordinator } = await world();
    const claim = { memberId: 'm', instanceId: null, generationId: 3 };
    expect(await coordinator.commit('g', claim, [offsetOf('t', 1)])).toEqual([kafkaErrors.ILLEGAL_GENERATION]);
  });

  test('are refused when the disk fails, and nothing is shown', async () => {
    const { coordinator, disk } = await world();
    disk.fail('sync', new Error('EIO'));
    const codes = await coordinator.commit('g', simple, [offsetOf('t', 1)]);
    expect(codes).toEqual([kafkaErrors.COORDINATOR_NOT_AVAILABLE]);
    expect(coordinator.committed({ groupId: 'g', topic: 't', partition: 0 })).toBeUndefined();
  });
});

describe('what is on disk is verified', () => {
  test('a record that makes no sense stops the start, with its place', async () => {
    const all = await world();
    await all.coordinator.commit('g', simple, [offsetOf('t', 1)]);
    const builder = new BatchBuilder();
    builder.appendRecord({ key: Buffer.from([0]), value: Buffer.from('?'), timestampMs: all.clock.nowMs() });
    await all.partitions[1]?.append(builder.build(), { acks: -1, origin: 'coordinator' });
    await expect(replayed(all)).rejects.toMatchObject({ code: 'coordinator/offsets-damaged' });
  });

  test('one that is refused leaves no group behind, and takes none away', async () => {
    const { coordinator, disk } = await world({ maxOffsetMetadataBytes: 10 });
    const commit = (metadata = '') => coordinator.commit('g', simple, [offsetOf('t', 1, metadata)]);
    const tooLong = 'x'.repeat(11);
    expect(await commit(tooLong)).toEqual([kafkaErrors.OFFSET_METADATA_TOO_LARGE]);
    disk.capacityBytes = disk.usedBytes;
    expect(await commit()).not.toEqual([kafkaErrors.NONE]);
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    expect(coordinator.groups()).toEqual([]);
    // One that is refused while an accepted one is on its way, and one after it.
    const accepted = commit();
    expect(await commit(tooLong)).toEqual([kafkaErrors.OFFSET_METADATA_TOO_LARGE]);
    expect(await accepted).toEqual([kafkaErrors.NONE]);
    expect(await commit(tooLong)).toEqual([kafkaErrors.OFFSET_METADATA_TOO_LARGE]);
    expect(coordinator.groups()).toHaveLength(1);
  });

  test('a damaged partition stops the start instead of forgetting what was committed', async () => {
    const all = await world();
    for (let offset = 0; offset < 5; offset++) await all.coordinator.commit('g', simple, [offsetOf('t', offset)]);
    all.disk.crash({ kind: 'process' });
    const file = all.disk.files().find((path) => path.endsWith('.log') && all.disk.bytesOf(path).length > 0) ?? '';
    const bytes = Buffer.from(all.disk.bytesOf(file));
    bytes[70] = (bytes[70] ?? 0) ^ 0xff;
    all.disk.overwrite(file, bytes);
    await expect(world({}, all.disk)).rejects.toMatchObject({ code: 'coordinator/offsets-damaged' });
  });

  test('keys of newer versions are left alone', async () => {
    const all = await world();
    const builder = new BatchBuilder();
    builder.appendRecord({ key: Buffer.from([0, 9, 1]), value: Buffer.from('later'), timestampMs: all.clock.nowMs() });
    await all.partitions[0]?.append(builder.build(), { acks: -1, origin: 'coordinator' });
    expect((await replayed(all)).groups()).toEqual([]);
  });
});

describe('deletion', () => {
  const place = { groupId: 'g', topic: 't', partition: 0 };

  test('takes what is committed and what is on its way; what comes later stays, also for a replay', async () => {
    const all = await world();
    await all.coordinator.commit('g', simple, [offsetOf('before', 1)]);
    const onTheWay = all.coordinator.commit('g', simple, [offsetOf('t', 2)]);
    const deleted = all.coordinator.deleteGroup('g');
    const later = all.coordinator.commit('g', simple, [offsetOf('later', 3)]);
    expect([await onTheWay, await deleted, await later]).toEqual([[0], kafkaErrors.NONE, [0]]);
    expect(sorted(all.coordinator, 'g').map(({ name }) => name)).toEqual(['later']);
    expect(known(await replayed(all))).toEqual(known(all.coordinator));
    expect(await all.coordinator.deleteGroup('g')).toBe(kafkaErrors.NONE);
    expect(await all.coordinator.deleteGroup('g')).toBe(kafkaErrors.GROUP_ID_NOT_FOUND);
    expect((await replayed(all)).groups()).toEqual([]);
  });

  test('a member that joins meanwhile keeps its group', async () => {
    const all = await world();
    await all.coordinator.commit('g', simple, [offsetOf('t', 1)]);
    const release = all.disk.hold('sync');
    const deleted = all.coordinator.deleteGroup('g');
    const member = joined(all.coordinator, 'g');
    release();
    expect(await deleted).toBe(kafkaErrors.NONE);
    const claim = { memberId: await member, instanceId: null, generationId: 1 };
    expect(all.coordinator.heartbeat('g', claim)).toBe(kafkaErrors.NONE);
    expect(all.coordinator.committed(place)).toBeUndefined();
    expect((await replayed(all)).group('g')?.members.size).toBe(1);
    expect(await all.coordinator.deleteGroup('g')).toBe(kafkaErrors.NON_EMPTY_GROUP);
  });

  test('that the disk refuses leaves the group as it was', async () => {
    const { coordinator, disk } = await world();
    await coordinator.commit('g', simple, [offsetOf('t', 1)]);
    disk.fail('write', diskErrors.error('full', { message: 'no space' }));
    expect(await coordinator.deleteGroup('g')).toBe(kafkaErrors.COORDINATOR_NOT_AVAILABLE);
    expect(coordinator.committed(place)?.offset).toBe(1);
    disk.fail('write', diskErrors.error('full', { message: 'no space' }));
    await expect(coordinator.forgetTopic('t')).rejects.toMatchObject({ code: 'coordinator/not-forgotten' });
    await coordinator.forgetTopic('t');
    expect(coordinator.committed(place)).toBeUndefined();
  });

  test('of offsets spares the topics of members, and everything while their metadata does not say', async () => {
    const { coordinator } = await world();
    await coordinator.commit('g', simple, [offsetOf('mine', 1), offsetOf('other', 2)]);
    const metadata = encodeVersioned(consumerSubscription, { topics: ['mine'] }, 1);
    const memberId = await joined(coordinator, 'g', { metadata });
    const places = [
      { topic: 'mine', partition: 0 },
      { topic: 'other', partition: 0 },
    ];
    const subscribed = kafkaErrors.GROUP_SUBSCRIBED_TO_TOPIC;
    expect(await coordinator.deleteOffsets('g', places)).toEqual({ errorCode: 0, codes: [subscribed, 0] });
    expect(sorted(coordinator, 'g').map(({ name }) => name)).toEqual(['mine']);
    coordinator.leave('g', [{ memberId, instanceId: null }]);
    expect(await coordinator.deleteOffsets('g', places)).toEqual({ errorCode: 0, codes: [0, 0] });
    await joined(coordinator, 'g');
    const silent = await coordinator.deleteOffsets('g', places);
    expect(silent).toEqual({ errorCode: 0, codes: [subscribed, subscribed] });
    await joined(coordinator, 'workers', { protocolType: 'connect' });
    const refused = { errorCode: kafkaErrors.NON_EMPTY_GROUP, codes: [] };
    expect(await coordinator.deleteOffsets('workers', places)).toEqual(refused);
  });
});

describe('expiry', () => {
  const dayMs = 86_400_000;
  const settings = { offsetsRetentionMs: 7 * dayMs, expiryIntervalMs: dayMs };

  test('drops what a simple group committed long ago, then the group, also for a replay', async () => {
    const all = await world(settings);
    await all.coordinator.commit('g', simple, [offsetOf('old', 1)]);
    await all.clock.advance(4 * dayMs);
    await all.coordinator.commit('g', simple, [offsetOf('young', 2)]);
    await all.clock.advance(4 * dayMs);
    await all.coordinator.expire();
    expect(sorted(all.coordinator, 'g').map(({ name }) => name)).toEqual(['young']);
    await all.clock.advance(7 * dayMs);
    await all.coordinator.expire();
    await all.coordinator.expire();
    expect(all.coordinator.groups()).toEqual([]);
    expect((await replayed(all)).groups()).toEqual([]);
  });

  test('of a live group drops what nobody in it reads any more', async () => {
    const all = await world({ ...settings, maxSessionTimeoutMs: 24 * dayMs });
    const { coordinator, clock } = all;
    await coordinator.commit('g', simple, [offsetOf('mine', 1), offsetOf('other', 2)]);
    const metadata = encodeVersioned(consumerSubscription, { topics: ['mine'] }, 1);
    await joined(coordinator, 'g', { sessionTimeoutMs: 24 * dayMs, metadata });
    await clock.advance(6 * dayMs);
    await coordinator.expire();
    expect(sorted(coordinator, 'g')).toHaveLength(2);
    await clock.advance(2 * dayMs);
    await coordinator.expire();
    expect(sorted(coordinator, 'g').map(({ name }) => name)).toEqual(['mine']);
    expect(known(await replayed(all))).toEqual(known(coordinator));
  });

  test('never touches a group with members', async () => {
    const { coordinator, clock } = await world({ ...settings, maxSessionTimeoutMs: 24 * dayMs });
    const memberId = await joined(coordinator, 'g', { sessionTimeoutMs: 24 * dayMs });
    const claim = { memberId, instanceId: null, generationId: 1 };
    expect(await coordinator.commit('g', claim, [offsetOf('t', 1)])).toEqual([kafkaErrors.NONE]);
    await clock.advance(20 * dayMs);
    await coordinator.expire();
    expect(sorted(coordinator, 'g')).toHaveLength(1);
    coordinator.leave('g', [{ memberId, instanceId: null }]);
    await clock.advance(6 * dayMs);
    await coordinator.expire();
    expect(sorted(coordinator, 'g')).toHaveLength(1);
    await clock.advance(2 * dayMs);
    await coordinator.expire();
    expect(sorted(coordinator, 'g')).toHaveLength(0);
  });
});

/** One member that joined and synced; answers its id. */
async function joined(
  coordinator: GroupCoordinator,
  groupId: string,
  {
    sessionTimeoutMs = 10_000,
    metadata = Buffer.from('topics'),
    protocolType = 'consumer',
  }: { sessionTimeoutMs?: number; metadata?: Buffer; protocolType?: string } = {},
): Promise<string> {
  const join = await coordinator.join(groupId, {
    memberId: '',
    instanceId: null,
    clientId: 'client',
    clientHost: '/127.0.0.1',
    protocolType,
    protocols: [{ name: 'range', metadata }],
    sessionTimeoutMs,
    rebalanceTimeoutMs: 60_000,
    mustConfirmId: false,
    canSkipAssignment: false,
  });
  expect(join.errorCode).toBe(0);
  const { memberId, generationId } = join;
  const sync = await coordinator.sync(groupId, {
    memberId,
    instanceId: null,
    generationId,
    protocolType,
    protocolName: 'range',
    assignments: [{ memberId, assignment: Buffer.from('everything') }],
  });
  expect(sync).toMatchObject({ errorCode: 0 });
  return memberId;
}

describe('groups', () => {
  test('come back as they were, and their members go on', async () => {
    const all = await world();
    const memberId = await joined(all.coordinator, 'g');
    const live = all.coordinator.group('g');
    const again = await replayed(all);
    const found = again.group('g');
    expect(found).toBeDefined();
    const comparable = (group: NonNullable<typeof live>) => ({ ...snapshotGroup(group), phaseSinceMs: 0 });
    if (live !== undefined && found !== undefined) expect(comparable(found)).toEqual(comparable(live));
    const next = await openGroupCoordinator({ partitions: all.partitions, clock: all.clock, logger: silentLogger });
    expect(next.heartbeat('g', { memberId, instanceId: null, generationId: 1 })).toBe(kafkaErrors.NONE);
  });

  test('a silent member is dropped by the clock alone, and what waits is answered', async () => {
    const { coordinator, clock } = await world();
    await joined(coordinator, 'g');
    await clock.advance(10_000);
    expect(coordinator.group('g')?.phase).toBe('Empty');
  });

  test('closing answers everybody who waits', async () => {
    const { coordinator } = await world();
    await joined(coordinator, 'g');
    const waiting = coordinator.join('g', {
      memberId: '',
      instanceId: null,
      clientId: 'late',
      clientHost: '/127.0.0.1',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from('topics') }],
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 60_000,
      mustConfirmId: false,
      canSkipAssignment: false,
    });
    await coordinator.close();
    expect((await waiting).errorCode).toBe(kafkaErrors.COORDINATOR_NOT_AVAILABLE);
  });

  test('lie in the partition where the tools of Kafka look for them', () => {
    expect(javaHashCode('my-group')).toBe(-1_906_497_762);
    expect(javaHashCode('')).toBe(0);
    expect(offsetsPartitionOf('polygenelubricants', 50)).toBe(0);
  });
});

test('live state equals a replay after any mixture of commits, deletions and expiry', async () => {
  const group = fc.constantFrom('g1', 'g2', 'g3');
  const name = fc.constantFrom('t1', 't2');
  const action = fc.oneof(
    fc.record({ kind: fc.constant('commit' as const), group, name, offset: fc.nat(1_000) }),
    fc.record({ kind: fc.constant('commit' as const), group, name, offset: fc.nat(1_000) }),
    fc.record({ kind: fc.constant('forget' as const), name }),
    fc.record({ kind: fc.constant('delete' as const), group }),
    fc.record({ kind: fc.constant('deleteOffsets' as const), group, name }),
    fc.record({ kind: fc.constant('expire' as const), ms: fc.constantFrom(0, 3 * 86_400_000, 8 * 86_400_000) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 25 }), async (actions) => {
      const all = await world();
      const running: Promise<unknown>[] = [];
      for (const step of actions) {
        if (step.kind === 'commit') {
          running.push(all.coordinator.commit(step.group, simple, [offsetOf(step.name, step.offset)]));
        } else if (step.kind === 'forget') running.push(all.coordinator.forgetTopic(step.name));
        else if (step.kind === 'delete') running.push(all.coordinator.deleteGroup(step.group));
        else if (step.kind === 'deleteOffsets') {
          running.push(all.coordinator.deleteOffsets(step.group, [{ topic: step.name, partition: 0 }]));
        } else {
          await all.clock.advance(step.ms);
          running.push(all.coordinator.expire());
        }
      }
      await Promise.all(running);
      await all.coordinator.expire();
      const live = known(all.coordinator);
      expect(known(await replayed(all))).toEqual(live);
    }),
    { numRuns: 60 },
  );
});
