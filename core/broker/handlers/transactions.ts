/** AddPartitionsToTxn (24), AddOffsetsToTxn (25), EndTxn (26) and TxnOffsetCommit (28): a producer's transaction from its first partition to its end. */

import type { OffsetToCommit } from '../../coordinator/group-store.ts';
import type { RequestOf } from '../../protocol/api.ts';
import {
  addOffsetsToTxnApi,
  addPartitionsToTxnApi,
  endTxnApi,
  txnOffsetCommitApi,
} from '../../protocol/apis/transactions.ts';
import { kafkaErrors } from '../../protocol/kafka-errors.ts';
import { type ApiHandler, defineHandler, type Services } from '../api-handler.ts';
import { isInternalTopic, offsetsTopic } from '../topic-names.ts';
import { olderFence } from '../transaction-errors.ts';

export function transactionHandlers(services: Services): ApiHandler[] {
  return [
    addPartitionsHandler(services),
    addOffsetsHandler(services),
    endHandler(services),
    offsetCommitHandler(services),
  ];
}

type AddedTopics = RequestOf<typeof addPartitionsToTxnApi>['topics'];

function addPartitionsHandler(services: Services): ApiHandler {
  return defineHandler(addPartitionsToTxnApi, {
    leavesOut: 'the batched versions that brokers use among themselves',
    async handle(request, call) {
      const answer = (codeOf: (topic: string, partition: number) => number) => ({
        resultsByTopic: request.topics.map(({ name, partitions }) => ({
          name,
          resultsByPartition: partitions.map((partitionIndex) => ({
            partitionIndex,
            partitionErrorCode: codeOf(name, partitionIndex),
          })),
        })),
      });
      const isThere = (topic: string, partition: number) =>
        !isInternalTopic(topic) && services.catalogue.partition(topic, partition) !== undefined;
      const areAllThere = request.topics.every(({ name, partitions }) => partitions.every((n) => isThere(name, n)));
      if (!areAllThere) {
        const { UNKNOWN_TOPIC_OR_PARTITION, OPERATION_NOT_ATTEMPTED } = kafkaErrors;
        return answer((name, n) => (isThere(name, n) ? OPERATION_NOT_ATTEMPTED : UNKNOWN_TOPIC_OR_PARTITION));
      }
      const errorCode = await services.transactions.addPartitions(
        request.transactionalId,
        request,
        setOf(request.topics),
      );
      return answer(() => olderFence(errorCode, call.version >= 2));
    },
  });
}

function setOf(topics: AddedTopics): Map<string, Set<number>> {
  const partitions = new Map<string, Set<number>>();
  for (const { name, partitions: numbers } of topics) {
    partitions.set(name, new Set([...(partitions.get(name) ?? []), ...numbers]));
  }
  return partitions;
}

function addOffsetsHandler(services: Services): ApiHandler {
  return defineHandler(addOffsetsToTxnApi, {
    leavesOut: 'nothing',
    async handle(request, call) {
      const partition = services.coordinator.partitionOf(request.groupId);
      const partitions = new Map([[offsetsTopic, new Set([partition])]]);
      const errorCode = await services.transactions.addPartitions(request.transactionalId, request, partitions);
      return { errorCode: olderFence(errorCode, call.version >= 2) };
    },
  });
}

function endHandler(services: Services): ApiHandler {
  return defineHandler(endTxnApi, {
    leavesOut: 'a new epoch for each transaction (version 5)',
    async handle(request, call) {
      const errorCode = await services.transactions.end(request.transactionalId, request, request.committed);
      return { errorCode: olderFence(errorCode, call.version >= 2) };
    },
  });
}

function offsetCommitHandler(services: Services): ApiHandler {
  return defineHandler(txnOffsetCommitApi, {
    leavesOut: 'nothing',
    async handle(request) {
      const { groupId, memberId, groupInstanceId, generationId } = request;
      const refusal = services.transactions.checkWrite(
        request,
        offsetsTopic,
        services.coordinator.partitionOf(groupId),
      );
      const claim = { memberId, instanceId: groupInstanceId, generationId };
      const accepted = acceptedOffsets(services, request);
      // Whoever is refused leaves no group behind.
      const codes =
        refusal === kafkaErrors.NONE
          ? await services.coordinator.commitInTransaction(groupId, { claim, producer: request }, accepted)
          : [];
      const known = new Set(accepted.map(({ topic, partition }) => `${topic}-${partition}`));
      let next = 0;
      const codeOf = (topic: string, partition: number) => {
        if (refusal !== kafkaErrors.NONE) return refusal;
        if (!known.has(`${topic}-${partition}`)) return kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION;
        return codes[next++] ?? kafkaErrors.UNKNOWN_SERVER_ERROR;
      };
      const topics = request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({
          partitionIndex,
          errorCode: codeOf(name, partitionIndex),
        })),
      }));
      return { topics };
    },
  });
}

/** Offsets of partitions that exist, in the order of the request. */
function acceptedOffsets(services: Services, request: RequestOf<typeof txnOffsetCommitApi>): OffsetToCommit[] {
  return request.topics.flatMap(({ name, partitions }) =>
    partitions
      .filter(({ partitionIndex }) => services.catalogue.partition(name, partitionIndex) !== undefined)
      .map(({ partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata }) => ({
        topic: name,
        partition: partitionIndex,
        offset: committedOffset,
        leaderEpoch: committedLeaderEpoch,
        metadata: committedMetadata ?? '',
      })),
  );
}
