/** A member that is told to stop is no member afterwards, whatever it was doing. */

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../core/base/clock.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import { GroupConsumer } from '../../../core/client/group-consumer.ts';
import {
  type Admin,
  type Cluster,
  connectCluster,
  type GroupMembership,
  joinGroup,
  openAdmin,
} from '../../../core/client/index.ts';
import { type EmbeddedBroker, startEmbeddedBroker } from './embedded-broker.ts';

const topic = 'work';
const timing = { sessionTimeoutMs: 6_000, rebalanceTimeoutMs: 6_000, heartbeatIntervalMs: 100 };

describe('stopping a member during its first join', () => {
  let broker: EmbeddedBroker;
  let cluster: Cluster;
  let admin: Admin;

  beforeAll(async () => {
    broker = await startEmbeddedBroker();
    const { bootstrapServers } = broker;
    cluster = connectCluster({ bootstrapServers, clientId: 'test', clock: systemClock, logger: silentLogger });
    admin = openAdmin(cluster);
    await admin.ensureTopics([{ topic, partitions: 2 }]);
  });

  afterAll(async () => {
    await admin.close();
    cluster.close();
    await broker.close();
  });

  const memberCount = async (groupId: string) => (await admin.describeGroups([groupId]))[0]?.members.length;

  const newConsumer = (groupId: string, beforeJoin: () => Promise<void>) =>
    new GroupConsumer({
      ...{ cluster, groupId, topics: [topic], ...timing, beforeJoin },
      ...{ joined: () => {}, alive: () => {}, died: () => {} },
    });

  test('at whatever moment: it is no member', async () => {
    const groupIds = Array.from({ length: 10 }, (_, delayMs) => `after-${delayMs}-ms`);
    for (const [delayMs, groupId] of groupIds.entries()) {
      const consumer = newConsumer(groupId, () => Promise.resolve());
      const started = consumer.start().catch(() => {});
      await sleep(delayMs);
      await Promise.all([started, consumer.stop()]);
    }
    const groups = await admin.describeGroups(groupIds);
    expect(groups.flatMap(({ groupId, members }) => members.map(() => groupId))).toEqual([]);
  });

  test('after it has asked: it leaves once it is let in', async () => {
    const groupId = 'asked';
    const givingBack = Promise.withResolvers<void>();
    const mayGiveBack = Promise.withResolvers<void>();
    const member: GroupMembership = await joinGroup(cluster, {
      ...{ groupId, topics: [topic], ...timing, onAssigned: () => {} },
      onRevoked: () => {
        givingBack.resolve();
        return mayGiveBack.promise;
      },
    });
    const consumer = newConsumer(groupId, () => Promise.resolve());
    const started = consumer.start();
    await givingBack.promise;
    const stopped = consumer.stop();
    mayGiveBack.resolve();
    await Promise.all([started, stopped]);
    // It has left by now: nobody waits for its session to time out.
    expect(await memberCount(groupId)).toBe(1);
    await member.leave();
  });
});
