/** Apache Kafka, one broker, as the yardstick: what the checker says about it is about the checker, or about the client. */

import { setTimeout as sleep } from 'node:timers/promises';
import { temporaryFolder } from '../../../servers/child.ts';
import { startKafka } from '../../../servers/kafka-server.ts';
import type { BrokerUnderFire } from './broker-under-fire.ts';

export async function startKafkaBroker(): Promise<BrokerUnderFire> {
  const folder = await temporaryFolder('checker-kafka');
  const kafka = await startKafka(folder.path);
  const broker = kafka.brokers[0]!;
  return {
    bootstrapServers: kafka.bootstrapServers,
    segmentBytes: 1_048_576,
    faults: {
      kill: async () => {
        await broker.process.kill();
        await broker.restart();
      },
      restart: async () => {
        await broker.process.stop();
        await broker.restart();
      },
      stop: async (measure) => {
        broker.process.pause();
        await sleep(200 + measure * 3_000);
        broker.process.resume();
      },
    },
    close: async () => {
      await kafka.close();
      await folder.remove();
    },
  };
}
