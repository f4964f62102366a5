/** A compacted topic on the cluster as a keyed log; what an aborted transaction wrote is not in it. */

import type { Clock } from '../../core/base/clock.ts';
import { type Cluster, type Producer, type TopicRecord, tailTopic, topicEnds } from '../../core/client/index.ts';
import { BatchBuilder } from '../../core/protocol/batch-builder.ts';
import type { StoreRecord } from './config-records.ts';
import { partitionOfKey } from './murmur2.ts';
import type { KeyedLog, LogPosition, TailHandler } from './topic-store.ts';

export interface KafkaKeyedLogOptions {
  readonly cluster: Cluster;
  /** Idempotent and with acks from all replicas. */
  readonly producer: Producer;
  readonly topic: string;
  readonly partitionCount: number;
  readonly clock: Clock;
}

export function kafkaKeyedLog(options: KafkaKeyedLogOptions): KeyedLog {
  const { cluster, topic } = options;
  return {
    append: (records) => append(options, records),
    // The very end: whoever reads up to it waits for transactions that are open before it, and misses none of them.
    ends: () => topicEnds(cluster, topic),
    tail: (handler, signal) => tail(options, handler, signal),
  };
}

async function append(options: KafkaKeyedLogOptions, records: readonly StoreRecord[]): Promise<LogPosition[]> {
  const { producer, topic, partitionCount, clock } = options;
  const builders = new Map<number, BatchBuilder>();
  for (const record of records) {
    const key = Buffer.from(record.key, 'utf8');
    const partition = partitionOfKey(key, partitionCount);
    let builder = builders.get(partition);
    if (builder === undefined) {
      builder = new BatchBuilder();
      builders.set(partition, builder);
    }
    const value = record.value === null ? null : Buffer.from(record.value, 'utf8');
    builder.appendRecord({ key, value, timestampMs: clock.nowMs() });
  }
  const counts = new Map(Array.from(builders, ([partition, builder]) => [partition, builder.count]));
  const batches = Array.from(builders, ([partition, builder]) => ({ topic, partition, batch: builder.build() }));
  const stored = await producer.send(batches);
  return stored.map(({ partition, baseOffset }) => ({ partition, offset: baseOffset + counts.get(partition)! }));
}

async function tail(
  { cluster, topic }: KafkaKeyedLogOptions,
  handler: TailHandler,
  signal: AbortSignal,
): Promise<void> {
  const records = {
    onRecord: ({ key, value }: TopicRecord) => {
      handler.onRecord({ key: key?.toString('utf8') ?? '', value: value?.toString('utf8') ?? null });
    },
    onProgress: (position: LogPosition) => handler.onProgress(position),
  };
  const reader = tailTopic(cluster, topic, records, { isolation: 'read_committed' });
  signal.addEventListener('abort', () => void reader.close(), { once: true });
  await reader.ended;
}
