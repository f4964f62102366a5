/** Produce over the wire: what is said of a refused batch in each version, and what stands against a whole request. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fetchApi } from '../../../core/protocol/apis/fetch.ts';
import { produceApi } from '../../../core/protocol/apis/produce.ts';
import { createTopicsApi } from '../../../core/protocol/apis/topics.ts';
import { BatchBuilder } from '../../../core/protocol/batch-builder.ts';
import { batchMaxTimestampMs, isLogAppendTime } from '../../../core/protocol/batch-header.ts';
import { validateBatch } from '../../../core/protocol/batch-validate.ts';
import type { Codec } from '../../../core/protocol/compression.ts';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';
import { RawClient } from './raw-client.ts';
import { type RunningBroker, runBroker } from './running-broker.ts';

let running: RunningBroker;
let client: RawClient;

beforeAll(async () => {
  running = await runBroker();
  client = await RawClient.connect(running.broker.port);
  await create('plain');
  await create('compacted', { 'cleanup.policy': 'compact' });
  await create('stamped', { 'message.timestamp.type': 'LogAppendTime' });
});

afterAll(async () => {
  await client.close();
  await running.stop();
});

async function create(name: string, configs: Record<string, string> = {}): Promise<void> {
  const asked = Object.entries(configs).map(([key, value]) => ({ name: key, value }));
  const topics = [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: asked }];
  expect((await client.ask(createTopicsApi, 4, { topics })).topics[0]?.errorCode).toBe(0);
}

function batchOf(keys: (string | null)[], compression: Codec = 'none', timestampMs = Date.now()): Buffer {
  const builder = new BatchBuilder();
  for (const key of keys) {
    builder.appendRecord({ key: key === null ? null : Buffer.from(key), value: Buffer.from('v'), timestampMs });
  }
  return builder.build({ compression });
}

async function produce(name: string, records: Buffer | null, { version = 11, acks = -1 } = {}) {
  const topicData = [{ name, partitionData: [{ index: 0, records }] }];
  const answer = await client.ask(produceApi, version, { acks, timeoutMs: 1_000, topicData });
  return answer.responses[0]?.partitionResponses[0];
}

describe('a refused batch', () => {
  test('names its records from version 8 on', async () => {
    const records = batchOf(['a', null, 'c', null]);
    const errorCode = kafkaErrors.INVALID_RECORD;
    const batchIndexErrorMessage = expect.stringContaining('key');
    expect(await produce('compacted', records)).toMatchObject({
      errorCode,
      errorMessage: expect.stringContaining('key'),
      recordErrors: [
        { batchIndex: 1, batchIndexErrorMessage },
        { batchIndex: 3, batchIndexErrorMessage },
      ],
    });
    expect(await produce('compacted', batchOf(['a', null], 'lz4'), { version: 8 })).toMatchObject({
      errorCode,
      recordErrors: [{ batchIndex: 1 }],
    });
    expect(await produce('compacted', batchOf([null]), { version: 7 })).toMatchObject({ errorCode, baseOffset: -1 });
  });

  test('leaves the connection usable and takes no offset', async () => {
    const before = (await produce('plain', batchOf(['k'])))?.baseOffset ?? -1;
    const damaged = batchOf(['k']);
    damaged[65]! ^= 1;
    expect(await produce('plain', damaged)).toMatchObject({ errorCode: kafkaErrors.CORRUPT_MESSAGE });
    for (const records of [null, Buffer.alloc(0), Buffer.alloc(60)]) {
      expect(await produce('plain', records)).toMatchObject({ errorCode: kafkaErrors.CORRUPT_MESSAGE });
    }
    const two = Buffer.concat([batchOf(['a']), batchOf(['b'])]);
    expect(await produce('plain', two)).toMatchObject({ errorCode: kafkaErrors.INVALID_RECORD });
    expect(await produce('plain', batchOf(['k']))).toMatchObject({ errorCode: 0, baseOffset: before + 1 });
  });
});

describe('a refused request', () => {
  test('acks that do not exist', async () => {
    for (const acks of [2, -2, 127]) {
      const answer = await produce('plain', batchOf(['k']), { acks });
      expect(answer?.errorCode).toBe(kafkaErrors.INVALID_REQUIRED_ACKS);
    }
  });

  test('zstd before version 7', async () => {
    const records = batchOf(['k'], 'zstd');
    const refused = await produce('plain', records, { version: 6 });
    expect(refused?.errorCode).toBe(kafkaErrors.UNSUPPORTED_COMPRESSION_TYPE);
    expect((await produce('plain', records, { version: 7 }))?.errorCode).toBe(0);
  });

  test('topics that are not there, or not for clients', async () => {
    expect((await produce('nowhere', batchOf(['k'])))?.errorCode).toBe(kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION);
    const internal = await produce('__consumer_offsets', batchOf(['k']));
    expect(internal?.errorCode).toBe(kafkaErrors.INVALID_TOPIC_EXCEPTION);
  });
});

test.each(['none', 'gzip', 'zstd'] as const)(
  'LogAppendTime, %s: the time of the broker, under a checksum that fits',
  async (codec) => {
    const answer = await produce('stamped', batchOf(['k'], codec, 5));
    expect(answer?.logAppendTimeMs).toBeGreaterThan(Date.now() - 60_000);
    const partitions = [{ partition: 0, fetchOffset: answer?.baseOffset ?? -1, partitionMaxBytes: 10_000 }];
    const topics = [{ topic: 'stamped', partitions }];
    const fetched = await client.ask(fetchApi, 11, { maxWaitMs: 100, minBytes: 1, maxBytes: 10_000, topics });
    const records = fetched.responses[0]?.partitions[0]?.records ?? Buffer.alloc(0);
    expect(validateBatch(records, 0, records.length)).toBeUndefined();
    expect(isLogAppendTime(records, 0)).toBe(true);
    expect(batchMaxTimestampMs(records, 0)).toBe(answer?.logAppendTimeMs);
  },
);
