/** The workload's writers over the client of the product. */

import { createProducer, type Producer } from '../../../../core/client/index.ts';
import { BatchBuilder } from '../../../../core/protocol/batch-builder.ts';
import { openCluster } from '../workload/reader.ts';
import type { LogClient, PlainProducer } from './log-client.ts';

export function coreClient(bootstrapServers: readonly string[]): Pick<LogClient, 'name' | 'openProducer'> {
  return {
    name: 'core',
    openProducer: async () => new CoreProducer(bootstrapServers),
  };
}

class CoreProducer implements PlainProducer {
  readonly #cluster;
  readonly #producer: Producer;

  constructor(bootstrapServers: readonly string[]) {
    this.#cluster = openCluster(bootstrapServers, 'checker-core');
    this.#producer = createProducer(this.#cluster, { requestTimeoutMs: 5_000, deliveryTimeoutMs: 10_000 });
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

function batchOf(values: readonly string[]): Buffer {
  const builder = new BatchBuilder();
  const timestampMs = Date.now();
  for (const value of values) builder.appendRecord({ key: null, value: Buffer.from(value), timestampMs });
  return builder.build();
}
