/** ListOffsets (2): the first offset, the next one, or the first at or after a time. */

import type { PartitionLog } from '../../log/partition-log.ts';
import type { TimestampOffset } from '../../log/timestamp-search.ts';
import type { RequestOf } from '../../protocol/api.ts';
import { listOffsetsApi, listOffsetsTimestamps } from '../../protocol/apis/list-offsets.ts';
import { kafkaErrors } from '../../protocol/kafka-errors.ts';
import { type ApiHandler, defineHandler, type Services } from '../api-handler.ts';
import { checkLeaderEpoch } from '../leader-epoch.ts';

type AskedPartition = RequestOf<typeof listOffsetsApi>['topics'][number]['partitions'][number];

interface Found {
  readonly errorCode: number;
  readonly offset: number;
  readonly timestamp: number;
}

/** Times with a meaning of their own, beyond those every client knows (KIP-405, KIP-1005). */
const earliestLocal = -4;
const latestTiered = -5;

const nothing = { errorCode: kafkaErrors.NONE, offset: -1, timestamp: -1 };

export function listOffsetsHandler(services: Services): ApiHandler {
  return defineHandler(listOffsetsApi, {
    leavesOut: 'no tiered storage: the earliest local offset is the earliest, the latest tiered one is -1',
    async handle(request) {
      const topics = [];
      for (const { name, partitions } of request.topics) {
        const answers = [];
        for (const asked of partitions) {
          const log = services.catalogue.partition(name, asked.partitionIndex);
          const found = await find(log, asked, request.isolationLevel === 1);
          const leaderEpoch = found.offset >= 0 && log !== undefined ? log.leaderEpoch : -1;
          answers.push({ partitionIndex: asked.partitionIndex, ...found, leaderEpoch });
        }
        topics.push({ name, partitions: answers });
      }
      return { topics };
    },
  });
}

async function find(log: PartitionLog | undefined, asked: AskedPartition, isCommitted: boolean): Promise<Found> {
  const failed = (errorCode: number): Found => ({ errorCode, offset: -1, timestamp: -1 });
  if (log === undefined) return failed(kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION);
  const epochError = checkLeaderEpoch(log, asked.currentLeaderEpoch);
  if (epochError !== kafkaErrors.NONE) return failed(epochError);
  const at = (offset: number): Found => ({ errorCode: kafkaErrors.NONE, offset, timestamp: -1 });
  const end = isCommitted ? log.lastStableOffset : log.highWatermark;
  switch (asked.timestamp) {
    case listOffsetsTimestamps.latest:
      return at(end);
    case listOffsetsTimestamps.earliest:
    case earliestLocal:
      return at(log.logStartOffset);
    case latestTiered:
      return nothing;
    case listOffsetsTimestamps.maxTimestamp:
      return findBy(() => log.offsetOfMaxTimestamp());
    default:
      return asked.timestamp < 0
        ? failed(kafkaErrors.INVALID_REQUEST)
        : findBy(() => log.offsetForTimestamp(asked.timestamp));
  }
}

async function findBy(search: () => Promise<TimestampOffset | undefined>): Promise<Found> {
  try {
    const place = await search();
    if (place === undefined) return nothing;
    return { errorCode: kafkaErrors.NONE, offset: place.offset, timestamp: place.timestampMs };
  } catch {
    return { errorCode: kafkaErrors.KAFKA_STORAGE_ERROR, offset: -1, timestamp: -1 };
  }
}
