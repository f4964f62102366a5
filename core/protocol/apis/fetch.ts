/** Fetch: reads record batches from partitions, waiting for new ones if asked to. */

import { defineApi } from '../api.ts';
import { array, int8, int16, int32, int64, records, string, struct } from '../field.ts';

export const fetchApi = defineApi({
  key: 1,
  name: 'Fetch',
  // Later versions name topics by id.
  versions: [4, 12],
  flexibleFrom: 12,
  request: {
    clusterId: string.nullable().tagged(0, 12).or(null).ignorable(),
    replicaId: int32.or(-1),
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: int32.or(0x7fff_ffff),
    isolationLevel: int8.or(0),
    sessionId: int32.from(7).or(0).ignorable(),
    sessionEpoch: int32.from(7).or(-1).ignorable(),
    topics: array({
      topic: string,
      partitions: array({
        partition: int32,
        currentLeaderEpoch: int32.from(9).or(-1).ignorable(),
        fetchOffset: int64,
        lastFetchedEpoch: int32.from(12).or(-1),
        logStartOffset: int64.from(5).or(-1).ignorable(),
        partitionMaxBytes: int32,
      }),
    }),
    forgottenTopicsData: array({ topic: string, partitions: array(int32) }).from(7),
    rackId: string.from(11).ignorable(),
  },
  response: {
    throttleTimeMs: int32.or(0),
    errorCode: int16.from(7).or(0).ignorable(),
    sessionId: int32.from(7).or(0),
    responses: array({
      topic: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        highWatermark: int64,
        lastStableOffset: int64.or(-1),
        logStartOffset: int64.from(5).or(-1).ignorable(),
        divergingEpoch: struct({ epoch: int32.or(-1), endOffset: int64.or(-1) })
          .tagged(0, 12)
          .ignorable(),
        currentLeader: struct({ leaderId: int32.or(-1), leaderEpoch: int32.or(-1) })
          .tagged(1, 12)
          .ignorable(),
        snapshotId: struct({ endOffset: int64.or(-1), epoch: int32.or(-1) })
          .tagged(2, 12)
          .ignorable(),
        abortedTransactions: array({ producerId: int64, firstOffset: int64 }).nullable().or(null),
        preferredReadReplica: int32.from(11).or(-1),
        records,
      }),
    }),
  },
});
