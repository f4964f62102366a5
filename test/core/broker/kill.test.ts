/** A broker killed in mid-append again and again under idempotent producers: nothing acknowledged is lost, nothing is doubled. */

import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fetchApi } from '../../../core/protocol/apis/fetch.ts';
import { produceApi } from '../../../core/protocol/apis/produce.ts';
import { initProducerIdApi } from '../../../core/protocol/apis/producer-ids.ts';
import { createTopicsApi } from '../../../core/protocol/apis/topics.ts';
import { BatchBuilder } from '../../../core/protocol/batch-builder.ts';
import { kafkaErrors } from '../../../core/protocol/kafka-errors.ts';
import { RecordCursor } from '../../../core/protocol/record-cursor.ts';
import { RawClient } from './raw-client.ts';

const topic = 'survivors';
const recordsPerBatch = 3;

let dataDir: string;
let child: ChildProcess | undefined;
let port = 0;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'millrace-kill-'));
});

afterEach(async () => {
  await kill();
  await rm(dataDir, { recursive: true, force: true });
});

async function start(): Promise<void> {
  const started = fork(join(import.meta.dirname, 'broker-child.ts'), [dataDir]);
  child = started;
  const message = await new Promise<{ port: number }>((resolve, reject) => {
    started.once('message', (told) => resolve(told as { port: number }));
    started.once('exit', (code) => reject(new Error(`the broker ended with ${code}`)));
  });
  port = message.port;
}

async function kill(): Promise<void> {
  const victim = child;
  child = undefined;
  if (victim === undefined || victim.exitCode !== null) return;
  const gone = new Promise((resolve) => victim.once('exit', resolve));
  victim.kill('SIGKILL');
  await gone;
}

async function connected(): Promise<RawClient> {
  for (;;) {
    try {
      return await RawClient.connect(port);
    } catch {
      await sleep(10);
    }
  }
}

/** Sends numbered batches, up to three in flight, and sends the unanswered ones again after every lost connection. */
class NumberedProducer {
  readonly name: string;
  readonly acknowledged: number[] = [];
  isStopping = false;
  #producerId = -1;
  #next = 0;
  #outstanding: number[] = [];

  constructor(name: string) {
    this.name = name;
  }

  async run(): Promise<void> {
    while (!this.isStopping || this.#outstanding.length > 0) {
      const client = await connected();
      try {
        await this.#serve(client);
      } catch (error) {
        if (!(error instanceof Error) || error.message !== 'connection closed') throw error;
      }
      await client.close();
    }
  }

  async #serve(client: RawClient): Promise<void> {
    if (this.#producerId < 0) {
      const answer = await client.ask(initProducerIdApi, 3, { transactionalId: null, transactionTimeoutMs: 1_000 });
      this.#producerId = answer.producerId;
    }
    const inFlight = this.#outstanding.map((sequence) => ({ sequence, answer: this.#send(client, sequence) }));
    while (inFlight.length > 0 || !this.isStopping) {
      while (inFlight.length < 3 && !this.isStopping) {
        const sequence = this.#next++;
        this.#outstanding.push(sequence);
        inFlight.push({ sequence, answer: this.#send(client, sequence) });
      }
      const first = inFlight.shift();
      if (first === undefined) continue;
      for (const later of inFlight) later.answer.catch(() => {});
      const errorCode = await first.answer;
      if (errorCode !== kafkaErrors.NONE) throw new Error(`batch ${first.sequence} of ${this.name} got ${errorCode}`);
      this.acknowledged.push(first.sequence);
      this.#outstanding = this.#outstanding.filter((sequence) => sequence !== first.sequence);
    }
  }

  async #send(client: RawClient, sequence: number): Promise<number> {
    const builder = new BatchBuilder();
    for (let index = 0; index < recordsPerBatch; index++) {
      const value = Buffer.from(`${this.name} ${sequence * recordsPerBatch + index}`);
      builder.appendRecord({ key: null, value, timestampMs: Date.now() });
    }
    const producer = { producerId: this.#producerId, producerEpoch: 0, baseSequence: sequence * recordsPerBatch };
    const partitionData = [{ index: 0, records: builder.build({ producer }) }];
    const request = { acks: -1, timeoutMs: 5_000, topicData: [{ name: topic, partitionData }] };
    const answer = await client.ask(produceApi, 9, request);
    return answer.responses[0]?.partitionResponses[0]?.errorCode ?? -1;
  }
}

/** Every record of the topic, in order, by producer. */
async function readAll(): Promise<Map<string, number[]>> {
  const client = await connected();
  const cursor = new RecordCursor();
  const seen = new Map<string, number[]>();
  for (let offset = 0; ; ) {
    const partitions = [{ partition: 0, fetchOffset: offset, partitionMaxBytes: 1_000_000 }];
    const request = { maxWaitMs: 0, minBytes: 1, topics: [{ topic, partitions }], forgottenTopicsData: [], rackId: '' };
    const answer = await client.ask(fetchApi, 11, request);
    const { records = null, highWatermark = 0 } = answer.responses[0]?.partitions[0] ?? {};
    cursor.reset(records ?? Buffer.alloc(0), offset);
    while (cursor.next()) {
      // Offsets are dense: what was cut off by a kill was never numbered for anybody.
      expect(cursor.offset).toBe(offset);
      offset = cursor.offset + 1;
      const [name = '', number = ''] = cursor.bytes.toString('utf8', cursor.valueStart, cursor.valueEnd).split(' ');
      seen.set(name, [...(seen.get(name) ?? []), Number(number)]);
    }
    if (offset >= highWatermark) break;
  }
  await client.close();
  return seen;
}

test('killed six times in mid-append', async () => {
  await start();
  const client = await connected();
  const wanted = { name: topic, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  await client.ask(createTopicsApi, 5, { topics: [wanted] });
  await client.close();
  const producers = ['a', 'b', 'c'].map((name) => new NumberedProducer(name));
  const running = producers.map((producer) => producer.run());
  for (let round = 0; round < 6; round++) {
    const before = producers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
    await expect
      .poll(() => producers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0), { timeout: 20_000 })
      .toBeGreaterThan(before + 20 + 7 * round);
    await kill();
    await start();
  }
  for (const producer of producers) producer.isStopping = true;
  await Promise.all(running);
  const seen = await readAll();
  for (const { name, acknowledged } of producers) {
    const count = acknowledged.length * recordsPerBatch;
    expect(acknowledged).toEqual(acknowledged.map((_, index) => index));
    expect(seen.get(name)).toEqual(Array.from({ length: count }, (_, index) => index));
  }
});
