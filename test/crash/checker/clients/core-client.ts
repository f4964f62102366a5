/** The workload's writers over the client of the product. */

import {
  type Cluster,
  createProducer,
  openTransactionalProducer,
  type Producer,
  type TransactionalProducer,
} from '../../../../core/client/index.ts';
import { BatchBuilder } from '../../../../core/protocol/batch-builder.ts';
import { openCluster } from '../workload/reader.ts';
import type { LogClient, PlainProducer, Position, Transactor } from './log-client.ts';

const producerLimits = { requestTimeoutMs: 5_000, deliveryTimeoutMs: 10_000 };

export function coreClient(bootstrapServers: readonly string[]): LogClient {
  const open = () => openCluster(bootstrapServers, 'checker-core');
  return {
    name: 'core',
    openProducer: async () => new CoreProducer(open()),
    openTransactor: async (transactionalId, transactionTimeoutMs) => {
      const cluster = open();
      try {
        const options = { transactionalId, transactionTimeoutMs, producer: producerLimits };
        return new CoreTransactor(cluster, await openTransactionalProducer(cluster, options));
      } catch (error) {
        cluster.close();
        throw error;
      }
    },
  };
}

class CoreProducer implements PlainProducer {
  readonly #cluster: Cluster;
  readonly #producer: Producer;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#producer = createProducer(cluster, producerLimits);
  }

  async send(topic: string, partition: number, values: readonly string[]): Promise<number | undefined> {
    const [stored] = await this.#producer.send([{ topic, partition, batch: batchOf(values) }]);
    return stored?.baseOffset;
  }

  async close(): Promise<void> {
    this.#producer.close();
    this.#cluster.close();
  }
}

class CoreTransactor implements Transactor {
  readonly #cluster: Cluster;
  readonly #producer: TransactionalProducer;

  constructor(cluster: Cluster, producer: TransactionalProducer) {
    this.#cluster = cluster;
    this.#producer = producer;
  }

  /** The first `send` begins it. */
  async begin(): Promise<void> {}

  async send(topic: string, partition: number, values: readonly string[]): Promise<number | undefined> {
    const [stored] = await this.#producer.send([{ topic, partition, batch: batchOf(values) }]);
    return stored?.baseOffset;
  }

  sendOffsets(groupId: string, offsets: readonly Position[]): Promise<void> {
    return this.#producer.sendOffsets(groupId, offsets);
  }

  commit(): Promise<void> {
    return this.#producer.commit();
  }

  abort(): Promise<void> {
    return this.#producer.abort();
  }

  async close(): Promise<void> {
    this.#producer.close();
    this.#cluster.close();
  }
}

function batchOf(values: readonly string[]): Buffer {
  const builder = new BatchBuilder();
  const timestampMs = Date.now();
  for (const value of values) builder.appendRecord({ key: null, value: Buffer.from(value), timestampMs });
  return builder.build();
}
