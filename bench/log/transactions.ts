/** How long one transaction with one record of 1 KB takes, from AddPartitionsToTxn to the answer of EndTxn, beside the same record sent by an idempotent producer. */

import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { produceApi } from '../../core/protocol/apis/produce.ts';
import { initProducerIdApi } from '../../core/protocol/apis/producer-ids.ts';
import { createTopicsApi } from '../../core/protocol/apis/topics.ts';
import { addPartitionsToTxnApi, endTxnApi } from '../../core/protocol/apis/transactions.ts';
import { BatchBuilder } from '../../core/protocol/batch-builder.ts';
import { RawClient } from '../../test/core/broker/raw-client.ts';
import { describeMachine, formatTable } from '../measure.ts';

const rounds = 4;
const perRound = Number(process.argv[2] ?? 1_000);
const value = Buffer.alloc(950, 'x');

class Writer {
  readonly #client: RawClient;
  readonly #transactionalId: string | null;
  #identity = { producerId: -1, producerEpoch: -1 };
  #sequence = 0;

  constructor(client: RawClient, transactionalId: string | null) {
    this.#client = client;
    this.#transactionalId = transactionalId;
  }

  async init(): Promise<void> {
    const transactionalId = this.#transactionalId;
    const answer = await this.#client.ask(initProducerIdApi, 4, { transactionalId, transactionTimeoutMs: 60_000 });
    need(answer.errorCode);
    this.#identity = answer;
  }

  async send(): Promise<void> {
    const builder = new BatchBuilder({ initialBytes: 2048 });
    builder.append(value, 0, value.length, Date.now());
    const producer = { ...this.#identity, baseSequence: this.#sequence++ };
    const transactionalId = this.#transactionalId;
    const records = builder.build({ producer, isTransactional: transactionalId !== null });
    const topicData = [{ name: 'bench', partitionData: [{ index: 0, records }] }];
    const answer = await this.#client.ask(produceApi, 9, { transactionalId, acks: -1, timeoutMs: 5_000, topicData });
    need(answer.responses[0]?.partitionResponses[0]?.errorCode);
  }

  async transaction(): Promise<void> {
    const { producerId, producerEpoch } = this.#identity;
    const who = { transactionalId: this.#transactionalId ?? '', producerId, producerEpoch };
    const topics = [{ name: 'bench', partitions: [0] }];
    const added = await this.#client.ask(addPartitionsToTxnApi, 3, { ...who, topics });
    need(added.resultsByTopic[0]?.resultsByPartition[0]?.partitionErrorCode);
    await this.send();
    need((await this.#client.ask(endTxnApi, 3, { ...who, committed: true })).errorCode);
  }
}

function need(errorCode: number | undefined): void {
  if (errorCode !== 0) throw new Error(`the broker answered ${errorCode}`);
}

async function timesOf(work: () => Promise<void>): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < perRound; n += 1) {
    const startMs = performance.now();
    await work();
    times.push(performance.now() - startMs);
  }
  return times;
}

const dataDir = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
const broker = fork(join(import.meta.dirname, '../../test/core/broker/broker-child.ts'), [dataDir]);
try {
  const { port } = await new Promise<{ port: number }>((resolve, reject) => {
    broker.once('message', (told) => resolve(told as { port: number }));
    broker.once('exit', (code) => reject(new Error(`the broker ended with ${code}`)));
  });
  const client = await RawClient.connect(port);
  const wanted = { name: 'bench', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  await client.ask(createTopicsApi, 5, { topics: [wanted] });
  const transactional = new Writer(client, 'bench');
  const idempotent = new Writer(client, null);
  await Promise.all([transactional.init(), idempotent.init()]);
  const times: { transaction: number[]; produce: number[] } = { transaction: [], produce: [] };
  // In turn; the first round warms up.
  for (let round = 0; round <= rounds; round += 1) {
    const transaction = await timesOf(() => transactional.transaction());
    const produce = await timesOf(() => idempotent.send());
    if (round === 0) continue;
    times.transaction.push(...transaction);
    times.produce.push(...produce);
  }
  await client.close();
  const row = (name: string, list: readonly number[]) => {
    const sorted = [...list].sort((a, b) => a - b);
    const at = (part: number) => (sorted[Math.floor(sorted.length * part)] ?? 0).toFixed(2);
    const perSecond = (1000 * list.length) / list.reduce((sum, ms) => sum + ms, 0);
    return [name, perSecond.toFixed(0), at(0.5), at(0.99)];
  };
  const rows = [row('one transaction', times.transaction), row('idempotent produce', times.produce)];
  console.log(`${describeMachine()}\n\nOne record of 1 KB each, one after the other, ${rounds * perRound} of each:\n`);
  console.log(formatTable(['', 'per second', 'p50, ms', 'p99, ms'], rows));
} finally {
  broker.kill('SIGKILL');
  rmSync(dataDir, { recursive: true, force: true });
}
