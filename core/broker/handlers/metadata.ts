/** Metadata (3) and DescribeCluster (60): the one broker, the topics and where their partitions are: here. */

import type { RequestOf, ResponseInput } from '../../protocol/api.ts';
import { describeClusterApi } from '../../protocol/apis/cluster.ts';
import { metadataApi } from '../../protocol/apis/metadata.ts';
import { zeroUuid } from '../../protocol/field.ts';
import { kafkaErrors } from '../../protocol/kafka-errors.ts';
import { type ApiHandler, defineHandler, type Services } from '../api-handler.ts';
import { isRefusal, type Topic } from '../topic-catalogue.ts';
import { topicNameProblem } from '../topic-names.ts';

type TopicAnswer = ResponseInput<typeof metadataApi>['topics'][number];
type AskedTopic = NonNullable<RequestOf<typeof metadataApi>['topics']>[number];

export function metadataHandlers(services: Services): ApiHandler[] {
  return [metadataHandler(services), describeClusterHandler(services)];
}

function metadataHandler(services: Services): ApiHandler {
  return defineHandler(metadataApi, {
    leavesOut: 'authorized operations are not computed',
    async handle(request, call) {
      const asksForAll = request.topics === null || (call.version === 0 && request.topics.length === 0);
      const topics: TopicAnswer[] = [];
      if (asksForAll) for (const topic of services.catalogue.all()) topics.push(describeTopic(services, topic));
      else {
        for (const asked of request.topics ?? []) {
          topics.push(await describeAsked(services, asked, request.allowAutoTopicCreation));
        }
      }
      const { host, port } = services.advertised();
      return {
        brokers: [{ nodeId: services.nodeId, host, port }],
        clusterId: services.clusterId,
        controllerId: services.nodeId,
        topics,
      };
    },
  });
}

async function describeAsked(services: Services, asked: AskedTopic, mayCreate: boolean): Promise<TopicAnswer> {
  const { catalogue, settings } = services;
  if (asked.name === null) {
    const topic = catalogue.getById(asked.topicId);
    if (topic !== undefined) return describeTopic(services, topic);
    return failedTopic(asked, kafkaErrors.UNKNOWN_TOPIC_ID);
  }
  const topic = catalogue.get(asked.name);
  if (topic !== undefined) return describeTopic(services, topic);
  if (topicNameProblem(asked.name) !== undefined) return failedTopic(asked, kafkaErrors.INVALID_TOPIC_EXCEPTION);
  if (!mayCreate || !settings.autoCreateTopics) return failedTopic(asked, kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION);
  const outcome = await catalogue.create({
    name: asked.name,
    partitionCount: settings.defaultPartitionCount,
    configs: {},
  });
  if (!isRefusal(outcome)) return describeTopic(services, outcome);
  // Somebody else may have created it while we waited.
  const created = catalogue.get(asked.name);
  return created === undefined ? failedTopic(asked, outcome.errorCode) : describeTopic(services, created);
}

function describeTopic(services: Services, topic: Topic): TopicAnswer {
  const replicas = [services.nodeId];
  return {
    errorCode: kafkaErrors.NONE,
    name: topic.name,
    topicId: topic.topicId,
    isInternal: topic.isInternal,
    partitions: topic.partitions.map((partition, partitionIndex) => ({
      errorCode: kafkaErrors.NONE,
      partitionIndex,
      leaderId: services.nodeId,
      leaderEpoch: partition.leaderEpoch,
      replicaNodes: replicas,
      isrNodes: replicas,
    })),
  };
}

function failedTopic(asked: AskedTopic, errorCode: number): TopicAnswer {
  return { errorCode, name: asked.name, topicId: asked.topicId ?? zeroUuid, partitions: [] };
}

function describeClusterHandler(services: Services): ApiHandler {
  return defineHandler(describeClusterApi, {
    leavesOut: 'authorized operations are not computed; controllers cannot be asked for apart from brokers',
    handle(request) {
      const { host, port } = services.advertised();
      const isUnsupported = request.endpointType !== 1;
      return {
        errorCode: isUnsupported ? kafkaErrors.INVALID_REQUEST : kafkaErrors.NONE,
        errorMessage: isUnsupported ? 'only brokers can be described' : null,
        endpointType: request.endpointType,
        clusterId: services.clusterId,
        controllerId: services.nodeId,
        brokers: isUnsupported ? [] : [{ brokerId: services.nodeId, host, port }],
      };
    },
  });
}
