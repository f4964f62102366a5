/** OffsetCommit and OffsetFetch: how far a group has come. */

import { defineApi } from '../api.ts';
import { array, boolean, int16, int32, int64, string } from '../field.ts';

export const offsetCommitApi = defineApi({
  key: 8,
  name: 'OffsetCommit',
  versions: [2, 9],
  flexibleFrom: 8,
  request: {
    groupId: string,
    generationIdOrMemberEpoch: int32.or(-1),
    memberId: string.or(''),
    groupInstanceId: string.nullable().from(7).or(null),
    retentionTimeMs: int64.to(4).or(-1).ignorable(),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        committedOffset: int64,
        committedLeaderEpoch: int32.from(6).or(-1).ignorable(),
        committedMetadata: string.nullable(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32.from(3).or(0).ignorable(),
    topics: array({
      name: string,
      partitions: array({ partitionIndex: int32, errorCode: int16 }),
    }),
  },
});

export const offsetFetchApi = defineApi({
  key: 9,
  name: 'OffsetFetch',
  versions: [1, 9],
  flexibleFrom: 6,
  request: {
    groupId: string.to(7),
    /** null asks for all. */
    topics: array({ name: string, partitionIndexes: array(int32) })
      .nullable(2)
      .to(7),
    groups: array({
      groupId: string,
      memberId: string.nullable().from(9).or(null).ignorable(),
      memberEpoch: int32.from(9).or(-1).ignorable(),
      /** null asks for all. */
      topics: array({ name: string, partitionIndexes: array(int32) }).nullable(),
    }).from(8),
    requireStable: boolean.from(7).or(false),
  },
  response: {
    throttleTimeMs: int32.from(3).or(0).ignorable(),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        committedOffset: int64,
        committedLeaderEpoch: int32.from(5).or(-1).ignorable(),
        metadata: string.nullable(),
        errorCode: int16,
      }),
    }).to(7),
    errorCode: int16.from(2).to(7).or(0).ignorable(),
    groups: array({
      groupId: string,
      topics: array({
        name: string,
        partitions: array({
          partitionIndex: int32,
          committedOffset: int64,
          committedLeaderEpoch: int32.or(-1),
          metadata: string.nullable(),
          errorCode: int16,
        }),
      }),
      errorCode: int16.or(0),
    }).from(8),
  },
});
