/** Where a sink task's bad records go: one way for workers with transactions, one without. */

import type { TopicPartition } from '../../connectors/contract/record.ts';
import type { SinkPosition } from '../../connectors/contract/sink.ts';
import { fetchGroupOffsets } from '../../core/client/group-offsets.ts';
import { createProducer } from '../../core/client/producer.ts';
import { openTransactionalProducer } from '../../core/client/transactional-producer.ts';
import { DeadLetterLane } from './dead-letter-lane.ts';
import type { DeadLetters } from './dead-letter-port.ts';
import { DeadLetterWriter } from './dead-letter-writer.ts';
import { ExactDeadLetters } from './exact-dead-letters.ts';
import { retrying } from './retrying.ts';
import type { ThreadContext } from './thread-context.ts';

const requestTimeoutMs = 30_000;
const deliveryTimeoutMs = 120_000;

/** Readers of committed dead letters wait this long for a task that is gone for good. */
const transactionTimeoutMs = 60_000;

/** Undefined when no dead letter topic is set. */
export function openDeadLetters(context: ThreadContext): DeadLetters | undefined {
  const topic = context.spec.errors.deadLetterTopic;
  if (topic === undefined) return undefined;
  return context.spec.isExactlyOnce ? exactDeadLetters(context, topic) : atLeastOnceDeadLetters(context, topic);
}

function exactDeadLetters(context: ThreadContext, topic: string): DeadLetters {
  const { spec, cluster } = context;
  const { connector, groupId, limits } = spec;
  const positionsGroup = `connect-${connector}-dead-letters`;
  const openLane = (at: TopicPartition) =>
    new DeadLetterLane({
      at,
      deadLetterTopic: topic,
      positionsGroup,
      batchBytes: limits.batchBytes,
      openProducer: async () => {
        await prepare(context, topic);
        const transactionalId = `${groupId}-${connector}-dead-letters-${at.topic}-${at.partition}`;
        const producer = { requestTimeoutMs, deliveryTimeoutMs, maxBufferedBytes: 2 * limits.deadLetterBytes };
        return openTransactionalProducer(cluster, { transactionalId, transactionTimeoutMs, producer });
      },
      readPosition: async () => offsetOf(at, await fetchGroupOffsets(cluster, positionsGroup, { partitions: [at] })),
    });
  return new ExactDeadLetters({ topic, openLane, mostPendingBytes: limits.deadLetterBytes });
}

function offsetOf(at: TopicPartition, positions: readonly SinkPosition[]): number {
  return positions.find(({ topic, partition }) => topic === at.topic && partition === at.partition)?.offset ?? 0;
}

function atLeastOnceDeadLetters(context: ThreadContext, topic: string): DeadLetters {
  const { spec, cluster } = context;
  const { batchBytes, deadLetterBytes } = spec.limits;
  const options = { idempotent: true, acks: -1, requestTimeoutMs, deliveryTimeoutMs } as const;
  const producer = createProducer(cluster, { ...options, maxBufferedBytes: 2 * deadLetterBytes });
  const writer = new DeadLetterWriter({
    topic,
    prepare: () => prepare(context, topic),
    send: (batches) => retrying(() => producer.send(batches), retryOf(context)),
    batchBytes,
    mostPendingBytes: deadLetterBytes,
  });
  return { write: (_at, _offset, record) => writer.write(record), forget: () => {} };
}

function prepare(context: ThreadContext, topic: string): Promise<unknown> {
  return retrying(() => context.link.ensureTopic(topic, 'dead letters'), retryOf(context));
}

function retryOf({ clock, logger, gauges, spec }: ThreadContext) {
  const onRetry = () => gauges.add('dead_letter_retries_total', 1);
  const longestDelayMs = spec.limits.longestRetryDelayMs;
  return { clock, logger, longestDelayMs, what: 'writing dead letters', onRetry };
}
