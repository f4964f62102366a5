/** kafkajs reads what we write and writes what we read. */

import { describe, expect, test } from 'vitest';
import { apiVersionsApi } from '../../../core/protocol/apis/api-versions.ts';
import { describeConfigsApi } from '../../../core/protocol/apis/configs.ts';
import { fetchApi } from '../../../core/protocol/apis/fetch.ts';
import { offsetCommitApi, offsetFetchApi } from '../../../core/protocol/apis/group-offsets.ts';
import { joinGroupApi, leaveGroupApi, syncGroupApi } from '../../../core/protocol/apis/groups.ts';
import { listOffsetsApi } from '../../../core/protocol/apis/list-offsets.ts';
import { metadataApi } from '../../../core/protocol/apis/metadata.ts';
import { produceApi } from '../../../core/protocol/apis/produce.ts';
import { createTopicsApi } from '../../../core/protocol/apis/topics.ts';
import { BatchBuilder } from '../../../core/protocol/batch-builder.ts';
import { setBaseOffset } from '../../../core/protocol/batch-header.ts';
import { validateBatch } from '../../../core/protocol/batch-validate.ts';
import {
  consumerAssignment,
  consumerSubscription,
  decodeVersioned,
  encodeVersioned,
} from '../../../core/protocol/consumer-protocol.ts';
import type { Encodable, Fields } from '../../../core/protocol/field.ts';
import { decodeRequestHeader, FrameReader } from '../../../core/protocol/frame.ts';
import type { Message } from '../../../core/protocol/message.ts';
import { Reader } from '../../../core/protocol/reader.ts';
import { RecordCursor } from '../../../core/protocol/record-cursor.ts';
import { Writer } from '../../../core/protocol/writer.ts';
import { kafkajsAssigner, kafkajsFrame, kafkajsRequest, kafkajsResponse } from './kafkajs-witness.ts';

function encode<F extends Fields>(message: Message<F>, value: Encodable<F>, version: number): Buffer {
  const writer = new Writer();
  message.encode(writer, value, version);
  return writer.toBuffer();
}

const versionsTo = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe('requests of kafkajs, and ours byte for byte', () => {
  test('Fetch', async () => {
    for (const version of versionsTo(4, 11)) {
      const theirs = await kafkajsRequest('fetch', version, {
        maxWaitTime: 500,
        minBytes: 1,
        maxBytes: 10_485_760,
        rackId: 'r1',
        topics: [
          {
            topic: 'zażółć',
            partitions: [
              { partition: 3, fetchOffset: '5000000000', maxBytes: 1_048_576 },
              { partition: 4, fetchOffset: '0', maxBytes: 1 },
            ],
          },
        ],
      });
      const ours = encode(
        fetchApi.request,
        {
          maxWaitMs: 500,
          minBytes: 1,
          maxBytes: 10_485_760,
          isolationLevel: 1,
          rackId: 'r1',
          topics: [
            {
              topic: 'zażółć',
              partitions: [
                { partition: 3, fetchOffset: 5_000_000_000, partitionMaxBytes: 1_048_576 },
                { partition: 4, fetchOffset: 0, partitionMaxBytes: 1 },
              ],
            },
          ],
        },
        version,
      );
      expect(ours.toString('hex')).toBe(theirs.toString('hex'));
      expect(fetchApi.decodeRequest(new Reader(theirs), version).topics[0]?.topic).toBe('zażółć');
    }
  });

  test('Metadata, OffsetCommit, OffsetFetch, ListOffsets', async () => {
    for (const version of versionsTo(4, 6)) {
      const theirs = await kafkajsRequest('metadata', version, { topics: ['a', 'b'], allowAutoTopicCreation: false });
      const topics = [{ name: 'a' }, { name: 'b' }];
      expect(encode(metadataApi.request, { topics, allowAutoTopicCreation: false }, version)).toEqual(theirs);
    }
    for (const version of versionsTo(2, 5)) {
      const theirs = await kafkajsRequest('offsetCommit', version, {
        groupId: 'g',
        groupGenerationId: 7,
        memberId: 'm-1',
        topics: [{ topic: 't', partitions: [{ partition: 2, offset: '123456789012', metadata: null }] }],
      });
      const value = {
        groupId: 'g',
        generationIdOrMemberEpoch: 7,
        memberId: 'm-1',
        topics: [
          {
            name: 't',
            partitions: [{ partitionIndex: 2, committedOffset: 123_456_789_012, committedMetadata: null }],
          },
        ],
      };
      expect(encode(offsetCommitApi.request, value, version)).toEqual(theirs);
    }
    for (const version of versionsTo(1, 4)) {
      const theirs = await kafkajsRequest('offsetFetch', version, {
        groupId: 'g',
        topics: [{ topic: 't', partitions: [{ partition: 0 }, { partition: 1 }] }],
      });
      const value = { groupId: 'g', topics: [{ name: 't', partitionIndexes: [0, 1] }] };
      expect(encode(offsetFetchApi.request, value, version)).toEqual(theirs);
    }
    for (const version of versionsTo(2, 3)) {
      const theirs = await kafkajsRequest('listOffsets', version, {
        replicaId: -1,
        isolationLevel: 1,
        topics: [{ topic: 't', partitions: [{ partition: 0, timestamp: -2 }] }],
      });
      const value = { isolationLevel: 1, topics: [{ name: 't', partitions: [{ partitionIndex: 0, timestamp: -2 }] }] };
      expect(encode(listOffsetsApi.request, value, version)).toEqual(theirs);
    }
  });

  test('JoinGroup, SyncGroup, LeaveGroup, CreateTopics', async () => {
    for (const version of versionsTo(1, 5)) {
      const theirs = await kafkajsRequest('joinGroup', version, {
        groupId: 'g',
        sessionTimeout: 30_000,
        rebalanceTimeout: 60_000,
        memberId: '',
        groupInstanceId: 'static-1',
        protocolType: 'consumer',
        groupProtocols: [{ name: 'RoundRobin', metadata: Buffer.from('abc') }],
      });
      const value = {
        groupId: 'g',
        sessionTimeoutMs: 30_000,
        rebalanceTimeoutMs: 60_000,
        memberId: '',
        groupInstanceId: version >= 5 ? 'static-1' : null,
        protocolType: 'consumer',
        protocols: [{ name: 'RoundRobin', metadata: Buffer.from('abc') }],
      };
      expect(encode(joinGroupApi.request, value, version)).toEqual(theirs);
    }
    for (const version of versionsTo(0, 3)) {
      const theirs = await kafkajsRequest('syncGroup', version, {
        groupId: 'g',
        generationId: 3,
        memberId: 'm',
        groupAssignment: [{ memberId: 'm', memberAssignment: Buffer.from('xyz') }],
      });
      const assignments = [{ memberId: 'm', assignment: Buffer.from('xyz') }];
      const value = { groupId: 'g', generationId: 3, memberId: 'm', assignments };
      expect(encode(syncGroupApi.request, value, version)).toEqual(theirs);
    }
    const left = await kafkajsRequest('leaveGroup', 3, { groupId: 'g', memberId: 'm', members: [{ memberId: 'm' }] });
    expect(encode(leaveGroupApi.request, { groupId: 'g', members: [{ memberId: 'm' }] }, 3)).toEqual(left);
    for (const version of versionsTo(2, 3)) {
      const theirs = await kafkajsRequest('createTopics', version, {
        validateOnly: true,
        timeout: 5000,
        topics: [
          {
            topic: 't',
            numPartitions: 4,
            replicationFactor: 1,
            configEntries: [{ name: 'cleanup.policy', value: 'compact' }],
          },
        ],
      });
      const value = {
        timeoutMs: 5000,
        validateOnly: true,
        topics: [
          {
            name: 't',
            numPartitions: 4,
            replicationFactor: 1,
            assignments: [],
            configs: [{ name: 'cleanup.policy', value: 'compact' }],
          },
        ],
      };
      expect(encode(createTopicsApi.request, value, version)).toEqual(theirs);
    }
  });

  test('a whole frame with its header', async () => {
    const at = { api: 'apiVersions', version: 2, correlationId: 77, clientId: 'witness' };
    const frames: Buffer[] = [];
    new FrameReader({ maxFrameBytes: 1000 }).push(await kafkajsFrame(at, {}), (frame) => frames.push(frame));
    const reader = new Reader(frames[0]!);
    expect(decodeRequestHeader(reader)).toEqual({ apiKey: 18, apiVersion: 2, correlationId: 77, clientId: 'witness' });
    expect(apiVersionsApi.decodeRequest(reader, 2)).toEqual({ clientSoftwareName: '', clientSoftwareVersion: '' });
    expect(reader.remaining).toBe(0);
  });
});

describe('responses of ours, read by kafkajs', () => {
  test('Metadata', async () => {
    const body = encode(
      metadataApi.response,
      {
        throttleTimeMs: 5,
        brokers: [{ nodeId: 1, host: 'localhost', port: 9092 }],
        clusterId: 'c1',
        controllerId: 1,
        topics: [
          {
            errorCode: 0,
            name: 't',
            partitions: [
              { errorCode: 0, partitionIndex: 0, leaderId: 1, replicaNodes: [1], isrNodes: [1], offlineReplicas: [] },
            ],
          },
        ],
      },
      6,
    );
    expect(await kafkajsResponse('metadata', 6, body)).toMatchObject({
      clientSideThrottleTime: 5,
      brokers: [{ nodeId: 1, host: 'localhost', port: 9092, rack: null }],
      clusterId: 'c1',
      controllerId: 1,
      topicMetadata: [
        { topicErrorCode: 0, topic: 't', partitionMetadata: [{ partitionId: 0, leader: 1, replicas: [1], isr: [1] }] },
      ],
    });
  });

  test('Produce, JoinGroup, OffsetFetch, DescribeConfigs', async () => {
    const partitionResponses = [{ index: 2, errorCode: 0, baseOffset: 9_000_000_000, logStartOffset: 4 }];
    const produced = encode(produceApi.response, { responses: [{ name: 't', partitionResponses }] }, 7);
    expect(await kafkajsResponse('produce', 7, produced)).toMatchObject({
      topics: [
        {
          topicName: 't',
          partitions: [{ partition: 2, baseOffset: '9000000000', logAppendTime: '-1', logStartOffset: '4' }],
        },
      ],
    });
    const joined = encode(
      joinGroupApi.response,
      {
        errorCode: 0,
        generationId: 4,
        protocolName: 'RoundRobin',
        leader: 'm',
        memberId: 'm',
        members: [{ memberId: 'm', groupInstanceId: 's', metadata: Buffer.from('md') }],
      },
      5,
    );
    expect(await kafkajsResponse('joinGroup', 5, joined)).toMatchObject({
      generationId: 4,
      groupProtocol: 'RoundRobin',
      members: [{ memberId: 'm', groupInstanceId: 's', memberMetadata: Buffer.from('md') }],
    });
    const partitions = [{ partitionIndex: 0, committedOffset: -1, metadata: '', errorCode: 0 }];
    const fetched = encode(offsetFetchApi.response, { topics: [{ name: 't', partitions }] }, 4);
    expect(await kafkajsResponse('offsetFetch', 4, fetched)).toMatchObject({
      responses: [{ topic: 't', partitions: [{ partition: 0, offset: '-1', metadata: '', errorCode: 0 }] }],
    });
    const configs = [{ name: 'retention.ms', value: '1', readOnly: false, isSensitive: false, synonyms: [] }];
    const results = [{ errorCode: 0, errorMessage: null, resourceType: 2, resourceName: 't', configs }];
    expect(
      await kafkajsResponse('describeConfigs', 2, encode(describeConfigsApi.response, { results }, 2)),
    ).toMatchObject({
      resources: [{ resourceName: 't', configEntries: [{ configName: 'retention.ms', configValue: '1' }] }],
    });
  });
});

describe('record batches', () => {
  const timestamp = 1_700_000_000_000;

  test.each([
    ['none', 0],
    ['gzip', 1],
  ] as const)('%s batches of kafkajs are valid and read the same', async (_, compression) => {
    const messages = [
      { key: Buffer.from('k'), value: Buffer.from('v1'), timestamp, headers: { h: Buffer.from('x') } },
      { key: null, value: null, timestamp: timestamp + 40_000_000_000, headers: {} },
      { key: Buffer.from(''), value: Buffer.alloc(300, 'z'), timestamp: timestamp + 5, headers: {} },
    ];
    const body = await kafkajsRequest('produce', 7, {
      acks: -1,
      timeout: 30_000,
      compression,
      topicData: [{ topic: 't', partitions: [{ partition: 1, firstSequence: 0, messages }] }],
    });
    const request = produceApi.decodeRequest(new Reader(body), 7);
    const records = request.topicData[0]!.partitionData[0]!.records!;
    expect(validateBatch(records, 0, records.length)).toBeUndefined();

    const cursor = new RecordCursor();
    cursor.reset(records);
    const read: unknown[] = [];
    while (cursor.next()) {
      const part = (start: number, end: number) => (start < 0 ? null : cursor.bytes.toString('utf8', start, end));
      read.push([
        cursor.offset,
        cursor.timestampMs,
        part(cursor.keyStart, cursor.keyEnd),
        part(cursor.valueStart, cursor.valueEnd),
        cursor.headers().map(({ key, value }) => [key, String(value)]),
      ]);
    }
    expect(read).toEqual([
      [0, timestamp, 'k', 'v1', [['h', 'x']]],
      [1, timestamp + 40_000_000_000, null, null, []],
      [2, timestamp + 5, '', 'z'.repeat(300), []],
    ]);
  });

  test.each(['none', 'gzip'] as const)('%s batches of ours are read by kafkajs', async (compression) => {
    const builder = new BatchBuilder();
    const line = Buffer.from('a line of a log');
    builder.append(line, 2, 6, timestamp);
    const headers = [{ key: 'h', value: Buffer.from('x') }];
    builder.appendRecord({ key: Buffer.from('k'), value: null, headers, timestampMs: timestamp - 1000 });
    const batch = builder.build({ compression });
    setBaseOffset(batch, 0, 5_000_000_000);
    const partitions = [{ partitionIndex: 0, errorCode: 0, highWatermark: 5_000_000_002, records: batch }];
    const body = encode(fetchApi.response, { responses: [{ topic: 't', partitions }] }, 11);
    expect(await kafkajsResponse('fetch', 11, body)).toMatchObject({
      responses: [
        {
          topicName: 't',
          partitions: [
            {
              highWatermark: '5000000002',
              messages: [
                { offset: '5000000000', timestamp: String(timestamp), key: null, value: Buffer.from('line') },
                {
                  offset: '5000000001',
                  timestamp: String(timestamp - 1000),
                  key: Buffer.from('k'),
                  value: null,
                  headers: { h: Buffer.from('x') },
                },
              ],
            },
          ],
        },
      ],
    });
  });
});

describe('what group members tell each other', () => {
  test('subscriptions', () => {
    const theirs = kafkajsAssigner.MemberMetadata.encode({
      version: 1,
      topics: ['a', 'b'],
      userData: Buffer.from('u'),
    });
    // kafkajs says version 1 and leaves the field of that version out; other clients are as loose.
    expect(() => decodeVersioned(consumerSubscription, theirs)).toThrowError(/more bytes/);
    const version0 = kafkajsAssigner.MemberMetadata.encode({
      version: 0,
      topics: ['a', 'b'],
      userData: Buffer.from('u'),
    });
    expect(decodeVersioned(consumerSubscription, version0)).toMatchObject({
      topics: ['a', 'b'],
      userData: Buffer.from('u'),
      ownedPartitions: [],
    });
    const ours = encodeVersioned(consumerSubscription, { topics: ['a', 'b'], userData: Buffer.from('u') }, 1);
    expect(kafkajsAssigner.MemberMetadata.decode(ours)).toMatchObject({ version: 1, topics: ['a', 'b'] });
  });

  test('assignments', () => {
    const theirs = kafkajsAssigner.MemberAssignment.encode({ version: 1, assignment: { t: [0, 2] } });
    expect(decodeVersioned(consumerAssignment, theirs).assignedPartitions).toEqual([
      { topic: 't', partitions: [0, 2] },
    ]);
    const ours = encodeVersioned(consumerAssignment, { assignedPartitions: [{ topic: 't', partitions: [1] }] }, 0);
    expect(kafkajsAssigner.MemberAssignment.decode(ours)).toMatchObject({ assignment: { t: [1] } });
  });
});
