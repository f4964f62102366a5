/** Transactions against the embedded broker with kafkajs: what is committed is seen, what is not is not, also over a restart. */

import type { Kafka } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { deleteTopicsApi } from '../../../core/protocol/apis/topics.ts';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';
import { RawClient } from './raw-client.ts';
import { fetchOffset, fetchValues, RawProducer } from './raw-producer.ts';
import { type RunningBroker, runBroker } from './running-broker.ts';

let running: RunningBroker;
let kafka: Kafka;

beforeEach(async () => {
  running = await runBroker();
  kafka = running.kafka();
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: 'in' }, { topic: 'out', numPartitions: 2 }] });
  await admin.disconnect();
});

afterEach(async () => {
  await running.stop();
});

const transactional = (transactionalId: string) =>
  kafka.producer({ transactionalId, maxInFlightRequests: 1, idempotent: true });

/** Reads a topic from the start until `last` was seen. */
async function readUntil(topic: string, last: string, isCommittedOnly = true): Promise<string[]> {
  const consumer = kafka.consumer({
    groupId: `reader-${Math.random()}`,
    readUncommitted: !isCommittedOnly,
    maxWaitTimeInMs: 50,
  });
  const seen: string[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise<void>((resolve) => {
    void consumer.run({
      eachMessage: async ({ message }) => {
        seen.push(String(message.value));
        if (String(message.value) === last) resolve();
      },
    });
  });
  await consumer.disconnect();
  return seen;
}

interface Sender {
  send(record: { topic: string; messages: { value: string; partition: number }[] }): Promise<unknown>;
}

const send = (to: Sender, topic: string, ...values: string[]) =>
  to.send({ topic, messages: values.map((value) => ({ value, partition: 0 })) });

test('a committed transaction is seen, an aborted one is not, and plain records lie between them', async () => {
  const producer = transactional('one');
  const plain = kafka.producer();
  await Promise.all([producer.connect(), plain.connect()]);
  const first = await producer.transaction();
  await send(first, 'out', 'a1');
  await send(plain, 'out', 'p1');
  await send(first, 'out', 'a2');
  await first.commit();
  const second = await producer.transaction();
  await send(second, 'out', 'b1');
  await send(plain, 'out', 'p2');
  await second.abort();
  const third = await producer.transaction();
  await send(third, 'out', 'c1');
  await third.commit();
  await send(plain, 'out', 'end');
  expect(await readUntil('out', 'end')).toEqual(['a1', 'p1', 'a2', 'p2', 'c1', 'end']);
  expect(await readUntil('out', 'end', false)).toEqual(['a1', 'p1', 'a2', 'b1', 'p2', 'c1', 'end']);
  await running.restart();
  expect(await readUntil('out', 'end')).toEqual(['a1', 'p1', 'a2', 'p2', 'c1', 'end']);
  await Promise.all([producer.disconnect(), plain.disconnect()]);
});

test('offsets of a group count with the commit of the transaction they belong to', async () => {
  const producer = transactional('mover');
  await producer.connect();
  const admin = kafka.admin();
  await admin.connect();
  const committed = async () => (await admin.fetchOffsets({ groupId: 'g', topics: ['in'] }))[0]?.partitions[0]?.offset;
  const aborted = await producer.transaction();
  await aborted.sendOffsets({
    consumerGroupId: 'g',
    topics: [{ topic: 'in', partitions: [{ partition: 0, offset: '7' }] }],
  });
  expect(await committed()).toBe('-1');
  await aborted.abort();
  expect(await committed()).toBe('-1');
  const kept = await producer.transaction();
  await kept.sendOffsets({
    consumerGroupId: 'g',
    topics: [{ topic: 'in', partitions: [{ partition: 0, offset: '9' }] }],
  });
  await send(kept, 'out', 'with offset');
  expect(await committed()).toBe('-1');
  await kept.commit();
  expect(await committed()).toBe('9');
  await running.restart();
  expect(await committed()).toBe('9');
  await Promise.all([producer.disconnect(), admin.disconnect()]);
});

test('a second producer under the same transactional id fences the first and aborts its transaction', async () => {
  const zombie = transactional('same');
  await zombie.connect();
  const open = await zombie.transaction();
  await send(open, 'out', 'lost');
  const successor = transactional('same');
  await successor.connect();
  const next = await successor.transaction();
  await send(next, 'out', 'kept');
  await next.commit();
  await expect(open.commit()).rejects.toThrow();
  const plain = kafka.producer();
  await plain.connect();
  await send(plain, 'out', 'end');
  expect(await readUntil('out', 'end')).toEqual(['kept', 'end']);
  await Promise.all([zombie.disconnect(), successor.disconnect(), plain.disconnect()]);
});

const { NONE, ILLEGAL_GENERATION, INVALID_PRODUCER_EPOCH, INVALID_TXN_STATE, PRODUCER_FENCED, UNSTABLE_OFFSET_COMMIT } =
  kafkaErrors;

describe('step by step', () => {
  let client: RawClient;
  let producer: RawProducer;

  beforeEach(async () => {
    client = await RawClient.connect(running.broker.port);
    producer = new RawProducer(client, 'steps');
    expect(await producer.init()).toBe(NONE);
  });

  afterEach(() => client.close());

  test('an end that is repeated after its answer was lost succeeds and writes nothing more', async () => {
    expect(await producer.add('out', 0)).toBe(NONE);
    expect(await producer.send('out', 0, ['once'])).toBe(NONE);
    expect(await producer.end(true)).toBe(NONE);
    expect(await producer.end(true)).toBe(NONE);
    expect(await producer.end(false)).toBe(INVALID_TXN_STATE);
    // One record and one marker.
    expect(await fetchValues(client, { topic: 'out' })).toEqual({
      values: ['once'],
      lastStableOffset: 2,
      highWatermark: 2,
    });
  });

  test('nothing enters a partition that is not part of an ongoing transaction', async () => {
    expect(await producer.send('out', 0, ['before'])).toBe(INVALID_TXN_STATE);
    expect(await producer.add('out', 0)).toBe(NONE);
    expect(await producer.send('out', 1, ['elsewhere'])).toBe(INVALID_TXN_STATE);
    expect(await producer.send('out', 0, ['inside'])).toBe(NONE);
    expect(await producer.send('out', 0, ['beside'], false)).toBe(INVALID_TXN_STATE);
    expect(await producer.end(true)).toBe(NONE);
    expect(await producer.send('out', 0, ['after'])).toBe(INVALID_TXN_STATE);
    expect((await fetchValues(client, { topic: 'out' })).values).toEqual(['inside']);
  });

  test('a zombie is refused with every request it can make', async () => {
    expect(await producer.add('out', 0)).toBe(NONE);
    expect(await producer.send('out', 0, ['lost'])).toBe(NONE);
    expect(await producer.addOffsets('g')).toBe(NONE);
    expect(await producer.commitOffset({ groupId: 'g', topic: 'in' }, 3)).toBe(NONE);
    const successor = new RawProducer(client, 'steps');
    await expect.poll(() => successor.init()).toBe(NONE);
    expect(successor.producerId).toBe(producer.producerId);
    expect(await producer.send('out', 0, ['more'])).toBe(INVALID_PRODUCER_EPOCH);
    expect(await producer.add('out', 1)).toBe(PRODUCER_FENCED);
    expect(await producer.addOffsets('g')).toBe(PRODUCER_FENCED);
    expect(await producer.commitOffset({ groupId: 'g', topic: 'in' }, 4)).toBe(INVALID_PRODUCER_EPOCH);
    expect(await producer.end(true)).toBe(PRODUCER_FENCED);
    expect((await fetchOffset(client, { groupId: 'g', topic: 'in' })).offset).toBe(-1);
    expect((await fetchValues(client, { topic: 'out' })).values).toEqual([]);
  });

  test('a reader of committed records stops at the first open transaction and goes on when it ends', async () => {
    expect(await producer.add('out', 0)).toBe(NONE);
    expect(await producer.send('out', 0, ['a'.repeat(5_000)])).toBe(NONE);
    expect(await fetchValues(client, { topic: 'out' })).toEqual({ values: [], lastStableOffset: 0, highWatermark: 1 });
    const reader = await RawClient.connect(running.broker.port);
    const waiting = fetchValues(reader, { topic: 'out', maxWaitMs: 20_000, minBytes: 1_000 });
    expect(await producer.end(true)).toBe(NONE);
    expect((await waiting).values).toHaveLength(1);
    await reader.close();
  }, 10_000);

  test('who asks for stable offsets is told to wait while a transaction may still change them', async () => {
    const place = { groupId: 'g', topic: 'in' };
    const stable = { ...place, requireStable: true };
    expect(await producer.commitOffset(place, 3)).toBe(INVALID_TXN_STATE);
    expect(await producer.addOffsets('g')).toBe(NONE);
    expect(await producer.commitOffset({ ...place, generationId: 5, memberId: 'm' }, 3)).toBe(ILLEGAL_GENERATION);
    expect(await fetchOffset(client, stable)).toEqual({ errorCode: NONE, offset: -1 });
    expect(await producer.commitOffset(place, 3)).toBe(NONE);
    expect(await fetchOffset(client, stable)).toEqual({ errorCode: UNSTABLE_OFFSET_COMMIT, offset: -1 });
    expect(await fetchOffset(client, place)).toEqual({ errorCode: NONE, offset: -1 });
    expect(await producer.end(true)).toBe(NONE);
    expect(await fetchOffset(client, stable)).toEqual({ errorCode: NONE, offset: 3 });
  });

  test('a staged offset of a topic that is deleted does not come back with the commit', async () => {
    const place = { groupId: 'g', topic: 'in' };
    expect(await producer.addOffsets('g')).toBe(NONE);
    expect(await producer.commitOffset(place, 3)).toBe(NONE);
    expect((await client.ask(deleteTopicsApi, 4, { topicNames: ['in'], timeoutMs: 0 })).responses[0]?.errorCode).toBe(
      NONE,
    );
    expect(await producer.end(true)).toBe(NONE);
    expect(await fetchOffset(client, place)).toEqual({ errorCode: NONE, offset: -1 });
  });
});
