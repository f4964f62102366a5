/** Metadata: who the brokers are, which topics exist and where their partitions live. */

import { defineApi } from '../api.ts';
import { array, boolean, int16, int32, string, uuid } from '../field.ts';

/** Authorized operations were not asked for. */
export const noAuthorizedOperations = -2_147_483_648;

export const metadataApi = defineApi({
  key: 3,
  name: 'Metadata',
  versions: [0, 12],
  flexibleFrom: 9,
  request: {
    /** null asks for all topics; so does an empty list in version 0. */
    topics: array({ topicId: uuid.from(10).ignorable(), name: string.nullable(10) }).nullable(1),
    allowAutoTopicCreation: boolean.from(4).or(true),
    includeClusterAuthorizedOperations: boolean.from(8).to(10).or(false),
    includeTopicAuthorizedOperations: boolean.from(8).or(false),
  },
  response: {
    throttleTimeMs: int32.from(3).or(0).ignorable(),
    brokers: array({
      nodeId: int32,
      host: string,
      port: int32,
      rack: string.nullable().from(1).or(null).ignorable(),
    }),
    clusterId: string.nullable().from(2).or(null).ignorable(),
    controllerId: int32.from(1).or(-1).ignorable(),
    topics: array({
      errorCode: int16,
      name: string.nullable(12),
      topicId: uuid.from(10).ignorable(),
      isInternal: boolean.from(1).or(false).ignorable(),
      partitions: array({
        errorCode: int16,
        partitionIndex: int32,
        leaderId: int32,
        leaderEpoch: int32.from(7).or(-1).ignorable(),
        replicaNodes: array(int32),
        isrNodes: array(int32),
        offlineReplicas: array(int32).from(5).ignorable(),
      }),
      topicAuthorizedOperations: int32.from(8).or(noAuthorizedOperations),
    }),
    clusterAuthorizedOperations: int32.from(8).to(10).or(noAuthorizedOperations),
  },
});
