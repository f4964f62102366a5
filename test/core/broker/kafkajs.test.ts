/** kafkajs against the broker: administration, producing and consuming, groups, idempotence, every codec, restarts. */

import { createRequire } from 'node:module';
import type { Admin, Consumer, EachMessagePayload, Kafka } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Codec, compress, decompress } from '../../../core/protocol/compression.ts';
import { type RunningBroker, runBroker } from './running-broker.ts';

const { CompressionCodecs, CompressionTypes } = createRequire(import.meta.url)('kafkajs') as typeof import('kafkajs');

let running: RunningBroker;
let kafka: Kafka;
let admin: Admin;

beforeAll(async () => {
  const codecs: [number, Codec][] = [
    [CompressionTypes.Snappy, 'snappy'],
    [CompressionTypes.LZ4, 'lz4'],
    [CompressionTypes.ZSTD, 'zstd'],
  ];
  for (const [type, codec] of codecs) {
    CompressionCodecs[type as 2] = () => ({
      compress: async ({ buffer }: { buffer: Buffer }) => compress(codec, buffer),
      decompress: async (buffer: Buffer) => decompress(codec, buffer, 10_000_000),
    });
  }
  running = await runBroker();
  kafka = running.kafka();
  admin = kafka.admin();
  await admin.connect();
});

afterAll(async () => {
  await admin.disconnect();
  await running.stop();
});

/** Collects values of one consumer until `count` came. */
async function collect(consumer: Consumer, topic: string, count: number): Promise<EachMessagePayload[]> {
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const seen: EachMessagePayload[] = [];
  await new Promise<void>((resolve) => {
    void consumer.run({
      eachMessage: async (payload) => {
        seen.push(payload);
        if (seen.length >= count) resolve();
      },
    });
  });
  return seen;
}

describe('administration', () => {
  test('topics are created, described, listed and deleted', async () => {
    const created = await admin.createTopics({
      topics: [
        {
          topic: 'admin-1',
          numPartitions: 3,
          configEntries: [
            { name: 'cleanup.policy', value: 'compact' },
            { name: 'retention.ms', value: '9223372036854775807' },
          ],
        },
      ],
    });
    expect(created).toBe(true);
    expect(await admin.createTopics({ topics: [{ topic: 'admin-1' }] })).toBe(false);
    expect(await admin.listTopics()).toContain('admin-1');
    const { topics } = await admin.fetchTopicMetadata({ topics: ['admin-1'] });
    expect(topics[0]?.partitions).toHaveLength(3);
    const { resources } = await admin.describeConfigs({
      includeSynonyms: true,
      resources: [{ type: 2, name: 'admin-1', configNames: ['cleanup.policy', 'segment.bytes'] }],
    });
    const values = resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]);
    expect(values).toEqual([
      ['cleanup.policy', 'compact'],
      ['segment.bytes', '1073741824'],
    ]);
    await admin.deleteTopics({ topics: ['admin-1'] });
    expect(await admin.listTopics()).not.toContain('admin-1');
  });

  test.each([
    [{ topic: 'bad name' }, /topic/i],
    [{ topic: 'three', replicationFactor: 3 }, /replication/i],
    [{ topic: 'none', numPartitions: 0 }, /partition/i],
    [{ topic: 'conf', configEntries: [{ name: 'no.such.thing', value: '1' }] }, /config/i],
    [{ topic: 'conf', configEntries: [{ name: 'retention.ms', value: 'soon' }] }, /config/i],
    [{ topic: 'isr', configEntries: [{ name: 'min.insync.replicas', value: '2' }] }, /config/i],
  ])('%j is refused', async (topic, reason) => {
    await expect(admin.createTopics({ topics: [topic] })).rejects.toMatchObject({
      errors: [expect.objectContaining({ message: expect.stringMatching(reason) })],
    });
  });

  test('names that differ in dot and underscore collide', async () => {
    await admin.createTopics({ topics: [{ topic: 'a.b' }] });
    await expect(admin.createTopics({ topics: [{ topic: 'a_b' }] })).rejects.toThrow();
  });

  test('the cluster says who it is', async () => {
    const cluster = await admin.describeCluster();
    expect(cluster).toMatchObject({ clusterId: running.broker.clusterId, controller: 1 });
    expect(cluster.brokers).toEqual([{ nodeId: 1, host: '127.0.0.1', port: running.broker.port }]);
  });

  test('an unknown topic is created by its first use', async () => {
    const producer = kafka.producer({ allowAutoTopicCreation: true });
    await producer.connect();
    await producer.send({ topic: 'auto', messages: [{ value: 'x' }] });
    expect(await admin.listTopics()).toContain('auto');
    await producer.disconnect();
  });
});

describe('records', () => {
  test.each(['None', 'GZIP', 'Snappy', 'LZ4', 'ZSTD'] as const)('%s survives the way through', async (codec) => {
    const topic = `codec-${codec}`;
    await admin.createTopics({ topics: [{ topic }] });
    const producer = kafka.producer();
    await producer.connect();
    const messages = Array.from({ length: 200 }, (_, index) => ({
      key: `key ${index % 7}`,
      value: `value ${index} ${'x'.repeat(index)}`,
      headers: { h: `header ${index}` },
    }));
    await producer.send({ topic, compression: CompressionTypes[codec], messages });
    await producer.disconnect();
    const consumer = kafka.consumer({ groupId: `group-${codec}`, maxWaitTimeInMs: 50 });
    const seen = await collect(consumer, topic, messages.length);
    await consumer.disconnect();
    expect(seen.map(({ message }) => message.value?.toString())).toEqual(messages.map(({ value }) => value));
    expect(seen[42]?.message.headers?.['h']?.toString()).toBe('header 42');
  });

  test('an idempotent producer writes each message once, in order', async () => {
    await admin.createTopics({ topics: [{ topic: 'idempotent' }] });
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    for (let index = 0; index < 20; index++) {
      await producer.send({ topic: 'idempotent', messages: [{ value: `${index}` }] });
    }
    await producer.disconnect();
    expect((await admin.fetchTopicOffsets('idempotent'))[0]?.high).toBe('20');
  });
});

describe('groups', () => {
  test('two members share the partitions and one takes over from the other', async () => {
    const topic = 'shared';
    await admin.createTopics({ topics: [{ topic, numPartitions: 4 }] });
    const assignments: Record<string, number[]> = {};
    const start = async (name: string) => {
      const consumer = running.kafka(name).consumer({
        groupId: 'sharing',
        heartbeatInterval: 100,
        sessionTimeout: 6_000,
        rebalanceTimeout: 6_000,
        maxWaitTimeInMs: 50,
      });
      consumer.on('consumer.group_join', ({ payload }) => {
        assignments[name] = payload.memberAssignment[topic] ?? [];
      });
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({ eachMessage: async () => {} });
      return consumer;
    };
    const first = await start('first');
    await expect.poll(() => assignments['first']?.length, { timeout: 10_000 }).toBe(4);
    const second = await start('second');
    await expect
      .poll(() => [assignments['first']?.length, assignments['second']?.length], { timeout: 10_000 })
      .toEqual([2, 2]);
    const { groups } = await admin.describeGroups(['sharing']);
    expect(groups[0]).toMatchObject({ state: 'Stable', protocolType: 'consumer', protocol: 'RoundRobinAssigner' });
    expect(groups[0]?.members.map(({ clientId }) => clientId).toSorted()).toEqual(['first', 'second']);
    expect((await admin.listGroups()).groups).toContainEqual({ groupId: 'sharing', protocolType: 'consumer' });
    await first.disconnect();
    await expect.poll(() => assignments['second']?.length, { timeout: 10_000 }).toBe(4);
    await second.disconnect();
  });

  test('committed offsets and groups survive a restart, and a deleted topic takes its offsets along', async () => {
    const topic = 'kept';
    await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] });
    const producer = kafka.producer();
    await producer.connect();
    const messages = Array.from({ length: 10 }, (_, index) => ({ value: `${index}`, partition: index % 2 }));
    await producer.send({ topic, messages });
    await producer.disconnect();
    const consumer = kafka.consumer({ groupId: 'keeper', maxWaitTimeInMs: 50 });
    await collect(consumer, topic, 10);
    await consumer.commitOffsets([{ topic, partition: 0, offset: '3', metadata: 'half way' }]);
    await consumer.disconnect();
    const offsets = async () => {
      const [fetched] = await admin.fetchOffsets({ groupId: 'keeper', topics: [topic] });
      return fetched?.partitions.toSorted((left, right) => left.partition - right.partition);
    };
    const before = await offsets();
    expect(before).toMatchObject([{ partition: 0 }, { partition: 1, offset: '5' }]);
    await admin.disconnect();
    await running.restart();
    await admin.connect();
    expect(await offsets()).toEqual(before);
    const again = kafka.consumer({ groupId: 'keeper', maxWaitTimeInMs: 50 });
    await again.connect();
    await again.disconnect();
    expect((await admin.listGroups()).groups.map(({ groupId }) => groupId)).toContain('keeper');
    await admin.deleteTopics({ topics: [topic] });
    await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] });
    expect(await offsets()).toMatchObject([{ offset: '-1' }, { offset: '-1' }]);
  });
});
