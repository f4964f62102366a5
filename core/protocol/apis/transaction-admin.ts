/** What an administrator sees of transactions and producers, and how one that hangs is ended. */

import { defineApi } from '../api.ts';
import { array, boolean, int16, int32, int64, string } from '../field.ts';

export const writeTxnMarkersApi = defineApi({
  key: 27,
  name: 'WriteTxnMarkers',
  versions: [1, 1],
  flexibleFrom: 1,
  request: {
    markers: array({
      producerId: int64,
      producerEpoch: int16,
      /** True commits. */
      transactionResult: boolean,
      topics: array({ name: string, partitionIndexes: array(int32) }),
      coordinatorEpoch: int32,
    }),
  },
  response: {
    markers: array({
      producerId: int64,
      topics: array({
        name: string,
        partitions: array({ partitionIndex: int32, errorCode: int16 }),
      }),
    }),
  },
});

export const describeProducersApi = defineApi({
  key: 61,
  name: 'DescribeProducers',
  versions: [0, 0],
  flexibleFrom: 0,
  request: { topics: array({ name: string, partitionIndexes: array(int32) }) },
  response: {
    throttleTimeMs: int32.or(0),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: string.nullable().or(null),
        activeProducers: array({
          producerId: int64,
          producerEpoch: int32,
          lastSequence: int32.or(-1),
          lastTimestamp: int64.or(-1),
          coordinatorEpoch: int32,
          currentTxnStartOffset: int64.or(-1),
        }),
      }),
    }),
  },
});

export const describeTransactionsApi = defineApi({
  key: 65,
  name: 'DescribeTransactions',
  versions: [0, 0],
  flexibleFrom: 0,
  request: { transactionalIds: array(string) },
  response: {
    throttleTimeMs: int32.or(0),
    transactionStates: array({
      errorCode: int16,
      transactionalId: string,
      transactionState: string,
      transactionTimeoutMs: int32,
      transactionStartTimeMs: int64,
      producerId: int64,
      producerEpoch: int16,
      topics: array({ topic: string, partitions: array(int32) }),
    }),
  },
});

export const listTransactionsApi = defineApi({
  key: 66,
  name: 'ListTransactions',
  versions: [0, 1],
  flexibleFrom: 0,
  request: {
    stateFilters: array(string),
    producerIdFilters: array(int64),
    /** Milliseconds; -1 asks for all. */
    durationFilter: int64.from(1).or(-1),
  },
  response: {
    throttleTimeMs: int32.or(0),
    errorCode: int16,
    unknownStateFilters: array(string),
    transactionStates: array({ transactionalId: string, producerId: int64, transactionState: string }),
  },
});
