/** The client kit over Apache Kafka, and what only a cluster of several brokers can show. */

import { join } from 'node:path';
import { clientKit } from '../kits/client-kit.ts';
import { temporaryFolder } from './child.ts';
import { startKafka } from './kafka-server.ts';

clientKit('client against Apache Kafka', async () => {
  const folder = await temporaryFolder('kafka');
  const kafka = await startKafka(join(folder.path, 'cluster'));
  return {
    bootstrapServers: kafka.bootstrapServers,
    restart: async () => {
      const [broker] = kafka.brokers;
      await broker!.process.stop();
      await broker!.restart();
    },
    close: async () => {
      await kafka.close();
      await folder.remove();
    },
  };
});
