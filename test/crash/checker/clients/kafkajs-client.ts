/** The workload's writers over kafkajs. */

import { Kafka, logLevel, type Producer, type ProducerConfig, type Sender, type Transaction } from 'kafkajs';
import type { LogClient, PlainProducer, Position, Transactor } from './log-client.ts';

/** Short: a process that fails goes on under another name, which is what the checker wants to see. */
const retry = { initialRetryTime: 50, maxRetryTime: 400, retries: 4 };

export function kafkajsClient(bootstrapServers: readonly string[]): LogClient {
  const kafka = new Kafka({
    clientId: 'checker-kafkajs',
    brokers: [...bootstrapServers],
    connectionTimeout: 1_000,
    requestTimeout: 8_000,
    logLevel: logLevel.NOTHING,
    retry,
  });
  const open = async (config: ProducerConfig) => {
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, retry, ...config });
    try {
      await producer.connect();
    } catch (error) {
      await producer.disconnect();
      throw error;
    }
    return producer;
  };
  return {
    name: 'kafkajs',
    openProducer: async () => new KafkajsProducer(await open({})),
    openTransactor: async (transactionalId, transactionTimeout) => {
      const transactor = new KafkajsTransactor(await open({ transactionalId, transactionTimeout }));
      try {
        // kafkajs asks for the producer id when the first transaction begins, and the checker wants the fence now.
        await transactor.takeOver();
      } catch (error) {
        await transactor.close();
        throw error;
      }
      return transactor;
    },
  };
}

class KafkajsProducer implements PlainProducer {
  protected readonly producer: Producer;

  constructor(producer: Producer) {
    this.producer = producer;
  }

  send(topic: string, partition: number, values: readonly string[]): Promise<number | undefined> {
    return sendThrough(this.producer, topic, partition, values);
  }

  async close(): Promise<void> {
    await this.producer.disconnect();
  }
}

class KafkajsTransactor extends KafkajsProducer implements Transactor {
  #transaction: Transaction | undefined;

  async takeOver(): Promise<void> {
    this.#transaction = await this.producer.transaction();
  }

  async begin(): Promise<void> {
    this.#transaction ??= await this.producer.transaction();
  }

  override send(topic: string, partition: number, values: readonly string[]): Promise<number | undefined> {
    return sendThrough(this.#transaction!, topic, partition, values);
  }

  async sendOffsets(consumerGroupId: string, offsets: readonly Position[]): Promise<void> {
    const topics = offsets.map(({ topic, partition, offset }) => ({
      topic,
      partitions: [{ partition, offset: String(offset) }],
    }));
    await this.#transaction!.sendOffsets({ consumerGroupId, topics });
  }

  commit(): Promise<void> {
    return this.#take().commit();
  }

  abort(): Promise<void> {
    return this.#take().abort();
  }

  #take(): Transaction {
    const transaction = this.#transaction!;
    this.#transaction = undefined;
    return transaction;
  }
}

async function sendThrough(
  sender: Pick<Sender, 'send'>,
  topic: string,
  partition: number,
  values: readonly string[],
): Promise<number | undefined> {
  const [answer] = await sender.send({ topic, acks: -1, messages: values.map((value) => ({ partition, value })) });
  return answer?.baseOffset === undefined ? undefined : Number(answer.baseOffset);
}
