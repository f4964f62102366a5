/** DeleteGroups (42) and OffsetDelete (47): what groups are to forget; answered when that is durable. */

import { deleteGroupsApi, offsetDeleteApi } from '../../protocol/apis/group-admin.ts';
import { kafkaErrors } from '../../protocol/kafka-errors.ts';
import { type ApiHandler, defineHandler, type Services } from '../api-handler.ts';

export function groupRemovalHandlers(services: Services): ApiHandler[] {
  return [deleteGroupsHandler(services), offsetDeleteHandler(services)];
}

function deleteGroupsHandler({ coordinator }: Services): ApiHandler {
  return defineHandler(deleteGroupsApi, {
    leavesOut: 'nothing',
    async handle({ groupsNames }) {
      const results = groupsNames.map(async (groupId) => ({
        groupId,
        errorCode: await coordinator.deleteGroup(groupId),
      }));
      return { results: await Promise.all(results) };
    },
  });
}

function offsetDeleteHandler({ coordinator, catalogue }: Services): ApiHandler {
  return defineHandler(offsetDeleteApi, {
    leavesOut: 'nothing',
    async handle({ groupId, topics: asked }) {
      const isKnown = (topic: string, partition: number) => catalogue.partition(topic, partition) !== undefined;
      const places = asked.flatMap(({ name, partitions }) => {
        return partitions.map(({ partitionIndex }) => ({ topic: name, partition: partitionIndex }));
      });
      const known = places.filter(({ topic, partition }) => isKnown(topic, partition));
      const { errorCode, codes } = await coordinator.deleteOffsets(groupId, known);
      if (errorCode !== kafkaErrors.NONE) return { errorCode, topics: [] };
      const codeOf = new Map(known.map(({ topic, partition }, index) => [`${topic}-${partition}`, codes[index]]));
      const topics = asked.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({
          partitionIndex,
          errorCode: codeOf.get(`${name}-${partitionIndex}`) ?? kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION,
        })),
      }));
      return { errorCode, topics };
    },
  });
}
