/** Fetch and ListOffsets on the wire: long poll, room, fairness, errors, slow readers. */

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { apiVersionsApi } from '../../../core/protocol/apis/api-versions.ts';
import { fetchApi } from '../../../core/protocol/apis/fetch.ts';
import { heartbeatApi } from '../../../core/protocol/apis/groups.ts';
import { listOffsetsApi } from '../../../core/protocol/apis/list-offsets.ts';
import { produceApi } from '../../../core/protocol/apis/produce.ts';
import { createTopicsApi, deleteTopicsApi } from '../../../core/protocol/apis/topics.ts';
import { BatchBuilder } from '../../../core/protocol/batch-builder.ts';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';
import { RecordCursor } from '../../../core/protocol/record-cursor.ts';
import { RawClient } from './raw-client.ts';
import { type RunningBroker, runBroker } from './running-broker.ts';

let running: RunningBroker;
let client: RawClient;
let topicCount = 0;

beforeAll(async () => {
  running = await runBroker({ limits: { maxFetchBytes: 4 * 1024 * 1024 } });
});

afterAll(async () => {
  await running.stop();
});

beforeEach(async () => {
  client = await RawClient.connect(running.broker.port);
});

afterEach(async () => {
  await client.close();
});

async function newTopic(numPartitions = 1): Promise<string> {
  const name = `topic-${topicCount++}`;
  const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] };
  const answer = await client.ask(createTopicsApi, 5, { topics: [topic] });
  expect(answer.topics[0]?.errorCode).toBe(0);
  return name;
}

function batchOf(values: readonly (string | Buffer)[], timestampMs = Date.now()): Buffer {
  const builder = new BatchBuilder();
  for (const value of values) builder.appendRecord({ key: null, value: Buffer.from(value), timestampMs });
  return builder.build();
}

async function produce(name: string, records: Buffer, { index = 0, by = client } = {}): Promise<number> {
  const partitionData = [{ index, records }];
  const answer = await by.ask(produceApi, 9, { acks: -1, timeoutMs: 1_000, topicData: [{ name, partitionData }] });
  expect(answer.responses[0]?.partitionResponses[0]?.errorCode).toBe(0);
  return answer.responses[0]?.partitionResponses[0]?.baseOffset ?? -1;
}

interface Wanted {
  topic: string;
  offsets: readonly number[];
  maxWaitMs?: number;
  minBytes?: number;
  maxBytes?: number;
  partitionMaxBytes?: number;
  isolationLevel?: number;
}

const fetchRequest = ({ topic, offsets, partitionMaxBytes = 1_000_000, ...rest }: Wanted) => ({
  maxWaitMs: 0,
  minBytes: 1,
  maxBytes: 10_000_000,
  ...rest,
  topics: [
    {
      topic,
      partitions: offsets.map((fetchOffset, partition) => ({ partition, fetchOffset, partitionMaxBytes })),
    },
  ],
  forgottenTopicsData: [],
  rackId: '',
});

async function fetch(wanted: Wanted, by = client) {
  const answer = await by.ask(fetchApi, 11, fetchRequest(wanted));
  expect(answer.errorCode).toBe(0);
  return answer.responses[0]?.partitions ?? [];
}

function valuesOf(records: Buffer | null | undefined, fromOffset = 0): string[] {
  const cursor = new RecordCursor();
  cursor.reset(records ?? Buffer.alloc(0), fromOffset);
  const values: string[] = [];
  while (cursor.next()) values.push(cursor.bytes.toString('utf8', cursor.valueStart, cursor.valueEnd));
  return values;
}

describe('waiting', () => {
  test('an append wakes a waiting fetch within milliseconds', async () => {
    const topic = await newTopic();
    const other = await RawClient.connect(running.broker.port);
    const reply = fetch({ topic, offsets: [0], maxWaitMs: 30_000 });
    await expect.poll(() => running.broker.stats().waitingFetches).toBe(1);
    await produce(topic, batchOf(['now']), { by: other });
    const [partition] = await reply;
    expect(valuesOf(partition?.records)).toEqual(['now']);
    expect(partition).toMatchObject({ highWatermark: 1, lastStableOffset: 1, logStartOffset: 0 });
    await other.close();
  });

  test('nothing comes: the answer is empty after the wait', async () => {
    const topic = await newTopic();
    const startMs = performance.now();
    const [partition] = await fetch({ topic, offsets: [0], maxWaitMs: 60 });
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(50);
    expect(partition).toMatchObject({ errorCode: 0, highWatermark: 0 });
    expect(partition?.records).toHaveLength(0);
  });

  test('minBytes waits for enough, over several appends', async () => {
    const topic = await newTopic();
    const other = await RawClient.connect(running.broker.port);
    const reply = fetch({ topic, offsets: [0], maxWaitMs: 30_000, minBytes: 2_500 });
    for (let index = 0; index < 4; index++) {
      await produce(topic, batchOf([Buffer.alloc(1_000, 'a')]), { by: other });
    }
    const [partition] = await reply;
    expect(partition?.records?.length).toBeGreaterThanOrEqual(2_500);
    await other.close();
  });

  test('a deleted topic ends the wait', async () => {
    const topic = await newTopic();
    const other = await RawClient.connect(running.broker.port);
    const reply = fetch({ topic, offsets: [0], maxWaitMs: 30_000 });
    await expect.poll(() => running.broker.stats().waitingFetches).toBe(1);
    await other.ask(deleteTopicsApi, 4, { topicNames: [topic], timeoutMs: 1_000 });
    expect((await reply)[0]?.errorCode).toBe(kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION);
    await other.close();
  });

  test('requests behind a long poll are processed on arrival and answered after it', async () => {
    const topic = await newTopic();
    const order: string[] = [];
    const before = running.broker.stats().requests;
    const polled = fetchRequest({ topic, offsets: [0], maxWaitMs: 150 });
    const poll = client.ask(fetchApi, 11, polled).then(() => order.push('fetch'));
    const beat = client
      .ask(heartbeatApi, 3, { groupId: 'none', generationId: 1, memberId: 'm' })
      .then(() => order.push('heartbeat'));
    // Both are counted as served while the first one waits.
    await expect.poll(() => running.broker.stats().requests).toBe(before + 2);
    expect(order).toEqual([]);
    await Promise.all([poll, beat]);
    expect(order).toEqual(['fetch', 'heartbeat']);
  });

  test('a client that leaves takes its wait along', async () => {
    const topic = await newTopic();
    const other = await RawClient.connect(running.broker.port);
    void fetch({ topic, offsets: [0], maxWaitMs: 30_000 }, other).catch(() => {});
    await expect.poll(() => running.broker.stats().waitingFetches).toBe(1);
    await other.close();
    await expect.poll(() => running.broker.stats().waitingFetches).toBe(0);
  });
});

describe('reading', () => {
  test('an offset inside a batch brings the whole batch', async () => {
    const topic = await newTopic();
    await produce(topic, batchOf(['a', 'b', 'c']));
    const [partition] = await fetch({ topic, offsets: [1] });
    expect(valuesOf(partition?.records, 1)).toEqual(['b', 'c']);
  });

  test('offsets outside the log are refused with its real borders', async () => {
    const topic = await newTopic();
    await produce(topic, batchOf(['a']));
    for (const offset of [-1, 2]) {
      const [partition] = await fetch({ topic, offsets: [offset], maxWaitMs: 30_000 });
      expect(partition).toMatchObject({
        errorCode: kafkaErrors.OFFSET_OUT_OF_RANGE,
        highWatermark: 1,
        logStartOffset: 0,
      });
    }
  });

  test('a batch larger than all limits is delivered alone', async () => {
    const topic = await newTopic();
    await produce(topic, batchOf([Buffer.alloc(50_000, 'x')]));
    await produce(topic, batchOf(['second']));
    const [partition] = await fetch({ topic, offsets: [0], maxBytes: 100, partitionMaxBytes: 10 });
    expect(valuesOf(partition?.records)).toHaveLength(1);
  });

  test('partitions that got no room come first next time', async () => {
    const topic = await newTopic(3);
    for (let index = 0; index < 3; index++) await produce(topic, batchOf([Buffer.alloc(1_000, 'x')]), { index });
    const served = new Set<number>();
    for (let round = 0; round < 3; round++) {
      const partitions = await fetch({ topic, offsets: [0, 0, 0], maxBytes: 1_100 });
      for (const { partitionIndex, records } of partitions) if ((records?.length ?? 0) > 0) served.add(partitionIndex);
    }
    expect([...served].toSorted()).toEqual([0, 1, 2]);
  });

  test('unknown topics, partitions, epochs and sessions are named', async () => {
    const topic = await newTopic();
    expect((await fetch({ topic: 'nope', offsets: [0] }))[0]?.errorCode).toBe(kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION);
    const missing = await fetch({ topic, offsets: [0, 0] });
    expect(missing[1]?.errorCode).toBe(kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION);
    const request = fetchRequest({ topic, offsets: [0] });
    const session = await client.ask(fetchApi, 11, { ...request, sessionId: 77, sessionEpoch: 3 });
    expect(session.errorCode).toBe(kafkaErrors.FETCH_SESSION_ID_NOT_FOUND);
    const [asked] = request.topics;
    const ahead = (asked?.partitions ?? []).map((partition) => ({ ...partition, currentLeaderEpoch: 9_999 }));
    const epoch = await client.ask(fetchApi, 11, { ...request, topics: [{ topic, partitions: ahead }] });
    expect(epoch.responses[0]?.partitions[0]?.errorCode).toBe(kafkaErrors.UNKNOWN_LEADER_EPOCH);
  });

  test('consumers that do not read hold bounded memory', async () => {
    const topic = await newTopic();
    const big = batchOf([Buffer.alloc(900_000, 'x')]);
    for (let index = 0; index < 8; index++) await produce(topic, Buffer.from(big));
    const slow = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(running.broker.port)));
    for (const each of slow) {
      each.socket.pause();
      const request = each.encode(
        fetchApi as never,
        11,
        fetchRequest({ topic, offsets: [0], maxBytes: 50_000_000, partitionMaxBytes: 50_000_000 }) as never,
      );
      for (let repeat = 0; repeat < 5; repeat++) each.socket.write(request);
    }
    await sleep(300);
    // The budget of 4 MiB and one batch for each request beyond it, however often they ask for 50 MB.
    expect(running.broker.stats().unsentFetchBytes).toBeLessThan(4 * 1024 * 1024 + 100 * 1_000_000);
    expect((await client.ask(apiVersionsApi, 0, {})).errorCode).toBe(0);
    for (const each of slow) await each.close();
    await expect.poll(() => running.broker.stats().unsentFetchBytes).toBe(0);
  });
});

describe('ListOffsets', () => {
  test('first, next and by time', async () => {
    const topic = await newTopic();
    await produce(topic, batchOf(['a', 'b'], 1_000_000));
    await produce(topic, batchOf(['c'], 2_000_000));
    const at = async (timestamp: number) => {
      const partitions = [{ partitionIndex: 0, timestamp }];
      const answer = await client.ask(listOffsetsApi, 4, { topics: [{ name: topic, partitions }] });
      return answer.topics[0]?.partitions[0];
    };
    expect(await at(-2)).toMatchObject({ errorCode: 0, offset: 0 });
    expect(await at(-1)).toMatchObject({ errorCode: 0, offset: 3 });
    expect(await at(1_000_001)).toMatchObject({ errorCode: 0, offset: 2, timestamp: 2_000_000 });
    expect(await at(1)).toMatchObject({ errorCode: 0, offset: 0, timestamp: 1_000_000 });
    expect(await at(2_000_001)).toMatchObject({ errorCode: 0, offset: -1 });
    expect(await at(-9)).toMatchObject({ errorCode: kafkaErrors.INVALID_REQUEST });
  });
});
