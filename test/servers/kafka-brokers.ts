/** A cluster of three Apache Kafka brokers as the brokers of a crash run: one after the other is killed and started again. */

import { join } from 'node:path';
import type { Brokers } from '../crash/brokers.ts';
import { readTopicAt } from '../crash/topic.ts';
import { startKafka } from './kafka-server.ts';

/** Replication factor 3 and two in-sync replicas: one broker at a time may be gone. */
export async function kafkaBrokers(folder: string): Promise<Brokers> {
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
