/** CreateTopics and DeleteTopics. */

import { defineApi } from '../api.ts';
import { array, boolean, int8, int16, int32, string, uuid, zeroUuid } from '../field.ts';

export const createTopicsApi = defineApi({
  key: 19,
  name: 'CreateTopics',
  versions: [2, 7],
  flexibleFrom: 5,
  request: {
    topics: array({
      name: string,
      /** -1 for the broker's default. */
      numPartitions: int32,
      /** -1 for the broker's default. */
      replicationFactor: int16,
      assignments: array({ partitionIndex: int32, brokerIds: array(int32) }),
      configs: array({ name: string, value: string.nullable() }),
    }),
    timeoutMs: int32.or(60_000),
    validateOnly: boolean.or(false),
  },
  response: {
    throttleTimeMs: int32.or(0),
    topics: array({
      name: string,
      topicId: uuid.from(7).ignorable(),
      errorCode: int16,
      errorMessage: string.nullable().or(null),
      topicConfigErrorCode: int16.tagged(0, 5).or(0).ignorable(),
      numPartitions: int32.from(5).or(-1).ignorable(),
      replicationFactor: int16.from(5).or(-1).ignorable(),
      configs: array({
        name: string,
        value: string.nullable(),
        readOnly: boolean,
        configSource: int8.or(-1),
        isSensitive: boolean,
      })
        .nullable()
        .from(5)
        .or(null)
        .ignorable(),
    }),
  },
});

export const deleteTopicsApi = defineApi({
  key: 20,
  name: 'DeleteTopics',
  versions: [1, 6],
  flexibleFrom: 4,
  request: {
    topics: array({ name: string.nullable().or(null), topicId: uuid.or(zeroUuid) }).from(6),
    topicNames: array(string).to(5).ignorable(),
    timeoutMs: int32,
  },
  response: {
    throttleTimeMs: int32.or(0),
    responses: array({
      name: string.nullable(6),
      topicId: uuid.from(6).ignorable(),
      errorCode: int16,
      errorMessage: string.nullable().from(5).or(null).ignorable(),
    }),
  },
});
