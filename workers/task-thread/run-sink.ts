/** Puts a sink task's runner together from the parts of its thread. */

import type { TopicPartition } from '../../connectors/contract/record.ts';
import type { SinkPosition } from '../../connectors/contract/sink.ts';
import { createFetcher } from '../../core/client/fetcher.ts';
import { listOffsets } from '../../core/client/list-offsets.ts';
import { RecordCursor } from '../../core/protocol/record-cursor.ts';
import { CommitTracker } from './commit-tracker.ts';
import type { DeadLetters } from './dead-letter-port.ts';
import { openDeadLetters } from './dead-letters.ts';
import type { ToThread } from './messages.ts';
import { SinkErrors } from './sink-errors.ts';
import { SinkRunner } from './sink-runner.ts';
import { loadSink, type ThreadContext } from './thread-context.ts';

const maxWaitMs = 500;

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
  const deadLetters = openDeadLetters(context);
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
  link.listen((message) => steer(context, runner, deadLetters, message));
  await runner.run();
  return 'stopped';
}

function steer(
  { gate, link, flushNumbers }: ThreadContext,
  runner: SinkRunner,
  deadLetters: DeadLetters | undefined,
  message: ToThread,
): void {
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
      deadLetters?.forget(message.partitions);
      runner.assigned(message.partitions);
      break;
    case 'revoked':
      runner.revoked(message.partitions, message.lost).then(done(message.id), done(message.id));
      break;
    case 'drainTo':
      runner.drainTo(message.ends).then(done(message.id), done(message.id));
  }
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
