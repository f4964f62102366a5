/** Every partition an owner was given is asked back from it, however long its callbacks take. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../core/base/clock.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import {
  type Admin,
  type Cluster,
  connectCluster,
  type GroupPartition,
  joinGroup,
  openAdmin,
} from '../../../core/client/index.ts';
import { type EmbeddedBroker, startEmbeddedBroker } from './embedded-broker.ts';

const topic = 'work';
/** The shortest session the broker allows; giving back may take 0.8 of it. */
const timing = { sessionTimeoutMs: 6_000, rebalanceTimeoutMs: 20_000, heartbeatIntervalMs: 100 };

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

test('an owner that is still taking its partitions when they go is asked to give them back as lost', async () => {
  const began = Promise.withResolvers<void>();
  const mayEnd = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  const events: string[] = [];
  const slow = await joinGroup(cluster, {
    ...{ groupId: 'g', topics: [topic], ...timing },
    onAssigned: async (partitions) => {
      events.push(`assigned ${partitions.length}`);
      began.resolve();
      await mayEnd.promise;
      events.push('taken');
    },
    onRevoked: (partitions: readonly GroupPartition[], lost) => {
      events.push(`revoked ${partitions.length} ${lost ? 'lost' : 'in order'}`);
    },
  });
  await began.promise;
  const other = await joinGroup(cluster, {
    ...{ groupId: 'g', topics: [topic], ...timing },
    onAssigned: () => second.resolve(),
    onRevoked: () => {},
  });
  // The group goes on without the slow one's consent; it may not commit any more.
  await second.promise;
  expect(slow.assigned).toEqual([]);
  expect(events).toEqual(['assigned 2']);
  mayEnd.resolve();
  await slow.leave();
  expect(events.slice(0, 3)).toEqual(['assigned 2', 'taken', 'revoked 2 lost']);
  await other.leave();
});
