/** What an administrator does to partitions: CreatePartitions, DeleteRecords, ElectLeaders, ListPartitionReassignments, DescribeLogDirs. */

import { defineApi } from '../api.ts';
import { array, boolean, int8, int16, int32, int64, string } from '../field.ts';

export const deleteRecordsApi = defineApi({
  key: 21,
  name: 'DeleteRecords',
  versions: [0, 2],
  flexibleFrom: 2,
  request: {
    topics: array({
      name: string,
      /** Records before the offset go; -1 stands for the high watermark. */
      partitions: array({ partitionIndex: int32, offset: int64 }),
    }),
    timeoutMs: int32,
  },
  response: {
    throttleTimeMs: int32.or(0),
    topics: array({
      name: string,
      partitions: array({ partitionIndex: int32, lowWatermark: int64, errorCode: int16 }),
    }),
  },
});

export const describeLogDirsApi = defineApi({
  key: 35,
  name: 'DescribeLogDirs',
  versions: [1, 4],
  flexibleFrom: 2,
  request: {
    /** null asks for all. */
    topics: array({ topic: string, partitions: array(int32) }).nullable(),
  },
  response: {
    throttleTimeMs: int32.or(0),
    errorCode: int16.from(3).ignorable(),
    results: array({
      errorCode: int16,
      logDir: string,
      topics: array({
        name: string,
        partitions: array({ partitionIndex: int32, partitionSize: int64, offsetLag: int64, isFutureKey: boolean }),
      }),
      totalBytes: int64.from(4).or(-1).ignorable(),
      usableBytes: int64.from(4).or(-1).ignorable(),
    }),
  },
});

export const createPartitionsApi = defineApi({
  key: 37,
  name: 'CreatePartitions',
  versions: [0, 3],
  flexibleFrom: 2,
  request: {
    topics: array({
      name: string,
      /** How many there are to be afterwards. */
      count: int32,
      /** Of the new partitions only; null leaves it to the broker. */
      assignments: array({ brokerIds: array(int32) }).nullable(),
    }),
    timeoutMs: int32,
    validateOnly: boolean,
  },
  response: {
    throttleTimeMs: int32.or(0),
    results: array({ name: string, errorCode: int16, errorMessage: string.nullable().or(null) }),
  },
});

export const electLeadersApi = defineApi({
  key: 43,
  name: 'ElectLeaders',
  versions: [0, 2],
  flexibleFrom: 2,
  request: {
    /** 0 the preferred replica, 1 any that is left. */
    electionType: int8.from(1),
    /** null asks for all. */
    topicPartitions: array({ topic: string, partitions: array(int32) }).nullable(),
    timeoutMs: int32.or(60_000),
  },
  response: {
    throttleTimeMs: int32.or(0),
    errorCode: int16.from(1).ignorable(),
    replicaElectionResults: array({
      topic: string,
      partitionResult: array({ partitionId: int32, errorCode: int16, errorMessage: string.nullable() }),
    }),
  },
});

export const listPartitionReassignmentsApi = defineApi({
  key: 46,
  name: 'ListPartitionReassignments',
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    timeoutMs: int32.or(60_000),
    /** null asks for all. */
    topics: array({ name: string, partitionIndexes: array(int32) })
      .nullable()
      .or(null),
  },
  response: {
    throttleTimeMs: int32.or(0),
    errorCode: int16,
    errorMessage: string.nullable().or(null),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        replicas: array(int32),
        addingReplicas: array(int32),
        removingReplicas: array(int32),
      }),
    }),
  },
});
