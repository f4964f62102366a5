/** The end of a transaction on a disk that dies at every single step of it, or is full: all of it counts or none, and what was answered holds. */

import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Broker, startBroker } from '../../../core/broker/broker.ts';
import { createTopicsApi } from '../../../core/protocol/apis/topics.ts';
import { describeTransactionsApi } from '../../../core/protocol/apis/transaction-admin.ts';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';
import { FakeDisk } from '../../fakes/fake-disk.ts';
import { RawClient } from './raw-client.ts';
import { fetchOffset, fetchValues, RawProducer } from './raw-producer.ts';
import { optionsFor } from './running-broker.ts';

const { NONE } = kafkaErrors;
const group = { groupId: 'g', topic: 'out' };

let disk: FakeDisk;
let broker: Broker;
let client: RawClient;
let producer: RawProducer;
let lines: string[];

beforeEach(() => begin());
afterEach(() => stop());

async function start(): Promise<void> {
  broker = await startBroker(optionsFor('/data', lines, { disk }));
  client = await RawClient.connect(broker.port);
}

async function stop(): Promise<void> {
  await client.close();
  await broker.close().catch(() => {});
}

/** A transaction with records in two partitions and an offset, ready to be ended. */
async function begin(): Promise<void> {
  disk = new FakeDisk();
  lines = [];
  await start();
  const wanted = { name: 'out', numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] };
  await client.ask(createTopicsApi, 5, { topics: [wanted] });
  producer = new RawProducer(client, 'one');
  expect(await producer.init()).toBe(NONE);
  expect(await producer.add('out', 0, 1)).toBe(NONE);
  expect(await producer.addOffsets('g')).toBe(NONE);
  for (const partition of [0, 1]) expect(await producer.send('out', partition, ['record'])).toBe(NONE);
  expect(await producer.commitOffset(group, 7)).toBe(NONE);
}

/** Whether each part of the transaction counts. */
async function parts(): Promise<boolean[]> {
  const values = await Promise.all([0, 1].map((partition) => fetchValues(client, { topic: 'out', partition })));
  const { offset } = await fetchOffset(client, group);
  return [...values.map((found) => found.values.length === 1), offset === 7];
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** What the end of the transaction was answered before the disk died; undefined when it was not. */
async function endOrDie(isCommit: boolean): Promise<number | undefined> {
  let answered: number | undefined;
  const ending = producer.end(isCommit).then(
    (errorCode) => {
      answered = errorCode;
    },
    () => {},
  );
  while (answered === undefined && !disk.isDead) await turn();
  // What the disk did before it died may still lead to an answer.
  for (let left = 50; left > 0; left--) await turn();
  if (!disk.isDead) await ending;
  return answered;
}

test.each([
  { isCommit: true, kind: 'power' },
  { isCommit: true, kind: 'process' },
  { isCommit: false, kind: 'power' },
] as const)(
  '$kind fails at every step of an end, commit $isCommit',
  async ({ isCommit, kind }) => {
    const outcomes: boolean[] = [];
    for (let steps = 0, isOver = false; !isOver; steps++) {
      if (steps > 0) await begin();
      disk.dieAfter(steps);
      const answered = await endOrDie(isCommit);
      isOver = !disk.isDead;
      disk.crash({ kind });
      await stop();
      await start();
      const successor = new RawProducer(client, 'one');
      await expect.poll(() => successor.init(), { interval: 5 }).toBe(NONE);
      const [first, ...others] = await parts();
      expect({ steps, others }).toEqual({ steps, others: [first, first] });
      if (answered === NONE) expect({ steps, first }).toEqual({ steps, first: isCommit });
      outcomes.push(first === true);
      if (!isOver) await stop();
    }
    // A prepare record and three markers, each written and synced.
    expect(outcomes.length).toBeGreaterThan(8);
    expect(new Set(outcomes)).toEqual(new Set(isCommit ? [true, false] : [false]));
  },
  60_000,
);

test('a disk that is full when the markers are due keeps the transaction prepared until there is room', async () => {
  const release = disk.hold('sync');
  const before = disk.counts.get('sync') ?? 0;
  let answered: number | undefined;
  const ending = producer.end(true).then((errorCode) => {
    answered = errorCode;
  });
  // The prepare record is written; nothing more fits.
  await expect.poll(() => disk.counts.get('sync') ?? 0, { interval: 2 }).toBeGreaterThan(before);
  disk.capacityBytes = disk.usedBytes;
  release();
  const told = 'a partition refused the end of a transaction; it is tried again until it takes it';
  await expect.poll(() => lines.filter((line) => line === told).length, { interval: 5 }).toBeGreaterThan(1);
  const other = await RawClient.connect(broker.port);
  const { transactionStates } = await other.ask(describeTransactionsApi, 0, { transactionalIds: ['one'] });
  expect([answered, transactionStates[0]?.transactionState]).toEqual([undefined, 'PrepareCommit']);
  expect((await fetchValues(other, { topic: 'out' })).values).toEqual([]);
  expect((await fetchOffset(other, group)).offset).toBe(-1);
  await other.close();
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  await ending;
  expect(answered).toBe(NONE);
  expect(await parts()).toEqual([true, true, true]);
});
