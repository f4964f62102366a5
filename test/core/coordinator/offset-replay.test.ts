/** Offsets that transactions commit beside plain commits: what is live equals a replay of the log, before and after its compaction. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import { type GroupCoordinator, openGroupCoordinator } from '../../../core/coordinator/group-coordinator.ts';
import { openLogs } from '../../../core/log/log-manager.ts';
import type { PartitionLog } from '../../../core/log/partition-log.ts';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { FakeDisk } from '../../fakes/fake-disk.ts';
import { readAll, testConfig } from '../log/fixtures.ts';

const { NONE } = kafkaErrors;
const nobody = { memberId: '', generationId: -1, instanceId: null };
const compactionIntervalMs = 1_000;
const retentionMs = 20_000;

class World {
  readonly clock = new FakeClock();
  log!: PartitionLog;
  coordinator!: GroupCoordinator;

  async start(): Promise<void> {
    const parts = { disk: new FakeDisk(), clock: this.clock, logger: silentLogger };
    // Without a cache a replay reads what compaction has left.
    const limits = { compactionIntervalMs, tailCacheBytes: 0 };
    const logs = await openLogs({ ...parts, ...limits, dataDir: '/data', durability: 'default' });
    const policy = { isCompacted: true, isDeleted: false, segmentBytes: 400, minCleanableDirtyRatio: 0.01 };
    const config = testConfig({ ...policy, deleteRetentionMs: 0, messageTimestampAfterMaxMs: 1e15 });
    const topicId = 'AAAAAAAAAAAAAAAAAAAAAQ';
    this.log = await logs.createPartition({ topic: '__consumer_offsets', partition: 0, topicId, config });
    this.coordinator = await this.open();
  }

  open(): Promise<GroupCoordinator> {
    const settings = { offsetsRetentionMs: retentionMs, expiryIntervalMs: 1e9, initialRebalanceDelayMs: 0 };
    return openGroupCoordinator({ partitions: [this.log], clock: this.clock, logger: silentLogger, settings });
  }

  commit(groupId: string, topic: string, offset: number): Promise<number[]> {
    return this.coordinator.commit(groupId, nobody, [{ topic, partition: 0, offset, leaderEpoch: -1, metadata: '' }]);
  }

  stage(producerId: number, groupId: string, topic: string, offset: number): Promise<number[]> {
    const who = { claim: nobody, producer: { producerId, producerEpoch: 0 } };
    const wanted = { topic, partition: 0, offset, leaderEpoch: -1, metadata: '' };
    return this.coordinator.commitInTransaction(groupId, who, [wanted]);
  }

  mark(producerId: number, isCommit: boolean): Promise<number> {
    return this.coordinator.appendMarker(0, { producerId, producerEpoch: 0, isCommit, coordinatorEpoch: 0 });
  }

  /** What is on its way to the log arrives there. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 10; turn++) await this.clock.advance(0);
  }

  async check(): Promise<void> {
    await this.settle();
    const again = await this.open();
    expect(stateOf(again)).toEqual(stateOf(this.coordinator));
    await again.close();
  }
}

const groupIds = ['g0', 'g1'];
const topics = ['t0', 't1'];

function stateOf(coordinator: GroupCoordinator) {
  return groupIds.flatMap((groupId) =>
    topics.map((topic) => {
      const place = { groupId, topic, partition: 0 };
      const offset = coordinator.committed(place)?.offset ?? -1;
      return { groupId, topic, offset, isUnstable: coordinator.isUnstable(place) };
    }),
  );
}

async function world(): Promise<World> {
  const all = new World();
  await all.start();
  return all;
}

const offsetOf = ({ coordinator }: World) =>
  coordinator.committed({ groupId: 'g0', topic: 't0', partition: 0 })?.offset;

/** Fills the segments before the active one, and lets them be compacted. */
async function compacted(all: World): Promise<void> {
  for (let n = 0; n < 6; n++) await all.commit('g1', 't1', n);
  await all.clock.advance(compactionIntervalMs);
}

test('of a plain commit and a staged one the later record counts, as it does for compaction', async () => {
  const all = await world();
  await all.stage(1, 'g0', 't0', 10);
  expect(await all.commit('g0', 't0', 11)).toEqual([NONE]);
  expect(await all.mark(1, true)).toBe(NONE);
  expect(offsetOf(all)).toBe(11);
  await all.check();
  await compacted(all);
  // The staged record is gone from the log, and nothing is different.
  expect((await readAll(all.log)).map(({ offset }) => offset)).not.toContain(0);
  await all.check();
  await all.stage(1, 'g0', 't0', 12);
  await all.stage(2, 'g0', 't0', 13);
  await all.mark(2, true);
  await all.mark(1, true);
  expect(offsetOf(all)).toBe(13);
  await all.check();
  await compacted(all);
  await all.check();
});

test('what was staged for a topic that is deleted does not come back when the transaction commits', async () => {
  const all = await world();
  await all.stage(1, 'g0', 't0', 10);
  await all.stage(1, 'g0', 't1', 20);
  await all.coordinator.forgetTopic('t0');
  expect(await all.mark(1, true)).toBe(NONE);
  expect(offsetOf(all)).toBeUndefined();
  expect(all.coordinator.committed({ groupId: 'g0', topic: 't1', partition: 0 })?.offset).toBe(20);
  await all.check();
  await compacted(all);
  await all.check();
});

test('nor does it for a group or an offset that is deleted', async () => {
  const all = await world();
  await all.stage(1, 'g0', 't0', 10);
  expect(await all.coordinator.deleteGroup('g0')).toBe(NONE);
  await all.mark(1, true);
  expect(offsetOf(all)).toBeUndefined();
  await all.stage(1, 'g0', 't0', 11);
  await all.coordinator.deleteOffsets('g0', [{ topic: 't0', partition: 0 }]);
  await all.mark(1, true);
  expect(offsetOf(all)).toBeUndefined();
  await all.check();
});

test('a member that is no longer one stages nothing', async () => {
  const all = await world();
  const who = { memberId: '', instanceId: 'i', clientId: 'c', clientHost: '/127.0.0.1' };
  const kind = { protocolType: 'consumer', protocols: [{ name: 'range', metadata: Buffer.alloc(0) }] };
  const joined = await all.coordinator.join('g0', {
    ...{ ...who, ...kind, sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000 },
    ...{ mustConfirmId: false, canSkipAssignment: true },
  });
  const { memberId, generationId } = joined;
  const claim = { memberId, generationId, instanceId: 'i' };
  const { protocolType, protocolName } = joined;
  await all.coordinator.sync('g0', { ...claim, protocolType, protocolName, assignments: [] });
  const stage = async (changes: Partial<typeof claim>) => {
    const by = { claim: { ...claim, ...changes }, producer: { producerId: 1, producerEpoch: 0 } };
    const wanted = { topic: 't0', partition: 0, offset: 1, leaderEpoch: -1, metadata: '' };
    return (await all.coordinator.commitInTransaction('g0', by, [wanted]))[0];
  };
  expect(await stage({ generationId: generationId + 1 })).toBe(kafkaErrors.ILLEGAL_GENERATION);
  expect(await stage({ memberId: 'another' })).toBe(kafkaErrors.FENCED_INSTANCE_ID);
  expect(await stage({ memberId: 'another', instanceId: 'j' })).toBe(kafkaErrors.UNKNOWN_MEMBER_ID);
  expect(all.coordinator.isUnstable({ groupId: 'g0', topic: 't0', partition: 0 })).toBe(false);
  expect(await stage({})).toBe(NONE);
  expect(all.coordinator.isUnstable({ groupId: 'g0', topic: 't0', partition: 0 })).toBe(true);
  await all.coordinator.close();
});

const group = fc.constantFrom(...groupIds);
const topic = fc.constantFrom(...topics);
const producer = fc.integer({ min: 1, max: 3 });
const of = <K extends string>(...kinds: K[]) => fc.constantFrom(...kinds);

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: of('commit'), group, topic }) },
  { weight: 8, arbitrary: fc.record({ kind: of('stage'), producer, group, topic }) },
  { weight: 6, arbitrary: fc.record({ kind: of('mark'), producer, isCommit: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: of('forget'), topic }) },
  { weight: 1, arbitrary: fc.record({ kind: of('delete offset'), group, topic }) },
  { weight: 1, arbitrary: fc.record({ kind: of('delete group'), group }) },
  { weight: 1, arbitrary: fc.record({ kind: of('expire'), ms: fc.constantFrom(1_000, retentionMs) }) },
  { weight: 3, arbitrary: fc.record({ kind: of('settle', 'check', 'compact', 'restart') }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

async function take(all: World, next: Step, offset: number): Promise<unknown> {
  const { coordinator } = all;
  switch (next.kind) {
    case 'commit':
      return all.commit(next.group, next.topic, offset);
    case 'stage':
      return all.stage(next.producer, next.group, next.topic, offset);
    case 'mark':
      return all.mark(next.producer, next.isCommit);
    case 'forget':
      return coordinator.forgetTopic(next.topic);
    case 'delete offset':
      return coordinator.deleteOffsets(next.group, [{ topic: next.topic, partition: 0 }]);
    case 'delete group':
      return coordinator.deleteGroup(next.group);
    case 'expire':
      await all.clock.advance(next.ms);
      return coordinator.expire();
    case 'settle':
      return all.settle();
    case 'check':
      return all.check();
    case 'compact':
      return all.clock.advance(compactionIntervalMs);
    case 'restart':
      await coordinator.close();
      all.coordinator = await all.open();
      return undefined;
  }
}

test('live state equals a replay, whatever is committed, staged, ended, deleted, expired and compacted', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
      const all = await world();
      let running: Promise<unknown>[] = [];
      for (const [index, next] of steps.entries()) {
        const isAlone = ['settle', 'check', 'compact', 'restart', 'expire'].includes(next.kind);
        if (!isAlone) running.push(take(all, next, index));
        else {
          await all.settle();
          await Promise.all(running);
          running = [];
          await take(all, next, index);
        }
      }
      await all.settle();
      await Promise.all(running);
      await all.check();
      // With every transaction ended, everything but the active segment is compacted.
      for (const producerId of [1, 2, 3]) await all.mark(producerId, true);
      await compacted(all);
      await all.check();
      await all.coordinator.close();
    }),
    { numRuns: 100 },
  );
}, 60_000);
