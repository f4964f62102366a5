/** Transactions of the client over Apache Kafka, whose brokers have `transaction.version` 2 by default. */

import { join } from 'node:path';
import { transactionKit } from '../kits/transaction-kit.ts';
import { temporaryFolder } from './child.ts';
import { startKafka } from './kafka-server.ts';

transactionKit('transactions against Apache Kafka', async () => {
  const folder = await temporaryFolder('kafka-transactions');
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
