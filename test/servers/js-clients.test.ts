/** Two other JavaScript clients use transactions on the embedded broker: kafkajs and @platformatic/kafka. */

import { Consumer, type Message, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { silentLogger } from '../../core/base/logger.ts';
import { type Admin, type Cluster, connectCluster, openAdmin } from '../../core/client/index.ts';
import { type EmbeddedBroker, startEmbeddedBroker } from '../core/client/embedded-broker.ts';
import { readCommitted } from './read-committed.ts';

const isolationLevels = { readCommitted: 1 };

describe('other clients in JavaScript', () => {
  let broker: EmbeddedBroker;
  let cluster: Cluster;
  let admin: Admin;

  beforeAll(async () => {
    broker = await startEmbeddedBroker();
    const { bootstrapServers } = broker;
    cluster = connectCluster({ bootstrapServers, clientId: 'witness', clock: systemClock, logger: silentLogger });
    admin = openAdmin(cluster);
  });

  afterAll(async () => {
    await admin?.close();
    cluster?.close();
    await broker?.close();
  });

  const committed = async (topic: string) =>
    (await readCommitted(cluster, topic)).filter((record) => record.partition === 0).map(({ value }) => value);

  describe('kafkajs', () => {
    const client = () =>
      new kafkajs.Kafka({
        clientId: 'kafkajs',
        brokers: [...broker.bootstrapServers],
        logLevel: kafkajs.logLevel.NOTHING,
      });
    const transactional = async (transactionalId: string) => {
      const producer = client().producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 });
      await producer.connect();
      return producer;
    };

    test('commits and aborts', async () => {
      await admin.ensureTopics([{ topic: 'kafkajs-txn', partitions: 1 }]);
      const producer = await transactional('kafkajs-a');
      for (const [value, isCommitted] of [
        ['a', true],
        ['b', false],
        ['c', true],
      ] as const) {
        const transaction = await producer.transaction();
        await transaction.send({ topic: 'kafkajs-txn', messages: [{ value }, { value: `${value}${value}` }] });
        await (isCommitted ? transaction.commit() : transaction.abort());
      }
      await producer.disconnect();
      expect(await committed('kafkajs-txn')).toEqual(['a', 'aa', 'c', 'cc']);
      const seen: string[] = [];
      const consumer = client().consumer({ groupId: 'kafkajs-readers' });
      await consumer.connect();
      await consumer.subscribe({ topics: ['kafkajs-txn'], fromBeginning: true });
      await consumer.run({ eachMessage: async ({ message }) => void seen.push(String(message.value)) });
      await expect.poll(() => seen, { timeout: 20_000 }).toEqual(['a', 'aa', 'c', 'cc']);
      await consumer.disconnect();
    });

    test('moves group offsets with the transaction or not at all', async () => {
      await admin.ensureTopics([{ topic: 'kafkajs-offsets', partitions: 1 }]);
      const producer = await transactional('kafkajs-b');
      const commit = async (offset: string, isCommitted: boolean) => {
        const transaction = await producer.transaction();
        await transaction.send({ topic: 'kafkajs-offsets', messages: [{ value: offset }] });
        const topics = [{ topic: 'kafkajs-offsets', partitions: [{ partition: 0, offset }] }];
        await transaction.sendOffsets({ consumerGroupId: 'kafkajs-group', topics });
        await (isCommitted ? transaction.commit() : transaction.abort());
        return admin.fetchGroupOffsets('kafkajs-group');
      };
      const at = (offset: number) => [{ topic: 'kafkajs-offsets', partition: 0, offset }];
      expect(await commit('7', false)).toEqual([]);
      expect(await commit('5', true)).toEqual(at(5));
      expect(await commit('9', false)).toEqual(at(5));
      await producer.disconnect();
    });

    test('an old owner of a transactional id is refused', async () => {
      await admin.ensureTopics([{ topic: 'kafkajs-fence', partitions: 1 }]);
      const old = await transactional('kafkajs-c');
      const left = await old.transaction();
      await left.send({ topic: 'kafkajs-fence', messages: [{ value: 'left open' }] });
      const next = await transactional('kafkajs-c');
      const transaction = await next.transaction();
      await transaction.send({ topic: 'kafkajs-fence', messages: [{ value: 'new' }] });
      await expect(left.send({ topic: 'kafkajs-fence', messages: [{ value: 'zombie' }] })).rejects.toThrow();
      await expect(left.commit()).rejects.toThrow();
      await transaction.commit();
      await old.disconnect();
      await next.disconnect();
      expect(await committed('kafkajs-fence')).toEqual(['new']);
    });
  });

  describe('@platformatic/kafka', () => {
    const base = () => ({ clientId: 'platformatic', bootstrapBrokers: [...broker.bootstrapServers] });
    const transactional = (transactionalId: string) =>
      new Producer({ ...base(), transactionalId, idempotent: true, serializers: stringSerializers });

    test('commits and aborts', async () => {
      await admin.ensureTopics([{ topic: 'plt-txn', partitions: 1 }]);
      const producer = transactional('plt-a');
      for (const [value, isCommitted] of [
        ['a', true],
        ['b', false],
        ['c', true],
      ] as const) {
        const transaction = await producer.beginTransaction();
        await transaction.send({ messages: [{ topic: 'plt-txn', value }] });
        await (isCommitted ? transaction.commit() : transaction.abort());
      }
      await producer.close();
      expect(await committed('plt-txn')).toEqual(['a', 'c']);
    });

    test('reads, transforms and writes with its offsets in the transaction', async () => {
      await admin.ensureTopics([
        { topic: 'plt-in', partitions: 1 },
        { topic: 'plt-out', partitions: 1 },
      ]);
      const writer = transactional('plt-b');
      const first = await writer.beginTransaction();
      await first.send({ messages: ['a', 'b', 'c', 'd'].map((value) => ({ topic: 'plt-in', value })) });
      await first.commit();
      const consumer = new Consumer({ ...base(), groupId: 'plt-group', deserializers: stringDeserializers });
      const stream = await consumer.consume({
        topics: ['plt-in'],
        autocommit: false,
        isolationLevel: isolationLevels.readCommitted,
        mode: 'committed',
        fallbackMode: 'earliest',
      });
      let taken = 0;
      for await (const message of stream as AsyncIterable<Message<string, string, string, string>>) {
        const transaction = await writer.beginTransaction();
        await transaction.addConsumer(consumer);
        await transaction.send({ messages: [{ topic: 'plt-out', value: message.value.toUpperCase() }] });
        await transaction.addOffset(message);
        // The third one is undone, with its offset.
        await (taken === 2 ? transaction.abort() : transaction.commit());
        taken += 1;
        if (taken === 3) break;
      }
      await consumer.close(true);
      await writer.close();
      expect(await committed('plt-out')).toEqual(['A', 'B']);
      expect(await admin.fetchGroupOffsets('plt-group')).toEqual([{ topic: 'plt-in', partition: 0, offset: 2 }]);
    });
  });
});
