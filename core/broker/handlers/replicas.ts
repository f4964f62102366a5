/** ElectLeaders (43), ListPartitionReassignments (46) and DescribeLogDirs (35) as a broker answers that is alone and has one folder. */

import { resolve } from 'node:path';
import { messageOf } from '../../base/errors.ts';
import { describeLogDirsApi, electLeadersApi, listPartitionReassignmentsApi } from '../../protocol/apis/partitions.ts';
import { kafkaErrors } from '../../protocol/kafka-errors.ts';
import { type ApiHandler, defineHandler, type Services } from '../api-handler.ts';

export function replicaHandlers(services: Services): ApiHandler[] {
  return [describeLogDirsHandler(services), electLeadersHandler(services), reassignmentsHandler()];
}

interface AskedPartitions {
  readonly topic: string;
  readonly partitions: readonly number[];
}

/** null asks for everything there is. */
function askedPartitions(
  { catalogue }: Services,
  asked: readonly AskedPartitions[] | null,
): readonly AskedPartitions[] {
  if (asked !== null) return asked;
  return Array.from(catalogue.all(), ({ name, partitions }) => ({ topic: name, partitions: [...partitions.keys()] }));
}

function describeLogDirsHandler(services: Services): ApiHandler {
  return defineHandler(describeLogDirsApi, {
    leavesOut: 'nothing',
    async handle(request) {
      const topics = askedPartitions(services, request.topics).map(({ topic, partitions }) => ({
        name: topic,
        partitions: partitions.flatMap((partitionIndex) => {
          const log = services.catalogue.partition(topic, partitionIndex);
          if (log === undefined) return [];
          return [{ partitionIndex, partitionSize: log.sizeBytes, offsetLag: 0, isFutureKey: false }];
        }),
      }));
      const known = topics.filter(({ partitions }) => partitions.length > 0);
      const space = await spaceOf(services);
      const result = { errorCode: kafkaErrors.NONE, logDir: resolve(services.dataDir), topics: known, ...space };
      return { errorCode: kafkaErrors.NONE, results: [result] };
    },
  });
}

/** -1 stands for unknown; the sizes of the partitions are worth an answer without. */
async function spaceOf({ logs, logger }: Services) {
  try {
    const { totalBytes, freeBytes } = await logs.diskSpace();
    return { totalBytes, usableBytes: freeBytes };
  } catch (error) {
    logger.warn({ error: messageOf(error) }, 'the space on the disk is not known');
    return { totalBytes: -1, usableBytes: -1 };
  }
}

function electLeadersHandler(services: Services): ApiHandler {
  return defineHandler(electLeadersApi, {
    leavesOut: 'elections: the only replica leads, so none is needed',
    handle({ electionType, topicPartitions }) {
      if (electionType !== 0 && electionType !== 1) {
        return { errorCode: kafkaErrors.INVALID_REQUEST, replicaElectionResults: [] };
      }
      // Asked about everything, Kafka too names only the partitions that had an election.
      const replicaElectionResults = (topicPartitions ?? []).map(({ topic, partitions }) => ({
        topic,
        partitionResult: partitions.map((partitionId) => {
          const isKnown = services.catalogue.partition(topic, partitionId) !== undefined;
          const errorCode = isKnown ? kafkaErrors.ELECTION_NOT_NEEDED : kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION;
          const errorMessage = isKnown ? 'the only replica leads already' : 'there is no such partition';
          return { partitionId, errorCode, errorMessage };
        }),
      }));
      return { errorCode: kafkaErrors.NONE, replicaElectionResults };
    },
  });
}

function reassignmentsHandler(): ApiHandler {
  return defineHandler(listPartitionReassignmentsApi, {
    leavesOut: 'there is one broker, so nothing is ever on its way to another',
    handle: () => ({ errorCode: kafkaErrors.NONE, topics: [] }),
  });
}
