/** Puts a sink task's runner together from the parts of its thread. */

import type { TopicPartition } from '../../connectors/contract/record.ts';
import type { SinkPosition } from '../../connectors/contract/sink.ts';
import { createFetcher } from '../../core/client/fetcher.ts';
import { listOffsets } from '../../core/client/list-offsets.ts';
import { createProducer } from '../../core/client/producer.ts';
import { RecordCursor } from '../../core/protocol/record-cursor.ts';
import { CommitTracker } from './commit-tracker.ts';
import { DeadLetterWriter } from './dead-letter-writer.ts';
import type { ToThread } from './messages.ts';
import { retrying } from './retrying.ts';
import { SinkErrors } from './sink-errors.ts';
import { SinkRunner } from './sink-runner.ts';
import { loadSink, type ThreadContext } from './thread-context.ts';

const maxWaitMs = 500;
const requestTimeoutMs = 30_000;
const deliveryTimeoutMs = 120_000;

/** What ListOffsets calls the two ends of a partition. */
const timestampOf = { earliest: -2, latest: -1 } as const;

export async function run(context: ThreadContext, onRunning: () => void): Promise<'stopped'> {
  const { spec, link, logger, gauges, cluster, clock, gate } = context;
  const connector = await loadSink(spec);
  const { connector: name, taskIndex, connectorName, limits } = spec;
  const tracker = new CommitTracker();
  const commit = (positions: readonly SinkPosition[]) => {
    if (positions.length > 0) link.post({ type: 'commit', positions });
  };
  const about = { connector: name, taskIndex, connectorName };
  const fail = (error: unknown) => runner.fail(error);
  const deadLetters = deadLetterWriter(context);
  const errors = new SinkErrors({ ...about, policy: spec.errors, deadLetters, tracker, gauges, logger, commit, fail });
  const runner = new SinkRunner({
    task: connector.createTask(),
    context: {
      connector: name,
      taskIndex,
      settings: spec.settings,
      clock,
      logger,
      gauges,
      committable: (positions) => commit(tracker.reported(positions)),
      badRecord: (records, reason) => errors.badRecord(records, reason),
      failed: fail,
    },
    fetcher: createFetcher(cluster, {
      maxWaitMs,
      isolation: 'read_committed',
      minBytes: 1,
      maxBytes: limits.fetchBytes,
      partitionMaxBytes: limits.fetchPartitionBytes,
    }),
    createCursor: (partition) => new RecordCursor(partition),
    tracker,
    gate,
    clock,
    logger,
    gauges,
    longestRetryDelayMs: limits.longestRetryDelayMs,
    startOffsets: (partitions) => startOffsets(context, partitions),
    commit,
    onRunning,
  });
  link.listen((message) => steer(context, runner, message));
  await runner.run();
  return 'stopped';
}

function steer({ gate, link, flushNumbers }: ThreadContext, runner: SinkRunner, message: ToThread): void {
  // Whoever waits for this looks at the numbers next.
  const done = (id: number) => () => {
    flushNumbers();
    link.post({ type: 'done', id });
  };
  switch (message.type) {
    case 'pause':
      gate.pause();
      break;
    case 'resume':
      gate.resume();
      break;
    case 'stop':
      gate.stop();
      break;
    case 'assigned':
      runner.assigned(message.partitions);
      break;
    case 'revoked':
      runner.revoked(message.partitions, message.lost).then(done(message.id), done(message.id));
      break;
    case 'drainTo':
      runner.drainTo(message.ends).then(done(message.id), done(message.id));
  }
}

function deadLetterWriter({ spec, link, cluster, clock, logger, gauges }: ThreadContext): DeadLetterWriter | undefined {
  const topic = spec.errors.deadLetterTopic;
  if (topic === undefined) return undefined;
  const { batchBytes, deadLetterBytes, longestRetryDelayMs } = spec.limits;
  const maxBufferedBytes = 2 * deadLetterBytes;
  const options = { idempotent: true, acks: -1, requestTimeoutMs, deliveryTimeoutMs, maxBufferedBytes } as const;
  const producer = createProducer(cluster, options);
  const onRetry = () => gauges.add('dead_letter_retries_total', 1);
  const retry = { clock, logger, longestDelayMs: longestRetryDelayMs, what: 'writing dead letters', onRetry };
  return new DeadLetterWriter({
    topic,
    prepare: () => retrying(() => link.ensureTopic(topic, 'dead letters'), retry),
    send: (batches) => retrying(() => producer.send(batches), retry),
    batchBytes,
    mostPendingBytes: deadLetterBytes,
  });
}

async function startOffsets(
  { spec, cluster }: ThreadContext,
  partitions: readonly TopicPartition[],
): Promise<SinkPosition[]> {
  const timestampMs = timestampOf[spec.startAt];
  const asked = partitions.map(({ topic, partition }) => ({ topic, partition, timestampMs }));
  const found = await listOffsets(cluster, asked, { isolation: 'read_committed' });
  return found.map(({ topic, partition, offset }) => ({ topic, partition, offset }));
}
