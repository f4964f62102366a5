/** Groups with members over a real log: what a restart knows equals what was live, after any life of the group. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import { type GroupCoordinator, openGroupCoordinator } from '../../../core/coordinator/group-coordinator.ts';
import {
  type Group,
  type GroupProtocol,
  type JoinResult,
  snapshotGroup,
} from '../../../core/coordinator/group-state.ts';
import { defaultLogConfig } from '../../../core/log/log-config.ts';
import { openLogs } from '../../../core/log/log-manager.ts';
import type { PartitionLog } from '../../../core/log/partition-log.ts';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { FakeDisk } from '../../fakes/fake-disk.ts';

const sessionTimeoutMs = 10_000;

interface World {
  readonly clock: FakeClock;
  readonly partitions: readonly PartitionLog[];
}

async function world(): Promise<World> {
  const options = { disk: new FakeDisk(), clock: new FakeClock(), logger: silentLogger };
  const logs = await openLogs({ ...options, dataDir: '/data', durability: 'default' });
  const config = { ...defaultLogConfig, isCompacted: true, isDeleted: false, messageTimestampAfterMaxMs: 1e15 };
  const partitions = [];
  for (let partition = 0; partition < 2; partition++) {
    const topicId = 'AAAAAAAAAAAAAAAAAAAAAQ';
    partitions.push(await logs.createPartition({ topic: '__consumer_offsets', partition, topicId, config }));
  }
  return { clock: new FakeClock(), partitions };
}

function start({ clock, partitions }: World): Promise<GroupCoordinator> {
  const settings = { initialRebalanceDelayMs: 0, maxSessionTimeoutMs: 30 * 86_400_000 };
  return openGroupCoordinator({ partitions, clock, logger: silentLogger, settings });
}

interface Wanted {
  readonly groupId: string;
  readonly instanceId?: string | null;
  readonly clientId?: string;
  readonly protocolType?: string;
  readonly protocols?: readonly GroupProtocol[];
}

const range = [{ name: 'range', metadata: Buffer.from('subscription') }];

/** A client process: joins, shares out when it leads, and does what it is told. */
class Client {
  memberId = '';
  generationId = -1;
  assignment: Buffer | undefined;
  lastError = 0;
  readonly #wanted: Wanted;

  constructor(wanted: Wanted) {
    this.#wanted = wanted;
  }

  get claim() {
    const { memberId, generationId } = this;
    return { memberId, generationId, instanceId: this.#wanted.instanceId ?? null };
  }

  async join(coordinator: GroupCoordinator, assignmentOf = (id: string) => Buffer.from(`for ${id}`)): Promise<void> {
    const { groupId, clientId = 'client', protocolType = 'consumer', protocols = range } = this.#wanted;
    const joined = await coordinator.join(groupId, {
      ...{ memberId: this.memberId, instanceId: this.claim.instanceId, clientId, clientHost: '/127.0.0.1' },
      ...{ protocolType, protocols, sessionTimeoutMs, rebalanceTimeoutMs: 20_000 },
      ...{ mustConfirmId: false, canSkipAssignment: true },
    });
    this.lastError = joined.errorCode;
    if (joined.errorCode !== kafkaErrors.NONE) {
      this.memberId = '';
      return;
    }
    this.memberId = joined.memberId;
    this.generationId = joined.generationId;
    await this.#sync(coordinator, joined, assignmentOf);
  }

  async #sync(coordinator: GroupCoordinator, joined: JoinResult, assignmentOf: (id: string) => Buffer): Promise<void> {
    const shares = joined.skipAssignment ? [] : joined.members;
    const assignments = shares.map(({ memberId }) => ({ memberId, assignment: assignmentOf(memberId) }));
    const { protocolType, protocolName } = joined;
    const synced = await coordinator.sync(this.#wanted.groupId, {
      ...this.claim,
      protocolType,
      protocolName,
      assignments,
    });
    this.lastError = synced.errorCode;
    this.assignment = synced.errorCode === kafkaErrors.NONE ? synced.assignment : undefined;
  }
}

async function stable(coordinator: GroupCoordinator, wanted: Wanted): Promise<Client> {
  const client = new Client(wanted);
  await client.join(coordinator);
  expect(client.lastError).toBe(kafkaErrors.NONE);
  return client;
}

describe('static members', () => {
  test('keep their place over a restart of the broker, and of themselves after it', async () => {
    const all = await world();
    const first = await start(all);
    const before = await stable(first, { groupId: 'g', instanceId: 'i' });
    await first.close();
    const second = await start(all);
    expect(second.heartbeat('g', before.claim)).toBe(kafkaErrors.NONE);
    const after = await stable(second, { groupId: 'g', instanceId: 'i' });
    expect(after.memberId).not.toBe(before.memberId);
    expect(after.generationId).toBe(before.generationId);
    expect(after.assignment).toEqual(before.assignment);
    expect(second.heartbeat('g', before.claim)).toBe(kafkaErrors.FENCED_INSTANCE_ID);
    await second.close();
    // The one that took over is what the next start knows.
    const third = await start(all);
    expect(third.heartbeat('g', after.claim)).toBe(kafkaErrors.NONE);
    expect(third.heartbeat('g', before.claim)).toBe(kafkaErrors.FENCED_INSTANCE_ID);
    expect(third.leave('g', [{ memberId: '', instanceId: 'i' }])).toEqual([kafkaErrors.NONE]);
    await third.close();
    const fourth = await start(all);
    expect(fourth.group('g')?.members.size).toBe(0);
    await fourth.close();
  });

  test('are given up when their session ends after a restart', async () => {
    const all = await world();
    const first = await start(all);
    await stable(first, { groupId: 'g', instanceId: 'i' });
    await first.close();
    const second = await start(all);
    await all.clock.advance(sessionTimeoutMs - 1);
    expect(second.group('g')?.phase).toBe('Stable');
    await all.clock.advance(1);
    expect(second.group('g')?.phase).toBe('Empty');
    await second.close();
  });
});

describe('what the broker does not look into', () => {
  test('megabytes of metadata and assignment of any protocol type come back byte for byte, also after a restart', async () => {
    const all = await world();
    const first = await start(all);
    const metadata = Buffer.alloc(5_000_000, Buffer.from([0xff, 0, 0x80, 7]));
    const assignment = Buffer.alloc(3_000_000, Buffer.from([1, 0xfe]));
    const protocols = [{ name: 'sessioned', metadata }];
    const worker = new Client({ groupId: 'workers', protocolType: 'connect', protocols });
    await worker.join(first, () => assignment);
    expect(worker.assignment?.equals(assignment)).toBe(true);
    await first.close();
    const second = await start(all);
    const [member] = second.group('workers')?.members.values() ?? [];
    expect(second.group('workers')?.protocolType).toBe('connect');
    expect(member?.protocols[0]?.metadata.equals(metadata)).toBe(true);
    expect(member?.assignment.equals(assignment)).toBe(true);
    await second.close();
  });

  test('names of 32 KB', async () => {
    const all = await world();
    const first = await start(all);
    const groupId = 'g'.repeat(0x7fff);
    const member = await stable(first, { groupId, clientId: 'c'.repeat(0x7fff), instanceId: 'i'.repeat(0x7fff) });
    expect(member.memberId.length).toBeLessThan(300);
    const offset = { topic: 't', partition: 0, offset: 1, leaderEpoch: -1, metadata: '' };
    expect(await first.commit(groupId, member.claim, [offset])).toEqual([kafkaErrors.NONE]);
    await first.close();
    const second = await start(all);
    expect(second.heartbeat(groupId, member.claim)).toBe(kafkaErrors.NONE);
    expect(await second.commit(`${groupId}g`, member.claim, [offset])).toEqual([kafkaErrors.INVALID_GROUP_ID]);
    await second.close();
  });
});

test('a wall clock that jumps ends no session', async () => {
  const all = await world();
  const coordinator = await start(all);
  const member = await stable(coordinator, { groupId: 'g' });
  for (const ms of [86_400_000, -2 * 86_400_000]) {
    all.clock.jumpWall(ms);
    await all.clock.advance(sessionTimeoutMs - 1);
    expect(coordinator.heartbeat('g', member.claim)).toBe(kafkaErrors.NONE);
  }
  await coordinator.close();
});

test('a refused newcomer leaves no group behind', async () => {
  const coordinator = await start(await world());
  const client = new Client({ groupId: 'g', protocols: [] });
  await client.join(coordinator);
  expect(client.lastError).toBe(kafkaErrors.INCONSISTENT_GROUP_PROTOCOL);
  expect(coordinator.groups()).toEqual([]);
  await coordinator.close();
});

type Step =
  | { readonly kind: 'join' | 'restart' | 'heartbeat' | 'leave' | 'commit'; readonly who: number }
  | { readonly kind: 'remove'; readonly group: number }
  | { readonly kind: 'forget'; readonly group: number }
  | { readonly kind: 'advance'; readonly ms: number }
  | { readonly kind: 'everybody' }
  | { readonly kind: 'expire' };

const who = fc.nat({ max: 5 });
const arbitraryStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constantFrom('join' as const, 'heartbeat' as const, 'restart' as const), who }),
  },
  { weight: 8, arbitrary: fc.constant({ kind: 'everybody' as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('commit' as const, 'leave' as const), who }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('remove' as const, 'forget' as const), group: fc.nat(1) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.constantFrom(1, 4_000, 11_000) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'expire' as const }) },
);

const groupIds = ['g0', 'g1'];

/** What is on its way to the log arrives there. */
async function settle(clock: FakeClock): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await clock.advance(0);
}

/** Six clients of two groups, half of them static. */
function clients(): Client[] {
  return Array.from({ length: 6 }, (_, index) => {
    const groupId = groupIds[index % 2] as string;
    return new Client({ groupId, instanceId: index < 3 ? `instance-${index}` : null });
  });
}

function run(step: Step, coordinator: GroupCoordinator, all: readonly Client[], clock: FakeClock): Promise<unknown> {
  if (step.kind === 'everybody') {
    return Promise.all(all.map((_, index) => run({ kind: 'heartbeat', who: index }, coordinator, all, clock)));
  }
  if (step.kind === 'advance') return clock.advance(step.ms);
  if (step.kind === 'expire') return coordinator.expire();
  if (step.kind === 'remove') return coordinator.deleteGroup(groupIds[step.group] as string);
  if (step.kind === 'forget') return coordinator.forgetTopic(`t${step.group}`);
  const client = all[step.who] as Client;
  const groupId = groupIds[step.who % 2] as string;
  // A process that restarted has forgotten who it was.
  if (step.kind === 'restart') client.memberId = '';
  if (step.kind === 'join' || step.kind === 'restart') return client.join(coordinator);
  if (step.kind === 'leave') return Promise.resolve(coordinator.leave(groupId, [client.claim]));
  if (step.kind === 'heartbeat') {
    const errorCode = coordinator.heartbeat(groupId, client.claim);
    return errorCode === kafkaErrors.REBALANCE_IN_PROGRESS ? client.join(coordinator) : Promise.resolve();
  }
  const offset = { topic: `t${step.who % 2}`, partition: step.who, offset: 1, leaderEpoch: -1, metadata: '' };
  return coordinator.commit(groupId, client.claim, [offset]);
}

/** What is settled, in a comparable form: a group between two generations has nothing durable of the next one. */
function settledState(coordinator: GroupCoordinator, groups: readonly Group[]) {
  return groups.map((group) => ({
    id: group.id,
    offsets: coordinator.committedOfGroup(group.id).map(({ topic, partitions }) => [topic, [...partitions].toSorted()]),
    durable: { ...snapshotGroup(group), phaseSinceMs: group.phase === 'Empty' ? group.phaseSinceMs : 0 },
    phase: group.phase,
  }));
}

test('live state equals a replay, members included, whatever happens', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(arbitraryStep, { minLength: 10, maxLength: 40 }), async (steps) => {
      const all = await world();
      const coordinator = await start(all);
      const members = clients();
      const open: Promise<unknown>[] = [];
      for (const step of steps) {
        const running = run(step, coordinator, members, all.clock);
        open.push(running);
        if (step.kind === 'everybody') await settle(all.clock);
      }
      // Nothing more comes: what is on its way to the log arrives, and what waits for others goes on waiting.
      await settle(all.clock);
      const isSettled = ({ phase }: Group) => phase === 'Stable' || phase === 'Empty';
      const isStored = ({ generation }: Group) => generation > 0;
      const live = coordinator.groups().filter((group) => isSettled(group) && isStored(group));
      const expected = settledState(coordinator, live);
      const again = await start(all);
      const known = live.flatMap(({ id }) => again.group(id) ?? []);
      expect(settledState(again, known)).toEqual(expected);
      await again.close();
      // Everybody falls silent: every wait ends, and the groups are empty here and there.
      await all.clock.advance(400_000);
      await Promise.all(open);
      for (const { id, phase } of coordinator.groups()) expect({ id, phase }).toEqual({ id, phase: 'Empty' });
      await coordinator.close();
    }),
    { numRuns: 200 },
  );
});
