/** What an administrator sees of transactions and producers, and which markers may be written by hand. */

import { afterEach, beforeEach, expect, test } from 'vitest';
import { offsetForLeaderEpochApi } from '../../../core/protocol/apis/leader-epochs.ts';
import { createTopicsApi } from '../../../core/protocol/apis/topics.ts';
import {
  describeProducersApi,
  describeTransactionsApi,
  listTransactionsApi,
  writeTxnMarkersApi,
} from '../../../core/protocol/apis/transaction-admin.ts';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';
import { RawClient } from './raw-client.ts';
import { fetchValues, RawProducer } from './raw-producer.ts';
import { type RunningBroker, runBroker } from './running-broker.ts';

const {
  NONE,
  INVALID_PRODUCER_EPOCH,
  INVALID_REQUEST,
  INVALID_TXN_STATE,
  TRANSACTIONAL_ID_NOT_FOUND,
  UNKNOWN_LEADER_EPOCH,
  UNKNOWN_TOPIC_OR_PARTITION,
} = kafkaErrors;

let running: RunningBroker;
let client: RawClient;
let producer: RawProducer;

beforeEach(async () => {
  running = await runBroker();
  client = await RawClient.connect(running.broker.port);
  const wanted = { name: 'out', numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] };
  await client.ask(createTopicsApi, 5, { topics: [wanted] });
  producer = new RawProducer(client, 'one');
  expect(await producer.init(45_000)).toBe(NONE);
});

afterEach(async () => {
  await client.close();
  await running.stop();
});

async function begin(): Promise<void> {
  expect(await producer.add('out', 0, 1)).toBe(NONE);
  expect(await producer.send('out', 0, ['a', 'b'])).toBe(NONE);
}

async function mark(partition: number, changes: Partial<Record<'producerId' | 'producerEpoch', number>> = {}) {
  const { producerId, producerEpoch } = { ...producer, ...changes };
  const topics = [{ name: 'out', partitionIndexes: [partition] }];
  const marker = { producerId, producerEpoch, transactionResult: false, topics, coordinatorEpoch: 99 };
  const answer = await client.ask(writeTxnMarkersApi, 1, { markers: [marker] });
  return answer.markers[0]?.topics[0]?.partitions[0]?.errorCode;
}

async function producersOf(partitionIndex: number) {
  const answer = await client.ask(describeProducersApi, 0, {
    topics: [{ name: 'out', partitionIndexes: [partitionIndex] }],
  });
  return answer.topics[0]?.partitions[0];
}

test('a transaction is described from its begin to its end', async () => {
  const ask = async (...transactionalIds: string[]) =>
    (await client.ask(describeTransactionsApi, 0, { transactionalIds })).transactionStates;
  await begin();
  const [ongoing, missing, nameless] = await ask('one', 'other', '');
  expect(ongoing).toMatchObject({
    ...{ errorCode: NONE, transactionState: 'Ongoing', transactionTimeoutMs: 45_000 },
    ...{ producerId: producer.producerId, producerEpoch: producer.producerEpoch },
    topics: [{ topic: 'out', partitions: [0, 1] }],
  });
  expect(Math.abs(Number(ongoing?.transactionStartTimeMs) - Date.now())).toBeLessThan(60_000);
  expect(missing?.errorCode).toBe(TRANSACTIONAL_ID_NOT_FOUND);
  expect(nameless?.errorCode).toBe(INVALID_REQUEST);
  expect(await producer.end(true)).toBe(NONE);
  const [ended] = await ask('one');
  expect(ended).toMatchObject({ transactionState: 'CompleteCommit', transactionStartTimeMs: -1, topics: [] });
});

test('transactions are listed by state, producer and how long they have been running', async () => {
  await begin();
  const idle = new RawProducer(client, 'idle');
  expect(await idle.init()).toBe(NONE);
  const all = { stateFilters: [], producerIdFilters: [], durationFilter: -1 };
  const list = async (filters: Partial<typeof all> | { stateFilters: string[] } | { producerIdFilters: number[] }) => {
    const answer = await client.ask(listTransactionsApi, 1, { ...all, ...filters });
    return [
      answer.transactionStates.map(({ transactionalId }) => transactionalId).toSorted(),
      answer.unknownStateFilters,
    ];
  };
  expect(await list({})).toEqual([['idle', 'one'], []]);
  expect(await list({ stateFilters: ['Ongoing', 'Dreaming'] })).toEqual([['one'], ['Dreaming']]);
  expect(await list({ producerIdFilters: [idle.producerId] })).toEqual([['idle'], []]);
  expect(await list({ durationFilter: 600_000 })).toEqual([[], []]);
  await expect.poll(() => list({ durationFilter: 1 })).toEqual([['one'], []]);
});

test('the producers of a partition are described with what they have open', async () => {
  await begin();
  const { producerId, producerEpoch } = producer;
  const known = { producerId, producerEpoch, lastSequence: 1 };
  expect(await producersOf(0)).toMatchObject({
    ...{ errorCode: NONE, activeProducers: [{ ...known, coordinatorEpoch: -1, currentTxnStartOffset: 0 }] },
  });
  expect((await producersOf(1))?.activeProducers).toEqual([]);
  expect((await producersOf(7))?.errorCode).toBe(UNKNOWN_TOPIC_OR_PARTITION);
  expect(await producer.end(true)).toBe(NONE);
  expect(await producersOf(0)).toMatchObject({
    activeProducers: [{ ...known, coordinatorEpoch: 0, currentTxnStartOffset: -1 }],
  });
});

test('a transaction with an owner is not ended by hand; a producer nobody knows is, and shuts nobody out', async () => {
  await begin();
  expect(await mark(0)).toBe(INVALID_TXN_STATE);
  expect(await mark(7)).toBe(UNKNOWN_TOPIC_OR_PARTITION);
  expect(await mark(1, { producerId: 4_711 })).toBe(NONE);
  expect((await producersOf(1))?.activeProducers).toMatchObject([{ producerId: 4_711, coordinatorEpoch: 0 }]);
  expect(await producer.send('out', 1, ['c'])).toBe(NONE);
  expect(await producer.end(true)).toBe(NONE);
  expect((await fetchValues(client, { topic: 'out' })).values).toEqual(['a', 'b']);
  expect((await fetchValues(client, { topic: 'out', partition: 1 })).values).toEqual(['c']);
  expect(await mark(0, { producerEpoch: producer.producerEpoch - 1 })).toBe(INVALID_PRODUCER_EPOCH);
});

test('where a leader epoch ends', async () => {
  await begin();
  const ask = async (leaderEpoch: number, partition = 0, currentLeaderEpoch = -1) => {
    const partitions = [{ partition, currentLeaderEpoch, leaderEpoch }];
    const answer = await client.ask(offsetForLeaderEpochApi, 4, { topics: [{ topic: 'out', partitions }] });
    return answer.topics[0]?.partitions[0];
  };
  expect(await ask(0)).toMatchObject({ errorCode: NONE, leaderEpoch: 0, endOffset: 2 });
  expect(await ask(1)).toMatchObject({ errorCode: NONE, leaderEpoch: -1, endOffset: -1 });
  expect(await ask(0, 0, 5)).toMatchObject({ errorCode: UNKNOWN_LEADER_EPOCH, endOffset: -1 });
  expect(await ask(0, 7)).toMatchObject({ errorCode: UNKNOWN_TOPIC_OR_PARTITION });
});
