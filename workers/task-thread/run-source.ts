/** Puts a source task's runner together from the parts of its thread. */

import type { SourcePosition } from '../../connectors/contract/source.ts';
import { createProducer } from '../../core/client/producer.ts';
import { openTransactionalProducer } from '../../core/client/transactional-producer.ts';
import type { TopicFacts } from '../topics.ts';
import { BatchOutput } from './batch-output.ts';
import { type AtLeastOnceOptions, atLeastOnceDelivery, exactlyOnceDelivery, type SourceDelivery } from './delivery.ts';
import type { ToThread } from './messages.ts';
import { retrying } from './retrying.ts';
import { SourceErrors } from './source-errors.ts';
import { SourcePositions } from './source-positions.ts';
import { SourceRunner } from './source-runner.ts';
import { loadSource, type ThreadContext } from './thread-context.ts';

/** Kafka Connect's `delivery.timeout.ms` for source tasks: a broker that is away is waited for. */
const deliveryTimeoutMs = 2_147_483_647;
const requestTimeoutMs = 30_000;

export async function run(context: ThreadContext, onRunning: () => void): Promise<'stopped' | 'finished'> {
  const { spec, link, logger, gauges, clock, gate } = context;
  let runner: SourceRunner | undefined;
  const earlySignals: SourcePosition[] = [];
  link.listen((message: ToThread) => {
    if (message.type === 'pause') gate.pause();
    else if (message.type === 'resume') gate.resume();
    else if (message.type === 'stop') gate.stop();
    else if (message.type !== 'signals') return;
    else if (runner === undefined) earlySignals.push(...message.signals);
    else runner.signalled(message.signals);
  });
  const connector = await loadSource(spec);
  const { connector: name, taskIndex, connectorName, limits, offsetsTopic, offsetsPartitionCount } = spec;
  const stored = spec.storedPositions;
  const positions = new SourcePositions({
    connector: name,
    stored,
    offsetsTopic,
    partitionCount: offsetsPartitionCount,
  });
  const { batchBytes, pollBytes } = limits;
  const about = { connector: name, taskIndex, connectorName };
  const errors = new SourceErrors({ ...about, policy: spec.errors, gauges, logger });
  const output = new BatchOutput({
    pollBytes,
    batchBytes,
    compression: spec.compression,
    // Every batch of an idempotent producer gets its identity and its sequence.
    producerSeals: true,
    topicFacts: (topic) => activeTopic(context, topic),
    onOversized: (...oversized) => errors.oversized(...oversized),
  });
  for (const topic of spec.topics) await output.prepare(topic);
  if (spec.errors.deadLetterTopic !== undefined) await link.ensureTopic(spec.errors.deadLetterTopic, 'dead letters');
  const encodePositions = (list: Parameters<SourcePositions['encode']>[0]) => positions.encode(list, clock.nowMs());
  const longestDelayMs = limits.longestRetryDelayMs;
  const onRetry = () => gauges.add('source_retries_total', 1);
  const retry = (what: string, attempt: () => Promise<unknown>) =>
    retrying(attempt, { clock, logger, longestDelayMs, what, onRetry });
  runner = new SourceRunner({
    createTask: () => connector.createTask(),
    context: {
      ...{ connector: name, taskIndex, settings: spec.settings, once: spec.once, clock, logger, gauges },
      marksTransactions: spec.transactions?.boundary.kind === 'connector',
    },
    positions,
    output,
    errors,
    delivery: await openDelivery(context, encodePositions, retry),
    boundary: spec.transactions?.boundary ?? { kind: 'each' },
    retry,
    gate,
    clock,
    logger,
    gauges,
    longestRetryDelayMs: limits.longestRetryDelayMs,
    onRunning,
  });
  runner.signalled(earlySignals);
  return await runner.run();
}

async function openDelivery(
  { spec, cluster }: ThreadContext,
  encodePositions: AtLeastOnceOptions['encodePositions'],
  retry: AtLeastOnceOptions['retry'],
): Promise<SourceDelivery> {
  const maxBufferedBytes = 4 * spec.limits.pollBytes;
  const options = { requestTimeoutMs, deliveryTimeoutMs, maxBufferedBytes };
  if (spec.transactions === undefined) {
    const producer = createProducer(cluster, { ...options, idempotent: true, acks: -1 });
    return atLeastOnceDelivery({ producer, encodePositions, retry });
  }
  const { transactionalId, transactionTimeoutMs, identity } = spec.transactions;
  const id = { transactionalId, transactionTimeoutMs, identity };
  const producer = await openTransactionalProducer(cluster, { ...id, producer: options });
  return exactlyOnceDelivery({ producer, encodePositions });
}

async function activeTopic({ link }: ThreadContext, topic: string): Promise<TopicFacts> {
  const facts = await link.ensureTopic(topic, 'records');
  link.post({ type: 'activeTopic', topic });
  return facts;
}
