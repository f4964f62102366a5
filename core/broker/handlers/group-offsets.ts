/** OffsetCommit (8) and OffsetFetch (9): how far groups have come; a commit is answered once it is durable. */

import type { GroupCoordinator } from '../../coordinator/group-coordinator.ts';
import type { OffsetToCommit } from '../../coordinator/group-store.ts';
import type { RequestOf, ResponseInput } from '../../protocol/api.ts';
import { offsetCommitApi, offsetFetchApi } from '../../protocol/apis/group-offsets.ts';
import { kafkaErrors } from '../../protocol/kafka-errors.ts';
import { type ApiHandler, defineHandler, type Services } from '../api-handler.ts';

type CommitRequest = RequestOf<typeof offsetCommitApi>;
type FetchedTopic = NonNullable<ResponseInput<typeof offsetFetchApi>['topics']>[number];
type AskedTopics = RequestOf<typeof offsetFetchApi>['topics'];

export function groupOffsetHandlers(services: Services): ApiHandler[] {
  return [commitHandler(services), fetchHandler(services)];
}

function commitHandler(services: Services): ApiHandler {
  return defineHandler(offsetCommitApi, {
    leavesOut: 'the retention time of versions 2 to 4 is ignored, as in Kafka',
    async handle(request) {
      const accepted = acceptedOffsets(services, request);
      const claim = {
        memberId: request.memberId,
        instanceId: request.groupInstanceId,
        generationId: request.generationIdOrMemberEpoch,
      };
      const codes = await services.coordinator.commit(request.groupId, claim, accepted);
      let next = 0;
      const known = new Set(accepted.map(({ topic, partition }) => `${topic}-${partition}`));
      const topics = request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({
          partitionIndex,
          errorCode: known.has(`${name}-${partitionIndex}`)
            ? (codes[next++] ?? kafkaErrors.UNKNOWN_SERVER_ERROR)
            : kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION,
        })),
      }));
      return { topics };
    },
  });
}

/** Offsets of partitions that exist, in the order of the request. */
function acceptedOffsets({ catalogue }: Services, request: CommitRequest): OffsetToCommit[] {
  return request.topics.flatMap(({ name, partitions }) =>
    partitions
      .filter(({ partitionIndex }) => catalogue.partition(name, partitionIndex) !== undefined)
      .map(({ partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata }) => ({
        topic: name,
        partition: partitionIndex,
        offset: committedOffset,
        leaderEpoch: committedLeaderEpoch,
        metadata: committedMetadata ?? '',
      })),
  );
}

function fetchHandler({ coordinator }: Services): ApiHandler {
  return defineHandler(offsetFetchApi, {
    leavesOut: 'member epochs belong to newer groups',
    handle(request, call) {
      const { requireStable } = request;
      if (call.version < 8) return { topics: committedTopics(coordinator, request, requireStable) };
      const groups = request.groups.map(({ groupId, topics }) => ({
        groupId,
        topics: committedTopics(coordinator, { groupId, topics }, requireStable),
      }));
      return { groups };
    },
  });
}

/** null asks for everything the group has; a partition without a commit is answered with offset -1. */
function committedTopics(
  coordinator: GroupCoordinator,
  { groupId, topics: asked }: { readonly groupId: string; readonly topics: AskedTopics },
  requireStable: boolean,
): FetchedTopic[] {
  const topics =
    asked ??
    coordinator.committedOfGroup(groupId).map(({ topic, partitions }) => ({
      name: topic,
      partitionIndexes: [...partitions.keys()],
    }));
  return topics.map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((partition) => {
      const place = { groupId, topic: name, partition };
      if (requireStable && coordinator.isUnstable(place)) return { partitionIndex: partition, ...unstable };
      const committed = coordinator.committed(place);
      return {
        partitionIndex: partition,
        committedOffset: committed?.offset ?? -1,
        committedLeaderEpoch: committed?.leaderEpoch ?? -1,
        metadata: committed?.metadata ?? '',
        errorCode: kafkaErrors.NONE,
      };
    }),
  }));
}

/** Clients ask again until the transaction has ended. */
const unstable = {
  committedOffset: -1,
  committedLeaderEpoch: -1,
  metadata: '',
  errorCode: kafkaErrors.UNSTABLE_OFFSET_COMMIT,
};
