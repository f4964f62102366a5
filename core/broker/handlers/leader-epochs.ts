/** OffsetForLeaderEpoch (23): a client that has read batches of an older epoch asks where that epoch ended. */

import type { PartitionLog } from '../../log/partition-log.ts';
import type { RequestOf } from '../../protocol/api.ts';
import { offsetForLeaderEpochApi } from '../../protocol/apis/leader-epochs.ts';
import { kafkaErrors } from '../../protocol/kafka-errors.ts';
import { type ApiHandler, defineHandler, type Services } from '../api-handler.ts';
import { checkLeaderEpoch } from '../leader-epoch.ts';

type AskedPartition = RequestOf<typeof offsetForLeaderEpochApi>['topics'][number]['partitions'][number];

const unknown = { leaderEpoch: -1, endOffset: -1 };

export function leaderEpochsHandler(services: Services): ApiHandler {
  return defineHandler(offsetForLeaderEpochApi, {
    leavesOut: 'the end of the current epoch is the high watermark for followers too: there are none',
    async handle(request) {
      const topics = request.topics.map(async ({ topic, partitions }) => {
        const answers = partitions.map((asked) => answer(services.catalogue.partition(topic, asked.partition), asked));
        return { topic, partitions: await Promise.all(answers) };
      });
      return { topics: await Promise.all(topics) };
    },
  });
}

async function answer(log: PartitionLog | undefined, { partition, currentLeaderEpoch, leaderEpoch }: AskedPartition) {
  if (log === undefined) return { partition, errorCode: kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION, ...unknown };
  const errorCode = checkLeaderEpoch(log, currentLeaderEpoch);
  if (errorCode !== kafkaErrors.NONE) return { partition, errorCode, ...unknown };
  try {
    return { partition, errorCode, ...(await log.endOfLeaderEpoch(leaderEpoch)) };
  } catch {
    return { partition, errorCode: kafkaErrors.KAFKA_STORAGE_ERROR, ...unknown };
  }
}
