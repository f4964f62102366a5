/** What an administrator changes while the broker runs: partitions, records, settings, groups; each answer holds over a restart. */

import { statfs } from 'node:fs/promises';
import { type Admin, ConfigResourceTypes } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  alterConfigsApi,
  configOperations,
  configResourceTypes,
  describeConfigsApi,
  incrementalAlterConfigsApi,
} from '../../../core/protocol/apis/configs.ts';
import { fetchApi } from '../../../core/protocol/apis/fetch.ts';
import { deleteGroupsApi, offsetDeleteApi } from '../../../core/protocol/apis/group-admin.ts';
import { offsetCommitApi, offsetFetchApi } from '../../../core/protocol/apis/group-offsets.ts';
import { listOffsetsApi } from '../../../core/protocol/apis/list-offsets.ts';
import {
  createPartitionsApi,
  deleteRecordsApi,
  describeLogDirsApi,
  electLeadersApi,
  listPartitionReassignmentsApi,
} from '../../../core/protocol/apis/partitions.ts';
import { produceApi } from '../../../core/protocol/apis/produce.ts';
import { createTopicsApi } from '../../../core/protocol/apis/topics.ts';
import { BatchBuilder } from '../../../core/protocol/batch-builder.ts';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';
import { RawClient } from './raw-client.ts';
import { type RunningBroker, runBroker } from './running-broker.ts';

let running: RunningBroker;
let admin: Admin;
let client: RawClient;

beforeAll(async () => {
  running = await runBroker();
  admin = running.kafka().admin();
  await admin.connect();
  client = await RawClient.connect(running.broker.port);
});

afterAll(async () => {
  await client.close();
  await admin.disconnect();
  await running.stop();
});

async function restart(): Promise<void> {
  await client.close();
  await running.restart();
  client = await RawClient.connect(running.broker.port);
}

async function create(topic: string, configs: Record<string, string> = {}, numPartitions = 1): Promise<void> {
  const asked = Object.entries(configs).map(([name, value]) => ({ name, value }));
  const topics = [{ name: topic, numPartitions, replicationFactor: 1, assignments: [], configs: asked }];
  expect((await client.ask(createTopicsApi, 4, { topics })).topics[0]?.errorCode).toBe(0);
}

async function produce(topic: string, record: { key?: string; value?: Buffer } = {}, index = 0): Promise<number> {
  const builder = new BatchBuilder();
  const key = record.key === undefined ? null : Buffer.from(record.key);
  builder.appendRecord({ key, value: record.value ?? Buffer.from('value'), timestampMs: Date.now() });
  const partitionData = [{ index, records: builder.build() }];
  const answer = await client.ask(produceApi, 8, {
    acks: -1,
    timeoutMs: 1,
    topicData: [{ name: topic, partitionData }],
  });
  return answer.responses[0]?.partitionResponses[0]?.errorCode ?? -1;
}

async function offsetAt(topic: string, timestamp: -1 | -2): Promise<number | undefined> {
  const partitions = [{ partitionIndex: 0, timestamp }];
  const answer = await client.ask(listOffsetsApi, 1, { replicaId: -1, topics: [{ name: topic, partitions }] });
  return answer.topics[0]?.partitions[0]?.offset;
}

async function settingOf(topic: string, name: string): Promise<string | null | undefined> {
  const resources = [{ resourceType: configResourceTypes.topic, resourceName: topic, configurationKeys: [name] }];
  const answer = await client.ask(describeConfigsApi, 1, { resources });
  return answer.results[0]?.configs[0]?.value;
}

describe('CreatePartitions', () => {
  const grow = async (name: string, count: number, more: { validateOnly?: boolean; brokers?: number[][] } = {}) => {
    const assignments = more.brokers?.map((brokerIds) => ({ brokerIds })) ?? null;
    const topics = [{ name, count, assignments }];
    const request = { topics, timeoutMs: 1_000, validateOnly: more.validateOnly ?? false };
    return (await client.ask(createPartitionsApi, 3, request)).results[0]?.errorCode;
  };
  const countOf = async (topic: string) => {
    return (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]?.partitions.length;
  };

  test('the new partitions take records at once, and are there after a restart', async () => {
    await create('grown');
    expect(await produce('grown')).toBe(0);
    await admin.createPartitions({ topicPartitions: [{ topic: 'grown', count: 3 }] });
    expect(await produce('grown', {}, 2)).toBe(0);
    expect(await grow('grown', 5, { brokers: [[1], [1]] })).toBe(kafkaErrors.NONE);
    await restart();
    expect(await countOf('grown')).toBe(5);
    expect(await offsetAt('grown', -1)).toBe(1);
  });

  test('refusals', async () => {
    await create('fixed', {}, 2);
    expect(await grow('nowhere', 3)).toBe(kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION);
    for (const count of [2, 1, 0, -1, 10_001]) expect(await grow('fixed', count)).toBe(kafkaErrors.INVALID_PARTITIONS);
    expect(await grow('__consumer_offsets', 60)).toBe(kafkaErrors.INVALID_TOPIC_EXCEPTION);
    for (const brokers of [[[1]], [[1], [2]], [[1], [1, 1]]]) {
      expect(await grow('fixed', 4, { brokers })).toBe(kafkaErrors.INVALID_REPLICA_ASSIGNMENT);
    }
    const twice = { name: 'fixed', count: 3, assignments: null };
    const answer = await client.ask(createPartitionsApi, 0, {
      topics: [twice, twice],
      timeoutMs: 1,
      validateOnly: false,
    });
    expect(answer.results.map(({ errorCode }) => errorCode)).toEqual([42, 42]);
    expect(await grow('fixed', 4, { validateOnly: true })).toBe(kafkaErrors.NONE);
    expect(await countOf('fixed')).toBe(2);
  });
});

describe('DeleteRecords', () => {
  const remove = async (name: string, offset: number, partitionIndex = 0) => {
    const topics = [{ name, partitions: [{ partitionIndex, offset }] }];
    return (await client.ask(deleteRecordsApi, 2, { topics, timeoutMs: 1_000 })).topics[0]?.partitions[0];
  };
  const fetchAt = async (topic: string, fetchOffset: number) => {
    const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 1_000 }];
    const request = { maxWaitMs: 0, minBytes: 0, maxBytes: 1_000, topics: [{ topic, partitions }] };
    return (await client.ask(fetchApi, 11, request)).responses[0]?.partitions[0];
  };

  test('what was before the offset cannot be read any more, also after a restart', async () => {
    await create('trimmed');
    for (let index = 0; index < 5; index++) await produce('trimmed');
    expect(await remove('trimmed', 3)).toEqual({ partitionIndex: 0, lowWatermark: 3, errorCode: 0 });
    expect(await fetchAt('trimmed', 2)).toMatchObject({
      errorCode: kafkaErrors.OFFSET_OUT_OF_RANGE,
      logStartOffset: 3,
    });
    expect((await fetchAt('trimmed', 3))?.records?.length).toBeGreaterThan(0);
    await restart();
    expect(await offsetAt('trimmed', -2)).toBe(3);
    expect(await remove('trimmed', 1)).toMatchObject({ lowWatermark: 3, errorCode: 0 });
    // kafkajs looks for the leader in what it has learnt before.
    await admin.fetchTopicOffsets('trimmed');
    await admin.deleteTopicRecords({ topic: 'trimmed', partitions: [{ partition: 0, offset: '-1' }] });
    expect(await offsetAt('trimmed', -2)).toBe(5);
    expect(await offsetAt('trimmed', -1)).toBe(5);
    expect(await produce('trimmed')).toBe(0);
  });

  test('refusals', async () => {
    await create('kept', { 'cleanup.policy': 'compact' });
    await create('short');
    expect((await remove('nowhere', 0))?.errorCode).toBe(kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION);
    expect((await remove('short', 0, 7))?.errorCode).toBe(kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION);
    expect(await remove('short', 1)).toEqual({ partitionIndex: 0, lowWatermark: -1, errorCode: 1 });
    expect((await remove('short', -2))?.errorCode).toBe(kafkaErrors.OFFSET_OUT_OF_RANGE);
    expect((await remove('kept', -1))?.errorCode).toBe(kafkaErrors.POLICY_VIOLATION);
    expect((await remove('__consumer_offsets', -1))?.errorCode).toBe(kafkaErrors.INVALID_TOPIC_EXCEPTION);
  });
});

describe('settings', () => {
  type Change = [name: string, operation: keyof typeof configOperations, value: string | null];
  const change = async (topic: string, changes: Change[], validateOnly = false) => {
    const configs = changes.map(([name, operation, value]) => {
      return { name, configOperation: configOperations[operation], value };
    });
    const resources = [{ resourceType: configResourceTypes.topic, resourceName: topic, configs }];
    return (await client.ask(incrementalAlterConfigsApi, 1, { resources, validateOnly })).responses[0]?.errorCode;
  };

  test('AlterConfigs replaces all of them, and they hold over a restart', async () => {
    await create('replaced', { 'retention.ms': '1000', 'segment.ms': '2000' });
    const resource = { type: ConfigResourceTypes.TOPIC, name: 'replaced' };
    const entries = (value: string) => [{ name: 'retention.ms', value }];
    await admin.alterConfigs({ validateOnly: true, resources: [{ ...resource, configEntries: entries('7') }] });
    expect(await settingOf('replaced', 'retention.ms')).toBe('1000');
    await admin.alterConfigs({ validateOnly: false, resources: [{ ...resource, configEntries: entries('5000') }] });
    await restart();
    expect(await settingOf('replaced', 'retention.ms')).toBe('5000');
    expect(await settingOf('replaced', 'segment.ms')).toBe('604800000');
  });

  test('IncrementalAlterConfigs changes what it names', async () => {
    await create('changed', { 'retention.ms': '1000', 'segment.ms': '2000' });
    const changes: Change[] = [
      ['retention.ms', 'set', '3000'],
      ['segment.ms', 'delete', null],
      ['cleanup.policy', 'append', 'compact'],
    ];
    expect(await change('changed', changes, true)).toBe(kafkaErrors.NONE);
    expect(await settingOf('changed', 'retention.ms')).toBe('1000');
    expect(await change('changed', changes)).toBe(kafkaErrors.NONE);
    await restart();
    expect(await settingOf('changed', 'retention.ms')).toBe('3000');
    expect(await settingOf('changed', 'segment.ms')).toBe('604800000');
    expect(await settingOf('changed', 'cleanup.policy')).toBe('delete,compact');
    expect(await change('changed', [['cleanup.policy', 'subtract', 'delete']])).toBe(kafkaErrors.NONE);
    expect(await settingOf('changed', 'cleanup.policy')).toBe('compact');
  });

  test('they are in force from the answer on', async () => {
    await create('live');
    expect(await produce('live', { value: Buffer.alloc(2_000) })).toBe(kafkaErrors.NONE);
    expect(await change('live', [['max.message.bytes', 'set', '1000']])).toBe(kafkaErrors.NONE);
    expect(await produce('live', { value: Buffer.alloc(2_000) })).toBe(kafkaErrors.MESSAGE_TOO_LARGE);
    expect(await change('live', [['cleanup.policy', 'set', 'compact']])).toBe(kafkaErrors.NONE);
    expect(await produce('live')).toBe(kafkaErrors.INVALID_RECORD);
    expect(await produce('live', { key: 'key' })).toBe(kafkaErrors.NONE);
    expect(await change('live', [['segment.bytes', 'set', '50']])).toBe(kafkaErrors.NONE);
    expect(await produce('live', { key: 'key' })).toBe(kafkaErrors.RECORD_LIST_TOO_LARGE);
  });

  test('refusals', async () => {
    await create('strict');
    const { INVALID_CONFIG, INVALID_REQUEST, UNKNOWN_TOPIC_OR_PARTITION } = kafkaErrors;
    expect(await change('nowhere', [['retention.ms', 'set', '1']])).toBe(UNKNOWN_TOPIC_OR_PARTITION);
    expect(await change('strict', [['no.such.thing', 'set', '1']])).toBe(INVALID_CONFIG);
    expect(await change('strict', [['retention.ms', 'set', 'soon']])).toBe(INVALID_CONFIG);
    expect(await change('strict', [['min.insync.replicas', 'set', '2']])).toBe(INVALID_CONFIG);
    expect(await change('strict', [['retention.ms', 'append', '1']])).toBe(INVALID_CONFIG);
    expect(await change('strict', [['cleanup.policy', 'subtract', 'delete']])).toBe(INVALID_CONFIG);
    expect(await change('strict', [['retention.ms', 'set', null]])).toBe(INVALID_REQUEST);
    const twice: Change = ['retention.ms', 'set', '1'];
    expect(await change('strict', [twice, twice])).toBe(INVALID_REQUEST);
    expect(await change('__consumer_offsets', [['cleanup.policy', 'set', 'delete']])).toBe(INVALID_CONFIG);
    expect(await change('__consumer_offsets', [['segment.bytes', 'set', '1000000']])).toBe(kafkaErrors.NONE);
    const alter = async (resourceType: number, configs: { name: string; value: string | null }[], copies = 1) => {
      const resources = Array.from({ length: copies }, () => ({ resourceType, resourceName: 'strict', configs }));
      const answer = await client.ask(alterConfigsApi, 2, { resources, validateOnly: false });
      return answer.responses.map(({ errorCode }) => errorCode);
    };
    expect(await alter(configResourceTypes.topic, [{ name: 'retention.ms', value: null }])).toEqual([INVALID_REQUEST]);
    expect(await alter(configResourceTypes.broker, [])).toEqual([INVALID_REQUEST]);
    expect(await alter(configResourceTypes.topic, [], 2)).toEqual([INVALID_REQUEST, INVALID_REQUEST]);
    const odd = { resourceType: 2, resourceName: 'strict', configs: [{ name: 'x', configOperation: 9, value: '1' }] };
    const answer = await client.ask(incrementalAlterConfigsApi, 0, { resources: [odd], validateOnly: false });
    expect(answer.responses[0]?.errorCode).toBe(INVALID_REQUEST);
  });
});

describe('groups', () => {
  const commit = async (groupId: string, name: string) => {
    const partitions = [{ partitionIndex: 0, committedOffset: 0, committedMetadata: null }];
    const answer = await client.ask(offsetCommitApi, 7, {
      groupId,
      generationIdOrMemberEpoch: -1,
      memberId: '',
      topics: [{ name, partitions }],
    });
    return answer.topics[0]?.partitions[0]?.errorCode;
  };
  const committed = async (groupId: string, name: string) => {
    const answer = await client.ask(offsetFetchApi, 5, { groupId, topics: [{ name, partitionIndexes: [0] }] });
    return answer.topics[0]?.partitions[0]?.committedOffset;
  };
  const remove = async (...groupsNames: string[]) => {
    return (await client.ask(deleteGroupsApi, 2, { groupsNames })).results.map(({ errorCode }) => errorCode);
  };
  const forget = async (groupId: string, name: string, partitionIndex = 0) => {
    const topics = [{ name, partitions: [{ partitionIndex }] }];
    const answer = await client.ask(offsetDeleteApi, 0, { groupId, topics });
    return answer.errorCode !== 0 ? answer.errorCode : answer.topics[0]?.partitions[0]?.errorCode;
  };

  test('a deleted group is gone with its offsets, also after a restart', async () => {
    await create('read');
    expect(await commit('doomed', 'read')).toBe(0);
    expect(await remove('doomed', 'nobody', '')).toEqual([
      kafkaErrors.NONE,
      kafkaErrors.GROUP_ID_NOT_FOUND,
      kafkaErrors.INVALID_GROUP_ID,
    ]);
    await restart();
    expect(await committed('doomed', 'read')).toBe(-1);
    expect((await admin.listGroups()).groups.map(({ groupId }) => groupId)).not.toContain('doomed');
  });

  test('with members only what they do not read is forgotten, and the group stays', async () => {
    await create('wanted');
    await create('unwanted');
    const consumer = running.kafka().consumer({ groupId: 'busy', rebalanceTimeout: 10_000 });
    await consumer.connect();
    for (const name of ['wanted', 'unwanted']) expect(await commit('busy', name)).toBe(0);
    await consumer.subscribe({ topic: 'wanted' });
    const joined = new Promise<void>((resolve) => consumer.on('consumer.group_join', () => resolve()));
    await consumer.run({ eachMessage: async () => {} });
    await joined;
    expect(await remove('busy')).toEqual([kafkaErrors.NON_EMPTY_GROUP]);
    expect(await forget('busy', 'wanted')).toBe(kafkaErrors.GROUP_SUBSCRIBED_TO_TOPIC);
    expect(await forget('busy', 'unwanted')).toBe(kafkaErrors.NONE);
    expect(await forget('busy', 'unwanted', 9)).toBe(kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION);
    expect(await forget('stranger', 'wanted')).toBe(kafkaErrors.GROUP_ID_NOT_FOUND);
    expect([await committed('busy', 'wanted'), await committed('busy', 'unwanted')]).toEqual([0, -1]);
    await consumer.disconnect();
    expect(await forget('busy', 'wanted')).toBe(kafkaErrors.NONE);
    await restart();
    expect(await committed('busy', 'wanted')).toBe(-1);
    await admin.deleteGroups(['busy']);
  });
});

describe('answers of a broker that is alone', () => {
  test('DescribeLogDirs names the folder and the sizes', async () => {
    await create('sized', {}, 2);
    await produce('sized');
    const topics = [{ topic: 'sized', partitions: [0, 1, 2] }];
    const { results } = await client.ask(describeLogDirsApi, 4, { topics });
    expect(results).toMatchObject([{ errorCode: 0, logDir: running.dataDir }]);
    const { blocks, bsize } = await statfs(running.dataDir);
    expect(results[0]?.totalBytes).toBe(blocks * bsize);
    expect(results[0]?.usableBytes).toBeGreaterThan(0);
    expect(results[0]?.usableBytes).toBeLessThan(blocks * bsize);
    const [first, second, ...others] = results[0]?.topics[0]?.partitions ?? [];
    expect(first).toMatchObject({ partitionIndex: 0, offsetLag: 0, isFutureKey: false });
    expect(first?.partitionSize).toBeGreaterThan(60);
    expect(second?.partitionSize).toBe(0);
    expect(others).toEqual([]);
    const all = await client.ask(describeLogDirsApi, 1, { topics: null });
    expect(all.results[0]?.topics.map(({ name }) => name)).toContain('__consumer_offsets');
  });

  test('ElectLeaders says that none is needed', async () => {
    await create('led');
    const topicPartitions = [{ topic: 'led', partitions: [0, 5] }];
    const { replicaElectionResults } = await client.ask(electLeadersApi, 2, { topicPartitions });
    const codes = replicaElectionResults[0]?.partitionResult.map(({ errorCode }) => errorCode);
    expect(codes).toEqual([kafkaErrors.ELECTION_NOT_NEEDED, kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION]);
    expect((await client.ask(electLeadersApi, 1, { topicPartitions: null })).replicaElectionResults).toEqual([]);
    const odd = await client.ask(electLeadersApi, 1, { electionType: 7, topicPartitions });
    expect(odd.errorCode).toBe(kafkaErrors.INVALID_REQUEST);
  });

  test('ListPartitionReassignments knows of none', async () => {
    expect(await admin.listPartitionReassignments({})).toMatchObject({ topics: [] });
    expect((await client.ask(listPartitionReassignmentsApi, 0, {})).topics).toEqual([]);
  });
});
