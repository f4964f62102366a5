/** kafkajs against the broker: administration, producing and consuming, groups, every codec. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningBroker, runBroker } from './running-broker.ts';

let running: RunningBroker;

beforeAll(async () => {
  running = await runBroker();
});

afterAll(async () => {
  await running.stop();
});

describe('milestone', () => {
  test('create, produce, read back', async () => {
    const kafka = running.kafka();
    const admin = kafka.admin();
    await admin.connect();
    expect(await admin.createTopics({ topics: [{ topic: 't', numPartitions: 2 }] })).toBe(true);
    const producer = kafka.producer();
    await producer.connect();
    const sent = await producer.send({ topic: 't', messages: [{ key: 'k', value: 'v', partition: 1 }] });
    expect(sent).toMatchObject([{ partition: 1, errorCode: 0, baseOffset: '0' }]);
    expect(await admin.fetchTopicOffsets('t')).toMatchObject([
      { partition: 0, high: '0' },
      { partition: 1, high: '1' },
    ]);
    const consumer = kafka.consumer({ groupId: 'g' });
    await consumer.connect();
    await consumer.subscribe({ topic: 't', fromBeginning: true });
    const value = await new Promise((resolve) => {
      void consumer.run({ eachMessage: async ({ message }) => resolve(message.value?.toString()) });
    });
    expect(value).toBe('v');
    await consumer.disconnect();
    await producer.disconnect();
    await admin.disconnect();
  });
});
