/** Messages against bytes derived by hand from the protocol. */

import { describe, expect, test } from 'vitest';
import { apiVersionsApi } from '../../../core/protocol/apis/api-versions.ts';
import { describeClusterApi } from '../../../core/protocol/apis/cluster.ts';
import { fetchApi } from '../../../core/protocol/apis/fetch.ts';
import { heartbeatApi } from '../../../core/protocol/apis/groups.ts';
import { metadataApi } from '../../../core/protocol/apis/metadata.ts';
import { produceApi } from '../../../core/protocol/apis/produce.ts';
import { initProducerIdApi } from '../../../core/protocol/apis/producer-ids.ts';
import { deleteTopicsApi } from '../../../core/protocol/apis/topics.ts';
import type { Encodable, Fields } from '../../../core/protocol/field.ts';
import { encodeRequestFrame, encodeResponseFrame } from '../../../core/protocol/frame.ts';
import type { Message } from '../../../core/protocol/message.ts';
import { Reader } from '../../../core/protocol/reader.ts';
import { Writer } from '../../../core/protocol/writer.ts';

/** Written by hand from the protocol's grammar; spaces and `|` separate fields for the reader's eye. */
const bytesOf = (text: string) => Buffer.from(text.replaceAll(/[\s|]/g, ''), 'hex');

function expectBytes<F extends Fields>(message: Message<F>, value: Encodable<F>, version: number, text: string): void {
  const writer = new Writer();
  message.encode(writer, value, version);
  const expected = bytesOf(text);
  expect(writer.toBuffer().toString('hex')).toBe(expected.toString('hex'));
  expect(message.decode(new Reader(expected), version)).toMatchObject(value);
}

describe('bytes as the protocol prescribes them', () => {
  test('Heartbeat: plain, with a static member, flexible', () => {
    const value = { groupId: 'g', generationId: 1, memberId: 'm' };
    expectBytes(heartbeatApi.request, value, 0, '0001 67 | 00000001 | 0001 6d');
    expectBytes(heartbeatApi.request, { ...value, groupInstanceId: null }, 3, '000167 | 00000001 | 00016d | ffff');
    expectBytes(heartbeatApi.request, { ...value, groupInstanceId: 'i' }, 4, '0267 | 00000001 | 026d | 0269 | 00');
    expectBytes(heartbeatApi.response, { throttleTimeMs: 9, errorCode: 27 }, 4, '00000009 | 001b | 00');
  });

  test('Produce: records with a 4-byte length, then with a compact one', () => {
    const partitionData = [{ index: 1, records: Buffer.from('rrr') }];
    const value = { transactionalId: null, acks: -1, timeoutMs: 1000, topicData: [{ name: 't', partitionData }] };
    expectBytes(
      produceApi.request,
      value,
      7,
      'ffff | ffff | 000003e8 | 00000001 | 000174 | 00000001 | 00000001 | 00000003 727272',
    );
    expectBytes(
      produceApi.request,
      value,
      9,
      '00 | ffff | 000003e8 | 02 | 0274 | 02 | 00000001 | 04 727272 | 00 | 00 | 00',
    );
  });

  test('Produce: the current leader travels as a tagged field', () => {
    const partition = { index: 0, errorCode: 6, baseOffset: -1, logAppendTimeMs: -1, logStartOffset: -1 };
    const partitionResponses = [{ ...partition, currentLeader: { leaderId: 2, leaderEpoch: 5 } }];
    expectBytes(
      produceApi.response,
      { responses: [{ name: 't', partitionResponses }] },
      10,
      `02 | 0274 | 02 | 00000000 | 0006 | ffffffffffffffff | ffffffffffffffff | ffffffffffffffff | 01 | 00
       | 01 00 09 00000002 00000005 00 | 00 | 00000000 | 00`,
    );
  });

  test('Fetch: version 4 and the flexible version 12', () => {
    const partitions = [{ partition: 2, fetchOffset: 2 ** 32 + 1, partitionMaxBytes: 100 }];
    const value = { replicaId: -1, maxWaitMs: 500, minBytes: 1, maxBytes: 1000, isolationLevel: 1 };
    const head = 'ffffffff | 000001f4 | 00000001 | 000003e8 | 01';
    expectBytes(
      fetchApi.request,
      { ...value, topics: [{ topic: 't', partitions }] },
      4,
      `${head} | 00000001 | 000174 | 00000001 | 00000002 | 0000000100000001 | 00000064`,
    );
    expectBytes(
      fetchApi.request,
      { ...value, topics: [{ topic: 't', partitions }], rackId: 'r', clusterId: 'c' },
      12,
      `${head} | 00000000 | ffffffff | 02 | 0274 | 02
       | 00000002 | ffffffff | 0000000100000001 | ffffffff | ffffffffffffffff | 00000064 | 00
       | 00 | 01 | 0272 | 01 00 02 0263`,
    );
  });

  test('Metadata: null and empty topic lists differ, ids are 16 bytes', () => {
    expectBytes(metadataApi.request, { topics: null }, 1, 'ffffffff');
    expectBytes(metadataApi.request, { topics: [] }, 1, '00000000');
    expectBytes(
      metadataApi.request,
      { topics: [{ topicId: 'AAECAwQFBgcICQoLDA0ODw', name: null }] },
      12,
      '02 | 000102030405060708090a0b0c0d0e0f | 00 | 00 | 01 | 00 | 00',
    );
  });

  test('DeleteTopics: names up to version 5, states from 6', () => {
    expectBytes(
      deleteTopicsApi.request,
      { topicNames: ['a', 'b'], timeoutMs: 1 },
      1,
      '00000002 000161 000162 | 00000001',
    );
    expectBytes(
      deleteTopicsApi.request,
      { topics: [{ name: 'a' }], timeoutMs: 1 },
      6,
      `02 | 0261 | ${'00'.repeat(16)} | 00 | 00000001 | 00`,
    );
  });

  test('InitProducerId and DescribeCluster', () => {
    expectBytes(
      initProducerIdApi.request,
      { transactionalId: null, transactionTimeoutMs: 60_000 },
      0,
      'ffff | 0000ea60',
    );
    expectBytes(
      initProducerIdApi.response,
      { errorCode: 0, producerId: 4000, producerEpoch: 3 },
      4,
      '00000000 | 0000 | 0000000000000fa0 | 0003 | 00',
    );
    expectBytes(
      describeClusterApi.response,
      { errorCode: 0, clusterId: 'c', controllerId: 1, brokers: [{ brokerId: 1, host: 'h', port: 9092, rack: null }] },
      0,
      '00000000 | 0000 | 00 | 0263 | 00000001 | 02 00000001 0268 00002384 00 00 | 80000000 | 00',
    );
  });
});

describe('frames', () => {
  test('a plain and a flexible request header', () => {
    const header = { correlationId: 5, clientId: 'me' };
    const plain = encodeRequestFrame(
      heartbeatApi,
      { ...header, version: 0 },
      { groupId: '', generationId: 0, memberId: '' },
    );
    expect(Buffer.concat(plain)).toEqual(bytesOf('00000014 | 000c 0000 00000005 0002 6d65 | 0000 00000000 0000'));
    const value = { clientSoftwareName: 'a', clientSoftwareVersion: '1' };
    const flexible = encodeRequestFrame(apiVersionsApi, { ...header, version: 3 }, value);
    expect(Buffer.concat(flexible)).toEqual(bytesOf('00000012 | 0012 0003 00000005 0002 6d65 00 | 0261 0231 00'));
  });

  test('the answer to ApiVersions keeps the oldest header', () => {
    const value = { errorCode: 0, apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }] };
    const versions = encodeResponseFrame(apiVersionsApi, { version: 3, correlationId: 5 }, value);
    expect(Buffer.concat(versions)).toEqual(bytesOf('00000013 | 00000005 | 0000 02 0012 0000 0004 00 00000000 00'));
    const heartbeat = encodeResponseFrame(heartbeatApi, { version: 4, correlationId: 5 }, { errorCode: 0 });
    expect(Buffer.concat(heartbeat)).toEqual(bytesOf('0000000c | 00000005 00 | 00000000 0000 00'));
  });

  test('record data goes out by reference, between pieces', () => {
    const batches = [Buffer.alloc(4000, 1), Buffer.alloc(2000, 2), Buffer.alloc(10, 3)];
    const partitions = [{ partitionIndex: 0, errorCode: 0, highWatermark: 1, records: batches }];
    const header = { version: 12, correlationId: 1 };
    const pieces = encodeResponseFrame(fetchApi, header, { responses: [{ topic: 't', partitions }] });
    expect(pieces[1]).toBe(batches[0]);
    expect(pieces[2]).toBe(batches[1]);
    const frame = Buffer.concat(pieces);
    expect(frame.readInt32BE(0)).toBe(frame.length - 4);
    const reader = new Reader(frame, 4 + 5);
    expect(fetchApi.decodeResponse(reader, 12).responses[0]?.partitions[0]?.records).toEqual(Buffer.concat(batches));
    expect(reader.remaining).toBe(0);
  });
});
