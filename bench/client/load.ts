/**
 * One measured run of one client: `load.ts CLIENT WORK ADDRESS TOPIC RECORDS RECORD_BYTES`. Prints a `LoadResult` as
 * JSON. Connecting and the first records are not measured; what arrived is counted by somebody else.
 */

import kafkajs from 'kafkajs';
import { systemClock } from '../../core/base/clock.ts';
import { silentLogger } from '../../core/base/logger.ts';
import { connectCluster, createFetcher, createProducer } from '../../core/client/index.ts';
import { BatchBuilder } from '../../core/protocol/batch-builder.ts';
import { BatchMemory } from '../../core/protocol/batch-memory.ts';
import { RecordCursor } from '../../core/protocol/record-cursor.ts';

export interface LoadResult {
  readonly records: number;
  readonly wallSeconds: number;
  /** Of this process alone. */
  readonly cpuSeconds: number;
  readonly peakRssMb: number;
}

/** What both clients get: sends of about 100 kB to 500 kB, five of them under way. */
const recordsPerSend = 1000;
const mostBytesPerSend = 500_000;
const sendsInFlight = 5;

const [client, work, address = '', topic = '', recordsText, recordBytesText] = process.argv.slice(2);
const records = Number(recordsText);
const recordBytes = Number(recordBytesText);
const perSend = Math.min(recordsPerSend, Math.floor(mostBytesPerSend / recordBytes));

class Meter {
  #startMs = 0;
  #startCpu = process.cpuUsage();

  start(): void {
    this.#startMs = performance.now();
    this.#startCpu = process.cpuUsage();
  }

  result(count: number): LoadResult {
    const { user, system } = process.cpuUsage(this.#startCpu);
    return {
      records: count,
      wallSeconds: (performance.now() - this.#startMs) / 1000,
      cpuSeconds: (user + system) / 1e6,
      peakRssMb: process.resourceUsage().maxRSS / 1024,
    };
  }
}

/** Keeps several sends under way; the first one is a warm-up. */
async function produceWith(send: (count: number) => Promise<unknown>): Promise<LoadResult> {
  await send(perSend);
  const meter = new Meter();
  meter.start();
  let left = records;
  const lane = async () => {
    while (left > 0) {
      const count = Math.min(perSend, left);
      left -= count;
      await send(count);
    }
  };
  await Promise.all(Array.from({ length: sendsInFlight }, lane));
  return meter.result(records);
}

function connect() {
  return connectCluster({ bootstrapServers: [address], clientId: 'bench', clock: systemClock, logger: silentLogger });
}

async function produceOurs(): Promise<LoadResult> {
  const cluster = connect();
  const producer = createProducer(cluster);
  const memory = new BatchMemory({ maxBytes: 8 * 1024 * 1024 });
  const builder = new BatchBuilder({ initialBytes: 1024 * 1024, memory });
  const value = Buffer.alloc(recordBytes, 'x');
  const result = await produceWith(async (count) => {
    const nowMs = Date.now();
    for (let i = 0; i < count; i++) builder.append(value, 0, recordBytes, nowMs);
    // As a source task does it: the producer seals, and memory goes round.
    const batch = builder.build({ isLeftUnsealed: true });
    await producer.send([{ topic, partition: 0, batch }]);
    memory.give(batch);
  });
  producer.close();
  cluster.close();
  return result;
}

async function consumeOurs(): Promise<LoadResult> {
  const cluster = connect();
  const fetcher = createFetcher(cluster);
  fetcher.assign([{ topic, partition: 0, offset: 0 }]);
  const cursor = new RecordCursor({ checkCrcs: false });
  const meter = new Meter();
  let count = 0;
  let bytes = 0;
  await cluster.partitionCount(topic);
  meter.start();
  while (count < records) {
    for (const fetched of await fetcher.next()) {
      cursor.reset(fetched.records, fetched.fetchOffset);
      while (cursor.next()) {
        count++;
        bytes += cursor.valueEnd - cursor.valueStart;
      }
      fetched.release();
    }
  }
  const result = meter.result(count);
  if (bytes !== count * recordBytes) throw new Error(`${bytes} bytes of values came`);
  fetcher.close();
  cluster.close();
  return result;
}

function kafka() {
  return new kafkajs.Kafka({ brokers: [address], clientId: 'bench', logLevel: kafkajs.logLevel.NOTHING });
}

async function produceKafkajs(): Promise<LoadResult> {
  const producer = kafka().producer({ idempotent: false });
  await producer.connect();
  const value = Buffer.alloc(recordBytes, 'x');
  const result = await produceWith((count) =>
    producer.send({
      topic,
      acks: -1,
      messages: Array.from({ length: count }, () => ({ key: null, value, partition: 0 })),
    }),
  );
  await producer.disconnect();
  return result;
}

async function consumeKafkajs(): Promise<LoadResult> {
  const consumer = kafka().consumer({
    groupId: `bench-${process.pid}`,
    maxBytesPerPartition: 4 * 1024 * 1024,
    maxBytes: 16 * 1024 * 1024,
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  const meter = new Meter();
  let count = 0;
  let bytes = 0;
  const result = await new Promise<LoadResult>((resolve, reject) => {
    consumer.on(consumer.events.GROUP_JOIN, () => meter.start());
    consumer
      .run({
        autoCommit: false,
        eachBatch: ({ batch }) => {
          for (const { value } of batch.messages) {
            count++;
            bytes += value?.length ?? 0;
          }
          if (count >= records) resolve(meter.result(count));
          return Promise.resolve();
        },
      })
      .catch(reject);
  });
  if (bytes !== count * recordBytes) throw new Error(`${bytes} bytes of values came`);
  await consumer.disconnect();
  return result;
}

const runs: Readonly<Record<string, () => Promise<LoadResult>>> = {
  'millrace produce': produceOurs,
  'millrace consume': consumeOurs,
  'kafkajs produce': produceKafkajs,
  'kafkajs consume': consumeKafkajs,
};

const run = runs[`${client} ${work}`];
if (run === undefined) throw new Error(`there is no ${client} ${work}`);
process.removeAllListeners('warning');
console.log(JSON.stringify(await run()));
process.exit(0);
