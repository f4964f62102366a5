/** Finds offsets: the first, the next one to be written, or the first at or after a time. */

import { describeError, MillraceError } from '../base/errors.ts';
import { listOffsetsApi } from '../protocol/apis/list-offsets.ts';
import { isRetriableKafkaError, kafkaErrorName, kafkaErrors } from '../protocol/kafka-errors.ts';
import { abortable } from './abortable.ts';
import { backoffMs, retryBackoff } from './backoff.ts';
import type { Cluster } from './cluster.ts';
import { clientErrors } from './error-codes.ts';

/** Stand for a time in a query. */
export const latestOffset = -1;
export const earliestOffset = -2;

export type Isolation = 'read_uncommitted' | 'read_committed';

export const isolationLevels: Readonly<Record<Isolation, number>> = { read_uncommitted: 0, read_committed: 1 };

export interface OffsetQuery {
  readonly topic: string;
  readonly partition: number;
  /** Milliseconds since 1970, or `latestOffset` (-1), or `earliestOffset` (-2). */
  readonly timestampMs: number;
}

export interface FoundOffset {
  readonly topic: string;
  readonly partition: number;
  /** -1 when the partition has no record at or after the time. */
  readonly offset: number;
  /** Of the record found; -1 for the ends. */
  readonly timestampMs: number;
}

export interface ListOffsetsOptions {
  readonly isolation?: Isolation;
  readonly signal?: AbortSignal | undefined;
}

/** One partition's question on its way. */
interface Question extends OffsetQuery {
  found: FoundOffset | undefined;
  problem: string;
}

/**
 * Answers in the order of the queries, asking the leader of each partition. With `read_committed` the latest offset is
 * the end of what such a reader may see. Rejects with `client/unreachable`, `client/unknown-topic` or `client/refused`
 * when a partition cannot be asked in time.
 */
export async function listOffsets(
  cluster: Cluster,
  queries: readonly OffsetQuery[],
  { isolation = 'read_uncommitted', signal }: ListOffsetsOptions = {},
): Promise<FoundOffset[]> {
  const questions = queries.map((query): Question => ({ ...query, found: undefined, problem: 'no leader is known' }));
  const stop = signal === undefined ? cluster.closing : AbortSignal.any([signal, cluster.closing]);
  const deadlineMs = cluster.clock.monotonicMs() + cluster.limits.giveUpAfterMs;
  let openCount = questions.length;
  for (let attempt = 1; ; attempt++) {
    await askLeaders(cluster, questions, isolationLevels[isolation], stop);
    const stillOpen = questions.filter(({ found }) => found === undefined);
    const open = stillOpen[0];
    if (open === undefined) return questions.map(({ found }) => found!);
    const hasProgressed = stillOpen.length < openCount;
    openCount = stillOpen.length;
    if (hasProgressed) continue;
    if (cluster.clock.monotonicMs() > deadlineMs) {
      const where = `${open.topic}-${open.partition}`;
      throw clientErrors.error('unknown-topic', { message: `No offset was found: ${open.problem}`, where });
    }
    await cluster.clock.sleep(backoffMs(retryBackoff, attempt, Math.random()), stop);
  }
}

async function askLeaders(
  cluster: Cluster,
  questions: readonly Question[],
  isolationLevel: number,
  signal: AbortSignal,
) {
  const open = questions.filter(({ found }) => found === undefined);
  const unknown = open.filter(({ topic, partition }) => cluster.leader(topic, partition) === undefined);
  if (unknown.length > 0) await cluster.refresh([...new Set(unknown.map(({ topic }) => topic))], signal);
  const byLeader = new Map<number, Question[]>();
  for (const question of open) {
    const leader = cluster.leader(question.topic, question.partition);
    if (leader === undefined) noteTopicError(cluster, question);
    else byLeader.set(leader.leaderId, [...(byLeader.get(leader.leaderId) ?? []), question]);
  }
  await Promise.all([...byLeader].map(([nodeId, asked]) => askLeader(cluster, nodeId, asked, isolationLevel, signal)));
}

function noteTopicError(cluster: Cluster, question: Question): void {
  const error = cluster.topicError(question.topic);
  if (!error.retriable) throw error;
  cluster.markStale(question.topic);
  question.problem = error.message;
}

async function askLeader(
  cluster: Cluster,
  nodeId: number,
  questions: readonly Question[],
  isolationLevel: number,
  signal: AbortSignal,
): Promise<void> {
  const byTopic = new Map<string, Map<number, Question>>();
  for (const question of questions) {
    const partitions = byTopic.get(question.topic) ?? new Map<number, Question>();
    // A request names a partition once; a second question about it has its turn in the next round.
    if (!partitions.has(question.partition)) partitions.set(question.partition, question);
    byTopic.set(question.topic, partitions);
  }
  const topics = [...byTopic].map(([name, partitions]) => ({
    name,
    partitions: [...partitions.values()].map((question) => ({
      partitionIndex: question.partition,
      timestamp: question.timestampMs,
    })),
  }));
  try {
    const connection = await abortable(cluster.connection(nodeId, 'control'), signal);
    const answer = await connection.request(listOffsetsApi, { isolationLevel, topics }, { signal });
    for (const topic of answer.topics) {
      for (const one of topic.partitions) {
        const question = byTopic.get(topic.name)?.get(one.partitionIndex);
        if (question !== undefined) take(cluster, question, one);
      }
    }
  } catch (error) {
    if (signal.aborted || !(error instanceof MillraceError) || !error.retriable) throw error;
    for (const question of questions) {
      question.problem = describeError(error);
      cluster.markStale(question.topic);
    }
  }
}

function take(
  cluster: Cluster,
  question: Question,
  answer: { readonly errorCode: number; readonly offset: number; readonly timestamp: number },
): void {
  const { topic, partition } = question;
  const { errorCode } = answer;
  if (errorCode === kafkaErrors.NONE) {
    question.found = { topic, partition, offset: answer.offset, timestampMs: answer.timestamp };
    return;
  }
  const message = `The broker says ${kafkaErrorName(errorCode)}`;
  if (!isRetriableKafkaError(errorCode))
    throw clientErrors.error('refused', { message, where: `${topic}-${partition}` });
  question.problem = message;
  cluster.markStale(topic);
}
