/** CreateTopics (19) and DeleteTopics (20): answered when the change is durable. */

import { describeError } from '../../base/errors.ts';
import type { RequestOf, ResponseInput } from '../../protocol/api.ts';
import { createTopicsApi, deleteTopicsApi } from '../../protocol/apis/topics.ts';
import { zeroUuid } from '../../protocol/field.ts';
import { kafkaErrors } from '../../protocol/kafka-errors.ts';
import { type ApiHandler, defineHandler, type Services } from '../api-handler.ts';
import { describeTopicConfigs } from '../describe-configs.ts';
import { isRefusal, type NewTopic, type Refusal } from '../topic-catalogue.ts';
import { isInternalTopic } from '../topic-names.ts';

type AskedTopic = RequestOf<typeof createTopicsApi>['topics'][number];
type CreateAnswer = ResponseInput<typeof createTopicsApi>['topics'][number];
type DeleteRequest = RequestOf<typeof deleteTopicsApi>;
type DeleteAnswer = ResponseInput<typeof deleteTopicsApi>['responses'][number];

export function createTopicsHandler(services: Services): ApiHandler {
  return defineHandler(createTopicsApi, {
    leavesOut: 'replication factors other than 1 and -1; timeoutMs (the answer comes when the topic is durable)',
    async handle(request) {
      const counts = Map.groupBy(request.topics, (topic) => topic.name);
      const answers = request.topics.map((asked) => {
        const isTwice = (counts.get(asked.name)?.length ?? 0) > 1;
        if (isTwice) return refuse(asked, { errorCode: kafkaErrors.INVALID_REQUEST, message: 'named twice' });
        return create(services, asked, request.validateOnly);
      });
      return { topics: await Promise.all(answers) };
    },
  });
}

function refuse(asked: AskedTopic, { errorCode, message }: Refusal): CreateAnswer {
  return { name: asked.name, errorCode, errorMessage: message, topicId: zeroUuid };
}

async function create(services: Services, asked: AskedTopic, validateOnly: boolean): Promise<CreateAnswer> {
  const topic = newTopicOf(services, asked);
  if ('errorCode' in topic) return refuse(asked, topic);
  const problem = services.catalogue.check(topic);
  if (problem !== undefined) return refuse(asked, problem);
  let topicId = zeroUuid;
  if (!validateOnly) {
    const created = await createDurably(services, topic);
    if ('errorCode' in created) return refuse(asked, created);
    topicId = created.topicId;
  }
  return {
    name: asked.name,
    topicId,
    errorCode: kafkaErrors.NONE,
    numPartitions: topic.partitionCount,
    replicationFactor: 1,
    configs: describeTopicConfigs(topic.configs).map(({ name, value, configSource }) => ({
      name,
      value,
      readOnly: false,
      configSource,
      isSensitive: false,
    })),
  };
}

async function createDurably(services: Services, topic: NewTopic): Promise<Refusal | { topicId: string }> {
  try {
    const outcome = await services.catalogue.create(topic);
    return isRefusal(outcome) ? outcome : { topicId: outcome.topicId };
  } catch (error) {
    services.logger.error({ topic: topic.name }, `topic not created: ${describeError(error)}`);
    return { errorCode: kafkaErrors.KAFKA_STORAGE_ERROR, message: 'the broker could not store the topic' };
  }
}

/** What the request asks for with the broker's defaults filled in. */
function newTopicOf(services: Services, asked: AskedTopic): NewTopic | Refusal {
  const hasAssignments = asked.assignments.length > 0;
  if (hasAssignments && (asked.numPartitions !== -1 || asked.replicationFactor !== -1)) {
    const message = 'partitions and replication factor must be -1 when replicas are assigned';
    return { errorCode: kafkaErrors.INVALID_REQUEST, message };
  }
  if (asked.replicationFactor !== -1 && asked.replicationFactor !== 1) {
    const message = `replication factor ${asked.replicationFactor} is not possible with 1 broker; use 1 or -1`;
    return { errorCode: kafkaErrors.INVALID_REPLICATION_FACTOR, message };
  }
  if (hasAssignments && !isAssignedHere(services, asked)) {
    const message = `each partition from 0 on must be assigned to broker ${services.nodeId} alone`;
    return { errorCode: kafkaErrors.INVALID_REPLICA_ASSIGNMENT, message };
  }
  const wanted = hasAssignments ? asked.assignments.length : asked.numPartitions;
  const partitionCount = wanted === -1 ? services.settings.defaultPartitionCount : wanted;
  const configs: Record<string, string> = {};
  for (const { name, value } of asked.configs) if (value !== null) configs[name] = value;
  return { name: asked.name, partitionCount, configs };
}

function isAssignedHere(services: Services, { assignments }: AskedTopic): boolean {
  const indexes = new Set(assignments.map((assignment) => assignment.partitionIndex));
  const isDense = assignments.every((_, index) => indexes.has(index));
  return isDense && assignments.every(({ brokerIds }) => brokerIds.length === 1 && brokerIds[0] === services.nodeId);
}

export function deleteTopicsHandler(services: Services): ApiHandler {
  return defineHandler(deleteTopicsApi, {
    leavesOut: 'timeoutMs (the answer comes when the topic is durably gone); internal topics cannot be deleted',
    async handle(request, call) {
      const responses: DeleteAnswer[] = [];
      for (const asked of askedDeletions(request, call.version)) responses.push(await remove(services, asked));
      return { responses };
    },
  });
}

interface AskedDeletion {
  readonly name: string | null;
  readonly topicId: string;
}

function askedDeletions(request: DeleteRequest, version: number): readonly AskedDeletion[] {
  return version >= 6 ? request.topics : request.topicNames.map((name) => ({ name, topicId: zeroUuid }));
}

async function remove(services: Services, asked: AskedDeletion): Promise<DeleteAnswer> {
  const topic = asked.name === null ? services.catalogue.getById(asked.topicId) : services.catalogue.get(asked.name);
  const failed = (errorCode: number, errorMessage: string | null = null): DeleteAnswer => {
    return { name: asked.name ?? topic?.name ?? null, topicId: asked.topicId, errorCode, errorMessage };
  };
  if (topic === undefined) {
    return failed(asked.name === null ? kafkaErrors.UNKNOWN_TOPIC_ID : kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION);
  }
  if (isInternalTopic(topic.name)) return failed(kafkaErrors.INVALID_TOPIC_EXCEPTION, 'internal topics stay');
  try {
    const deleted = await services.catalogue.delete(topic.name, ({ partitions }) => {
      services.fetchWaiters.wakePartitions(partitions);
    });
    if (deleted === undefined) return failed(kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION);
    return { name: deleted.name, topicId: deleted.topicId, errorCode: kafkaErrors.NONE };
  } catch (error) {
    services.logger.error({ topic: topic.name }, `topic not deleted: ${describeError(error)}`);
    return failed(kafkaErrors.KAFKA_STORAGE_ERROR);
  }
}
