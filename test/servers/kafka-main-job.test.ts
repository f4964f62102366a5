/** The main job with its worker on a cluster of Apache Kafka: workers, threads and brokers are killed, and every line arrives exactly once. */

import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Brokers } from '../crash/brokers.ts';
import { runMainJob } from '../crash/main-job.ts';
import { readTopicAt } from '../crash/topic.ts';
import { startKafka } from './kafka-server.ts';

const seed = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1_000_000);
const kills = Number(process.env['MILLRACE_KILLS'] ?? 12);

/** Replication factor 3 and two in-sync replicas: one broker at a time may be gone. */
async function kafkaBrokers(folder: string): Promise<Brokers> {
  const kafka = await startKafka(join(folder, 'kafka'), {
    brokerCount: 3,
    settings: { 'broker.session.timeout.ms': '3000', 'broker.heartbeat.interval.ms': '500' },
  });
  let victim = 0;
  return {
    upArgs: async () => ['--bootstrap-servers', kafka.bootstrapServers.join(',')],
    kill: async () => {
      const broker = kafka.brokers[victim++ % kafka.brokers.length]!;
      await broker.process.kill();
      await broker.restart();
    },
    readTopic: (topic, onValue) => readTopicAt(kafka.bootstrapServers, topic, onValue),
    close: () => kafka.close(),
  };
}

test(`the main job on three brokers, seed ${seed}`, { timeout: 900_000 }, async () => {
  const report = await runMainJob({
    kills,
    files: 6,
    bytes: 20_000_000,
    store: 's3',
    seed,
    longestRunMs: 6_000,
    brokers: kafkaBrokers,
  });
  const exact = { missing: 0, duplicates: 0, outOfOrder: 0, corrupt: 0, examples: [] };
  expect(report).toMatchObject({ topic: exact, target: exact, targetEqualsTopic: true });
  expect(report.objects).toBeGreaterThan(0);
});
