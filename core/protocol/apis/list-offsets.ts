/** ListOffsets: finds the offset for a time, or the first and the next one. */

import { defineApi } from '../api.ts';
import { array, int8, int16, int32, int64, string } from '../field.ts';

/** Times with a meaning of their own in `timestamp`. */
export const listOffsetsTimestamps = { latest: -1, earliest: -2, maxTimestamp: -3 } as const;

export const listOffsetsApi = defineApi({
  key: 2,
  name: 'ListOffsets',
  versions: [1, 9],
  flexibleFrom: 6,
  request: {
    replicaId: int32.or(-1),
    isolationLevel: int8.from(2).or(0),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        currentLeaderEpoch: int32.from(4).or(-1).ignorable(),
        timestamp: int64,
      }),
    }),
  },
  response: {
    throttleTimeMs: int32.from(2).or(0).ignorable(),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        timestamp: int64.or(-1),
        offset: int64.or(-1),
        leaderEpoch: int32.from(4).or(-1).ignorable(),
      }),
    }),
  },
});
