/** What strangers, broken clients and hostile ones can send, and what the broker makes of it. */

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { apiVersionsApi } from '../../../core/protocol/apis/api-versions.ts';
import { describeClusterApi } from '../../../core/protocol/apis/cluster.ts';
import { fetchApi } from '../../../core/protocol/apis/fetch.ts';
import { metadataApi } from '../../../core/protocol/apis/metadata.ts';
import { produceApi } from '../../../core/protocol/apis/produce.ts';
import { createTopicsApi } from '../../../core/protocol/apis/topics.ts';
import { BatchBuilder } from '../../../core/protocol/batch-builder.ts';
import { decodeResponseHeader } from '../../../core/protocol/frame.ts';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';
import { Reader } from '../../../core/protocol/reader.ts';
import { RawClient } from './raw-client.ts';
import { type RunningBroker, runBroker } from './running-broker.ts';

let running: RunningBroker;

beforeAll(async () => {
  running = await runBroker({ limits: { maxInFlightRequests: 8 } });
});

afterAll(async () => {
  await running.stop();
});

const connect = () => RawClient.connect(running.broker.port);

const apiVersionsV0 = Buffer.from('0000000a001200000000000100' + '00', 'hex');

async function isAlive(): Promise<boolean> {
  const client = await connect();
  const answer = await client.ask(apiVersionsApi, 0, {});
  await client.close();
  return answer.errorCode === 0 && answer.apiKeys.length > 15;
}

function batchOf(text: string): Buffer {
  const builder = new BatchBuilder();
  builder.appendRecord({ key: null, value: Buffer.from(text), timestampMs: Date.now() });
  return builder.build();
}

const produceOf = (topic: string, records: Buffer, acks = -1) => ({
  acks,
  timeoutMs: 1_000,
  topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
});

describe('strangers', () => {
  test.each([
    ['a TLS hello', Buffer.from('1603010200010001fc0303', 'hex'), 'TLS'],
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), 'HTTP'],
  ])('%s closes the connection with a line in the log', async (_name, bytes, word) => {
    const client = await connect();
    client.socket.write(bytes);
    await client.closed;
    expect(running.lines.some((line) => line.includes(word))).toBe(true);
    expect(await isAlive()).toBe(true);
  });

  test.each([
    ['a TLS hello, byte by byte', Buffer.from('16030102', 'hex'), 1, /TLS/],
    ['an HTTP request in two pieces', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 3, /HTTP/],
    ['a frame that is too long', Buffer.from('7fffffff', 'hex'), 4, /2147483647/],
    ['a request that makes no sense', Buffer.from('0000000400030009', 'hex'), 8, /failed/],
  ])('%s leaves exactly one line in the log', async (_name, bytes, pieceBytes, line) => {
    const before = running.lines.length;
    const client = await connect();
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      client.socket.write(bytes.subarray(at, at + pieceBytes));
      await sleep(2);
    }
    client.socket.write(Buffer.alloc(1_000, 0x41));
    await client.closed;
    expect(running.lines.slice(before)).toEqual([expect.stringMatching(line)]);
  });

  test('random bytes never do more than close their connection', async () => {
    let seed = 42;
    const random = () => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return seed >>> 24;
    };
    for (let round = 0; round < 60; round++) {
      const client = await connect();
      const body = Buffer.from(Array.from({ length: 1 + (round % 40) * 3 }, random));
      const frame = Buffer.alloc(4 + body.length);
      frame.writeInt32BE(body.length);
      body.copy(frame, 4);
      // Half of them look like a request of a known API.
      if (round % 2 === 0 && body.length >= 4) frame.writeInt32BE((random() % 23) << 16, 4);
      client.socket.write(frame);
      client.socket.end();
      await client.closed;
    }
    expect(await isAlive()).toBe(true);
  });

  test.each([-1, 2 ** 31 - 1, 100 * 1024 * 1024 + 1])('a frame of length %d closes the connection', async (length) => {
    const client = await connect();
    const prefix = Buffer.alloc(4);
    prefix.writeInt32BE(length);
    client.socket.write(prefix);
    await client.closed;
    expect(await isAlive()).toBe(true);
  });

  test('a request cut off at any byte closes the connection', async () => {
    const idle = await connect();
    const whole = idle.encode(metadataApi, 9, { topics: [{ name: 'abc' }] }).subarray(4);
    await idle.close();
    for (let length = 0; length < whole.length - 1; length++) {
      const client = await connect();
      const frame = Buffer.alloc(4 + length);
      frame.writeInt32BE(length);
      whole.copy(frame, 4, 0, length);
      client.socket.write(frame);
      await client.closed;
    }
    expect(await isAlive()).toBe(true);
  });

  test('array lengths beyond the frame close the connection', async () => {
    for (const count of [2 ** 31 - 1, 1_000_001, -2]) {
      const client = await connect();
      const bytes = client.encode(metadataApi, 1, { topics: [] });
      bytes.writeInt32BE(count, bytes.length - 4);
      client.socket.write(bytes);
      await client.closed;
    }
    expect(await isAlive()).toBe(true);
  });
});

describe('hostile bodies', () => {
  test('a produce request cut off at any byte closes the connection and stores nothing', async () => {
    const idle = await connect();
    const whole = idle.encode(produceApi, 9, produceOf('cut', batchOf('x'))).subarray(4);
    const asked = { topics: [{ name: 'cut' }], allowAutoTopicCreation: true };
    expect((await idle.ask(metadataApi, 4, asked)).topics[0]?.errorCode).toBe(0);
    for (let length = 12; length < whole.length - 1; length++) {
      const client = await connect();
      const frame = Buffer.alloc(4 + length);
      frame.writeInt32BE(length);
      whole.copy(frame, 4, 0, length);
      client.socket.write(frame);
      await client.closed;
    }
    const answer = await idle.ask(produceApi, 9, produceOf('cut', batchOf('x')));
    expect(answer.responses[0]?.partitionResponses[0]).toMatchObject({ errorCode: 0, baseOffset: 0 });
    await idle.close();
  });

  test.each([
    ['a million tags', '0003 0009 00000001 ffff c0843d'],
    ['a varint without end', '0003 0009 00000001 ffff ffffffffffffffff'],
    ['a tag that is larger than the frame', '0003 0009 00000001 ffff 01 00 ffffff7f'],
    ['a string of a negative length', '0003 0001 00000001 fffe'],
    ['an array of two thousand million', '0003 0009 00000001 ffff 00 ffffffff0f'],
  ])('%s closes the connection', async (_name, hex) => {
    const body = Buffer.concat([Buffer.from(hex.replaceAll(' ', ''), 'hex'), Buffer.alloc(100)]);
    const frame = Buffer.concat([Buffer.alloc(4), body]);
    frame.writeInt32BE(body.length);
    const client = await connect();
    client.socket.write(frame);
    await client.closed;
    expect(await isAlive()).toBe(true);
  });

  test('decompression bombs are answered, one after the other', async () => {
    const client = await connect();
    const configs = [{ name: 'cleanup.policy', value: 'compact' }];
    const topics = [{ name: 'bombed', numPartitions: 1, replicationFactor: 1, assignments: [], configs }];
    await client.ask(createTopicsApi, 4, { topics });
    const builder = new BatchBuilder();
    for (const compression of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
      builder.appendRecord({ key: Buffer.from('k'), value: Buffer.alloc(17_000_000), timestampMs: Date.now() });
      const answer = await client.ask(produceApi, 8, produceOf('bombed', builder.build({ compression })));
      expect(answer.responses[0]?.partitionResponses[0]?.errorCode).toBe(kafkaErrors.MESSAGE_TOO_LARGE);
    }
    await client.close();
  });
});

describe('slow consumers', () => {
  test('hold no more memory than told, others are served, and what they held comes back when they go', async () => {
    const maxFetchBytes = 4_000_000;
    // More than the kernel takes between two sockets, or nothing would be left to count.
    const batchBytes = 16_000_000;
    const consumerCount = 6;
    const own = await runBroker({ limits: { maxFetchBytes } });
    const client = await RawClient.connect(own.broker.port);
    const configs = [{ name: 'max.message.bytes', value: '20000000' }];
    const created = [{ name: 'large', numPartitions: 1, replicationFactor: 1, assignments: [], configs }];
    await client.ask(createTopicsApi, 4, { topics: created });
    for (let count = 0; count < 2; count++) {
      await client.ask(produceApi, 8, produceOf('large', batchOf('x'.repeat(batchBytes))));
    }
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 50_000_000 }];
    const topics = [{ topic: 'large', partitions }];
    const request = { maxWaitMs: 100, minBytes: 1, maxBytes: 50_000_000, topics };
    const slow = await Promise.all(Array.from({ length: consumerCount }, () => RawClient.connect(own.broker.port)));
    for (const { socket } of slow) socket.pause();
    for (const consumer of slow) consumer.socket.write(consumer.encode(fetchApi, 11, request));
    await expect.poll(() => own.broker.stats().unsentFetchBytes).toBeGreaterThan(0);
    // Beyond the bound each gets the one batch that it must get to go on.
    expect(own.broker.stats().unsentFetchBytes).toBeLessThan(maxFetchBytes + consumerCount * 1.01 * batchBytes);
    const answer = await client.ask(fetchApi, 11, request);
    expect(answer.responses[0]?.partitions[0]?.records?.length).toBeGreaterThan(1_000_000);
    await Promise.all(slow.map((consumer) => consumer.close()));
    await expect.poll(() => own.broker.stats().unsentFetchBytes).toBe(0);
    await client.close();
    await own.stop();
  });
});

describe('versions', () => {
  test('an ApiVersions nobody knows is answered in version 0 with what there is', async () => {
    const client = await connect();
    const reply = client.nextFrame();
    client.socket.write(Buffer.from('0000000c0012006300000007ffff0000', 'hex'));
    const reader = new Reader(await reply);
    expect(decodeResponseHeader(reader, apiVersionsApi, 0)).toBe(7);
    const answer = apiVersionsApi.decodeResponse(reader, 0);
    expect(answer.errorCode).toBe(kafkaErrors.UNSUPPORTED_VERSION);
    expect(answer.apiKeys).toEqual([{ apiKey: 18, minVersion: 0, maxVersion: 4 }]);
    expect(
      (await client.ask(apiVersionsApi, 3, { clientSoftwareName: 'x', clientSoftwareVersion: '1' })).errorCode,
    ).toBe(0);
    await client.close();
  });

  test('client names with odd characters are refused from version 3 on', async () => {
    const client = await connect();
    const named = { clientSoftwareName: 'bad name!', clientSoftwareVersion: '1.0' };
    expect((await client.ask(apiVersionsApi, 3, named)).errorCode).toBe(kafkaErrors.INVALID_REQUEST);
    await client.close();
  });

  test.each([
    ['an unknown API', 999, 0],
    ['a version that is too new', 3, 99],
    ['a version that is too old', 1, 0],
  ])('%s closes the connection', async (_name, key, version) => {
    const client = await connect();
    const frame = Buffer.alloc(14);
    frame.writeInt32BE(10);
    frame.writeInt16BE(key, 4);
    frame.writeInt16BE(version, 6);
    frame.writeInt16BE(-1, 12);
    client.socket.write(frame);
    await client.closed;
  });

  test('every advertised range holds what kafkajs and librdkafka look for', async () => {
    const client = await connect();
    const { apiKeys } = await client.ask(apiVersionsApi, 0, {});
    const ranges = new Map(apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, [minVersion, maxVersion]]));
    const needed = { 0: [0, 3, 7], 1: [4, 10, 11], 2: [1, 3], 3: [0, 6], 8: [2, 5], 9: [1, 4], 10: [0, 2], 11: [0, 5] };
    for (const [key, versions] of Object.entries(needed)) {
      const [min = 99, max = -1] = ranges.get(Number(key)) ?? [];
      for (const version of versions) expect(version >= min && version <= max).toBe(true);
    }
    await client.close();
  });

  test('old Produce versions are answered, with a refusal', async () => {
    const client = await connect();
    const answer = await client.ask(produceApi, 2, produceOf('old', batchOf('x')));
    expect(answer.responses[0]?.partitionResponses[0]?.errorCode).toBe(kafkaErrors.UNSUPPORTED_VERSION);
    await client.close();
  });
});

describe('framing', () => {
  test('a request may come byte by byte', async () => {
    const client = await connect();
    const reply = client.nextFrame();
    for (const byte of apiVersionsV0.subarray(0, 13)) {
      client.socket.write(Buffer.from([byte]));
      await sleep(1);
    }
    client.socket.write(Buffer.from([0]));
    expect((await reply).readInt32BE(0)).toBe(1);
    await client.close();
  });

  test('a thousand requests in one segment are answered in order', async () => {
    const client = await connect();
    const one = client.encode(describeClusterApi, 0, { includeClusterAuthorizedOperations: false });
    const all = Buffer.concat(
      Array.from({ length: 1_000 }, (_, index) => {
        const copy = Buffer.from(one);
        copy.writeInt32BE(index, 8);
        return copy;
      }),
    );
    const replies = Array.from({ length: 1_000 }, () => client.nextFrame());
    client.socket.write(all);
    const ids = (await Promise.all(replies)).map((frame) => frame.readInt32BE(0));
    expect(ids).toEqual(Array.from({ length: 1_000 }, (_, index) => index));
    await client.close();
  });

  test('requests sent before the client ends its side are still answered', async () => {
    const client = await connect();
    const reply = client.nextFrame();
    client.socket.end(client.encode(apiVersionsApi, 0, {}));
    expect((await reply).length).toBeGreaterThan(10);
    await client.closed;
  });
});

describe('acks=0', () => {
  test('brings no byte back, and an error closes the connection', async () => {
    const kafka = running.kafka();
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: 'quiet', numPartitions: 1 }] });
    const client = await connect();
    for (let index = 0; index < 20; index++) {
      client.socket.write(client.encode(produceApi, 7, produceOf('quiet', batchOf(`${index}`), 0)));
    }
    await client.ask(apiVersionsApi, 0, {});
    await expect.poll(async () => (await admin.fetchTopicOffsets('quiet'))[0]?.high).toBe('20');
    const before = client.bytesReceived;
    client.socket.write(client.encode(produceApi, 7, produceOf('nowhere', batchOf('x'), 0)));
    await client.closed;
    expect(client.bytesReceived).toBe(before);
    await admin.disconnect();
  });
});

test('a client that goes away in the middle leaves nothing behind', async () => {
  for (let round = 0; round < 20; round++) {
    const client = await connect();
    const bytes = client.encode(metadataApi, 1, { topics: [] });
    client.socket.write(Buffer.concat([bytes, bytes.subarray(0, 1 + (round % bytes.length))]));
    await client.close();
  }
  await expect.poll(() => running.broker.stats().inFlightRequestBytes).toBe(0);
  await expect.poll(() => running.broker.stats().connections).toBe(0);
});
