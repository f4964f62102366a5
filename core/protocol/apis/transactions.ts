/** Transactions: partitions and group offsets join one, and it ends for all of them at once. */

import { defineApi } from '../api.ts';
import { array, boolean, int16, int32, int64, string } from '../field.ts';

export const addPartitionsToTxnApi = defineApi({
  key: 24,
  name: 'AddPartitionsToTxn',
  // Later versions are for brokers among themselves.
  versions: [0, 3],
  flexibleFrom: 3,
  request: {
    transactionalId: string,
    producerId: int64,
    producerEpoch: int16,
    topics: array({ name: string, partitions: array(int32) }),
  },
  response: {
    throttleTimeMs: int32.or(0),
    resultsByTopic: array({
      name: string,
      resultsByPartition: array({ partitionIndex: int32, partitionErrorCode: int16 }),
    }),
  },
});

export const addOffsetsToTxnApi = defineApi({
  key: 25,
  name: 'AddOffsetsToTxn',
  versions: [0, 4],
  flexibleFrom: 3,
  request: {
    transactionalId: string,
    producerId: int64,
    producerEpoch: int16,
    groupId: string,
  },
  response: { throttleTimeMs: int32.or(0), errorCode: int16 },
});

export const endTxnApi = defineApi({
  key: 26,
  name: 'EndTxn',
  // Version 5 bumps the epoch with every transaction, which needs a newer Produce too.
  versions: [0, 4],
  flexibleFrom: 3,
  request: {
    transactionalId: string,
    producerId: int64,
    producerEpoch: int16,
    committed: boolean,
  },
  response: { throttleTimeMs: int32.or(0), errorCode: int16 },
});

export const txnOffsetCommitApi = defineApi({
  key: 28,
  name: 'TxnOffsetCommit',
  versions: [0, 4],
  flexibleFrom: 3,
  request: {
    transactionalId: string,
    groupId: string,
    producerId: int64,
    producerEpoch: int16,
    generationId: int32.from(3).or(-1).ignorable(),
    memberId: string.from(3).or('').ignorable(),
    groupInstanceId: string.nullable().from(3).or(null).ignorable(),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        committedOffset: int64,
        committedLeaderEpoch: int32.from(2).or(-1).ignorable(),
        committedMetadata: string.nullable(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32.or(0),
    topics: array({
      name: string,
      partitions: array({ partitionIndex: int32, errorCode: int16 }),
    }),
  },
});
