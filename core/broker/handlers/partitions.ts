/** CreatePartitions (37) and DeleteRecords (21), answered when the change is durable. */

import { describeError } from '../../base/errors.ts';
import { logErrors } from '../../log/error-codes.ts';
import type { RequestOf } from '../../protocol/api.ts';
import { createPartitionsApi, deleteRecordsApi } from '../../protocol/apis/partitions.ts';
import { kafkaErrors } from '../../protocol/kafka-errors.ts';
import { type ApiHandler, defineHandler, type Services } from '../api-handler.ts';
import { isRefusal, type Refusal, type Topic } from '../topic-catalogue.ts';
import { logConfigOf } from '../topic-configs.ts';

type AskedGrowth = RequestOf<typeof createPartitionsApi>['topics'][number];

export function partitionHandlers(services: Services): ApiHandler[] {
  return [createPartitionsHandler(services), deleteRecordsHandler(services)];
}

function createPartitionsHandler(services: Services): ApiHandler {
  return defineHandler(createPartitionsApi, {
    leavesOut: 'timeoutMs (the answer comes when the partitions are durable); internal topics keep their number',
    async handle({ topics, validateOnly }) {
      const counts = Map.groupBy(topics, (topic) => topic.name);
      const results = [];
      for (const asked of topics) {
        const isTwice = (counts.get(asked.name)?.length ?? 0) > 1;
        const refusal = isTwice
          ? { errorCode: kafkaErrors.INVALID_REQUEST, message: 'named twice' }
          : await grow(services, asked, validateOnly);
        const { errorCode = kafkaErrors.NONE, message = null } = refusal ?? {};
        results.push({ name: asked.name, errorCode, errorMessage: message });
      }
      return { results };
    },
  });
}

async function grow(services: Services, asked: AskedGrowth, validateOnly: boolean): Promise<Refusal | undefined> {
  const { name, count } = asked;
  const refusal = services.catalogue.checkGrowth(name, count) ?? assignmentProblem(services, asked);
  if (refusal !== undefined || validateOnly) return refusal;
  try {
    const outcome = await services.catalogue.grow(name, count);
    return isRefusal(outcome) ? outcome : undefined;
  } catch (error) {
    services.logger.error({ topic: name }, `partitions not created: ${describeError(error)}`);
    return { errorCode: kafkaErrors.KAFKA_STORAGE_ERROR, message: 'the broker could not store the partitions' };
  }
}

/** The topic is known to exist. */
function assignmentProblem(services: Services, { name, count, assignments }: AskedGrowth): Refusal | undefined {
  if (assignments === null) return undefined;
  const addedCount = count - (services.catalogue.get(name) as Topic).partitions.length;
  const isHere = assignments.every(({ brokerIds }) => brokerIds.length === 1 && brokerIds[0] === services.nodeId);
  if (assignments.length === addedCount && isHere) return undefined;
  const message = `each of the ${addedCount} new partitions must be assigned to broker ${services.nodeId} alone`;
  return { errorCode: kafkaErrors.INVALID_REPLICA_ASSIGNMENT, message };
}

function deleteRecordsHandler(services: Services): ApiHandler {
  return defineHandler(deleteRecordsApi, {
    leavesOut: 'timeoutMs (the answer comes when the new log start is durable)',
    async handle(request) {
      const topics = request.topics.map(async ({ name, partitions }) => {
        const answers = partitions.map(({ partitionIndex, offset }) => {
          return deleteRecords(services, { topic: name, partitionIndex, offset });
        });
        return { name, partitions: await Promise.all(answers) };
      });
      return { topics: await Promise.all(topics) };
    },
  });
}

async function deleteRecords(
  services: Services,
  { topic, partitionIndex, offset }: { topic: string; partitionIndex: number; offset: number },
): Promise<{ partitionIndex: number; lowWatermark: number; errorCode: number }> {
  const failed = (errorCode: number) => ({ partitionIndex, lowWatermark: -1, errorCode });
  const known = services.catalogue.get(topic);
  const log = known?.partitions[partitionIndex];
  if (known === undefined || log === undefined) return failed(kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION);
  if (known.isInternal) return failed(kafkaErrors.INVALID_TOPIC_EXCEPTION);
  // A topic that is only compacted promises the last record of every key.
  if (!logConfigOf(known.configs).isDeleted) return failed(kafkaErrors.POLICY_VIOLATION);
  try {
    await log.deleteBefore(offset);
    return { partitionIndex, lowWatermark: log.logStartOffset, errorCode: kafkaErrors.NONE };
  } catch (error) {
    if (logErrors.is(error, 'offset-out-of-range')) return failed(kafkaErrors.OFFSET_OUT_OF_RANGE);
    services.logger.error({ topic, partition: partitionIndex }, `records not deleted: ${describeError(error)}`);
    return failed(kafkaErrors.KAFKA_STORAGE_ERROR);
  }
}
