/** Produce: appends record batches to partitions. */

import { defineApi } from '../api.ts';
import { array, int16, int32, int64, records, string, struct } from '../field.ts';

export const produceApi = defineApi({
  key: 0,
  name: 'Produce',
  versions: [0, 11],
  // Clients look for the old versions to find out about codecs, but their record format is gone.
  servedFrom: 3,
  flexibleFrom: 9,
  request: {
    transactionalId: string.nullable().from(3).or(null),
    acks: int16,
    timeoutMs: int32,
    topicData: array({
      name: string,
      partitionData: array({ index: int32, records }),
    }),
  },
  response: {
    responses: array({
      name: string,
      partitionResponses: array({
        index: int32,
        errorCode: int16,
        baseOffset: int64,
        logAppendTimeMs: int64.from(2).or(-1).ignorable(),
        logStartOffset: int64.from(5).or(-1).ignorable(),
        recordErrors: array({
          batchIndex: int32,
          batchIndexErrorMessage: string.nullable().or(null),
        })
          .from(8)
          .ignorable(),
        errorMessage: string.nullable().from(8).or(null).ignorable(),
        currentLeader: struct({ leaderId: int32.or(-1), leaderEpoch: int32.or(-1) })
          .tagged(0, 10)
          .ignorable(),
      }),
    }),
    throttleTimeMs: int32.from(1).or(0).ignorable(),
    nodeEndpoints: array({ nodeId: int32, host: string, port: int32, rack: string.nullable().or(null) })
      .tagged(0, 10)
      .ignorable(),
  },
});
