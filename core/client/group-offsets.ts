/** Committed offsets of a group, read and set from outside of it. */

import { describeError, MillraceError } from '../base/errors.ts';
import { offsetCommitApi, offsetFetchApi } from '../protocol/apis/group-offsets.ts';
import { coordinatorKeyTypes, findCoordinatorApi } from '../protocol/apis/groups.ts';
import { isRetriableKafkaError, kafkaErrorName, kafkaErrors } from '../protocol/kafka-errors.ts';
import { abortable } from './abortable.ts';
import { backoffMs, retryBackoff } from './backoff.ts';
import type { Cluster } from './cluster.ts';
import type { Connection } from './connection.ts';
import { clientErrors } from './error-codes.ts';

interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface GroupOffset extends TopicPartition {
  /** The next offset the group reads. */
  readonly offset: number;
}

export interface FetchOffsetsOptions {
  /**
   * Only these. Whoever goes on from an offset must name its partitions: the answer then waits for transactions that are
   * about to change them, also where nothing was committed before; without names a coordinator tells of what is there.
   */
  readonly partitions?: readonly TopicPartition[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What the group has committed; partitions without a commit are missing. Rejects with `client/unreachable` or `client/refused`. */
export function fetchGroupOffsets(
  cluster: Cluster,
  groupId: string,
  { partitions: wanted, signal }: FetchOffsetsOptions = {},
): Promise<GroupOffset[]> {
  const topics =
    wanted === undefined
      ? null
      : byTopic(wanted).map(([name, own]) => ({ name, partitionIndexes: own.map(({ partition }) => partition) }));
  return askCoordinator(cluster, groupId, signal, async (connection, stop) => {
    // Version 8 puts groups into a list; requireStable (7) waits for transactions that are being committed.
    const request = { groupId, topics, requireStable: true };
    const answer = await connection.request(offsetFetchApi, request, { maxVersion: 7, signal: stop });
    check(answer.errorCode, groupId);
    return answer.topics
      .flatMap(({ name, partitions }) =>
        partitions.map(({ partitionIndex, committedOffset, errorCode }) => {
          check(errorCode, `${groupId}, ${name}-${partitionIndex}`);
          return { topic: name, partition: partitionIndex, offset: committedOffset };
        }),
      )
      .filter(({ offset }) => offset >= 0);
  });
}

/** Sets offsets of a group without members. Rejects with `client/group-fenced` when it has some, else as above. */
export function setGroupOffsets(
  cluster: Cluster,
  groupId: string,
  offsets: readonly GroupOffset[],
  signal?: AbortSignal,
): Promise<void> {
  const topics = byTopic(offsets).map(([name, own]) => ({
    name,
    partitions: own.map(({ partition, offset }) => ({
      partitionIndex: partition,
      committedOffset: offset,
      committedMetadata: '',
    })),
  }));
  return askCoordinator(cluster, groupId, signal, async (connection, stop) => {
    const answer = await connection.request(offsetCommitApi, { groupId, topics }, { signal: stop });
    for (const { name, partitions } of answer.topics) {
      for (const { partitionIndex, errorCode } of partitions) check(errorCode, `${groupId}, ${name}-${partitionIndex}`);
    }
  });
}

function byTopic<T extends TopicPartition>(places: readonly T[]): [string, T[]][] {
  return [...Map.groupBy(places, ({ topic }) => topic)];
}

/** Finds the coordinator and asks it, again as long as the failure may pass. */
async function askCoordinator<T>(
  cluster: Cluster,
  groupId: string,
  signal: AbortSignal | undefined,
  ask: (connection: Connection, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = signal === undefined ? cluster.closing : AbortSignal.any([signal, cluster.closing]);
  const deadlineMs = cluster.clock.monotonicMs() + cluster.limits.giveUpAfterMs;
  for (let attempt = 1; ; attempt++) {
    try {
      const request = { key: groupId, keyType: coordinatorKeyTypes.group };
      const found = await cluster.requestAny(findCoordinatorApi, request, { maxVersion: 3, signal: stop });
      check(found.errorCode, groupId);
      const connection = await abortable(cluster.connectionTo({ host: found.host, port: found.port }, 'control'), stop);
      return await ask(connection, stop);
    } catch (error) {
      const isFinal = !(error instanceof MillraceError) || !error.retriable;
      if (stop.aborted || isFinal || cluster.clock.monotonicMs() > deadlineMs) throw error;
      cluster.logger.debug({ groupId, attempt, error: describeError(error) }, 'asking the group coordinator again');
      await cluster.clock.sleep(backoffMs(retryBackoff, attempt, Math.random()), stop);
    }
  }
}

/** Answers of a coordinator that protects a group with members from commits by strangers. */
const fenced: ReadonlySet<number> = new Set([
  kafkaErrors.UNKNOWN_MEMBER_ID,
  kafkaErrors.ILLEGAL_GENERATION,
  kafkaErrors.REBALANCE_IN_PROGRESS,
  kafkaErrors.FENCED_INSTANCE_ID,
]);

function check(errorCode: number, where: string): void {
  if (errorCode === kafkaErrors.NONE) return;
  const message = `The coordinator says ${kafkaErrorName(errorCode)}`;
  if (fenced.has(errorCode)) {
    const fix = 'Stop the members of the group first: offsets can be set from outside only while it has none.';
    throw clientErrors.error('group-fenced', { message, where, fix });
  }
  throw clientErrors.error('refused', { message, where, retriable: isRetriableKafkaError(errorCode) });
}
