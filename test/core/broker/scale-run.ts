/**
 * What a broker under unkind load takes: `node test/core/broker/scale-run.ts [scenario …]`. Each scenario has a broker of its
 * own in another process; a line says how long its event loop stalled at most, how much of the processor it took between two turns
 * (what other processes take makes only the former longer), its memory, and what else matters. Ends with 1 when a bound is broken.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { apiVersionsApi } from '../../../core/protocol/apis/api-versions.ts';
import { fetchApi } from '../../../core/protocol/apis/fetch.ts';
import { metadataApi } from '../../../core/protocol/apis/metadata.ts';
import { produceApi } from '../../../core/protocol/apis/produce.ts';
import { createTopicsApi, deleteTopicsApi } from '../../../core/protocol/apis/topics.ts';
import { BatchBuilder } from '../../../core/protocol/batch-builder.ts';
import { BATCH_HEADER_BYTES, sealCrc } from '../../../core/protocol/batch-header.ts';
import { RawClient } from './raw-client.ts';

const mebibyte = 1_048_576;
const maxTurnMs = 50;
/** A file system in memory, where Linux has one. */
const memoryFolder = '/dev/shm';

interface Probe {
  readonly stallMs: number;
  /** The longest turn of its event loop, in time of the processor. */
  readonly turnMs: number;
  readonly rssBytes: number;
  readonly peakRssBytes: number;
}

/** One broker in another process, over a folder that may outlive it. */
class BrokerProcess {
  readonly #dataDir: string;
  #child: ChildProcess | undefined;
  port = 0;
  startMs = 0;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  async start(): Promise<void> {
    const begin = performance.now();
    this.#child = fork(join(import.meta.dirname, 'broker-child.ts'), [this.#dataDir]);
    this.port = ((await this.#message()) as { port: number }).port;
    this.startMs = performance.now() - begin;
    await this.probe();
  }

  /** Since the probe before. */
  probe(): Promise<Probe> {
    const answer = this.#message();
    this.#child?.send('probe');
    return answer as Promise<Probe>;
  }

  async kill(): Promise<void> {
    const gone = new Promise((resolve) => this.#child?.once('exit', resolve));
    this.#child?.kill('SIGKILL');
    await gone;
  }

  #message(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#child?.once('message', resolve);
      this.#child?.once('exit', (code) => reject(new Error(`the broker ended with ${code}`)));
    });
  }
}

interface Scenario {
  /** What is measured is the number of things, and a hundred thousand syncs would only take an hour: memory will do for a disk. */
  readonly isInMemory?: boolean;
  /** More resident memory than this is a failure. */
  readonly maxRssBytes: number;
  /** Resolves to what else is worth a line. */
  run(broker: BrokerProcess, report: (step: string) => Promise<void>): Promise<string>;
}

const connect = (broker: BrokerProcess) => RawClient.connect(broker.port);

async function createTopics(
  client: RawClient,
  names: readonly string[],
  more: { partitions?: number; policy?: string } = {},
) {
  const configs = more.policy === undefined ? [] : [{ name: 'cleanup.policy', value: more.policy }];
  const topics = names.map((name) => {
    return { name, numPartitions: more.partitions ?? 1, replicationFactor: 1, assignments: [], configs };
  });
  const answer = await client.ask(createTopicsApi, 4, { topics });
  const failed = answer.topics.find(({ errorCode }) => errorCode !== 0);
  if (failed !== undefined) throw new Error(`${failed.name}: ${failed.errorCode} ${failed.errorMessage}`);
}

function batchOf(valueBytes: number, value = randomBytes(valueBytes)): Buffer {
  const builder = new BatchBuilder();
  builder.appendRecord({ key: Buffer.from('key'), value, timestampMs: Date.now() });
  return builder.build();
}

async function produce(
  client: RawClient,
  name: string,
  batches: readonly (readonly [index: number, records: Buffer])[],
) {
  const partitionData = batches.map(([index, records]) => ({ index, records }));
  const answer = await client.ask(produceApi, 8, { acks: -1, timeoutMs: 1_000, topicData: [{ name, partitionData }] });
  return answer.responses[0]?.partitionResponses.map(({ errorCode }) => errorCode) ?? [];
}

const range = (count: number) => Array.from({ length: count }, (_, index) => index);

const scenarios: Record<string, Scenario> = {
  'ten thousand topics': {
    isInMemory: true,
    maxRssBytes: 600 * mebibyte,
    async run(broker, report) {
      const client = await connect(broker);
      const begin = performance.now();
      for (const chunk of range(100))
        await createTopics(
          client,
          range(100).map((index) => `topic-${chunk * 100 + index}`),
        );
      const createMs = performance.now() - begin;
      await report('created');
      const asked = performance.now();
      const { topics } = await client.ask(metadataApi, 9, { topics: null });
      const metadataMs = performance.now() - asked;
      await report('metadata of all');
      for (const index of range(1_000)) {
        const codes = await produce(client, `topic-${index * 10}`, [[0, batchOf(100)]]);
        if (codes[0] !== 0) throw new Error(`produce: ${codes[0]}`);
      }
      await report('a thousand of them written');
      const names = range(50).map((index) => `topic-${index}`);
      await client.ask(deleteTopicsApi, 3, { topicNames: names, timeoutMs: 60_000 });
      await report('fifty deleted');
      await sleep(11_000);
      await report('two checkpoints');
      await client.close();
      await broker.kill();
      await broker.start();
      await report('started after a kill');
      return `${topics.length} topics created in ${Math.round(createMs)} ms, described in ${Math.round(metadataMs)} ms, started after a kill in ${Math.round(broker.startMs)} ms`;
    },
  },
  'a thousand partitions': {
    maxRssBytes: 400 * mebibyte,
    async run(broker, report) {
      const client = await connect(broker);
      await createTopics(client, ['wide'], { partitions: 1_000 });
      await report('created');
      const begin = performance.now();
      for (const _ of range(20)) {
        const codes = await produce(
          client,
          'wide',
          range(1_000).map((index) => [index, batchOf(1_000)]),
        );
        if (codes.some((code) => code !== 0)) throw new Error(`produce: ${codes}`);
      }
      const produceMs = performance.now() - begin;
      await report('produced to all of them again and again');
      const partitions = range(1_000).map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: mebibyte }));
      const request = { maxWaitMs: 100, minBytes: 1, maxBytes: 50 * mebibyte, topics: [{ topic: 'wide', partitions }] };
      for (const _ of range(5)) await client.ask(fetchApi, 11, request);
      await report('fetched from all of them');
      await client.close();
      return `20 rounds of 1,000 partitions synced in ${Math.round(produceMs)} ms`;
    },
  },
  'a thousand connections': {
    maxRssBytes: 400 * mebibyte,
    async run(broker, report) {
      const admin = await connect(broker);
      await createTopics(admin, ['shared']);
      await report('started');
      const clients = await Promise.all(range(1_000).map(() => connect(broker)));
      await Promise.all(clients.map((client) => client.ask(apiVersionsApi, 0, {})));
      await report('connected');
      const begin = performance.now();
      for (const _ of range(10)) {
        await Promise.all(clients.map((client) => produce(client, 'shared', [[0, batchOf(200)]])));
      }
      const produceMs = performance.now() - begin;
      await report('each has produced');
      const partitions = [{ partition: 0, fetchOffset: 10_000, partitionMaxBytes: mebibyte }];
      const request = { maxWaitMs: 30_000, minBytes: 1, maxBytes: mebibyte, topics: [{ topic: 'shared', partitions }] };
      const waiting = clients.map((client) => client.ask(fetchApi, 11, request));
      await sleep(500);
      await produce(admin, 'shared', [[0, batchOf(200)]]);
      await Promise.all(waiting);
      await report('a thousand long polls woken at once');
      await Promise.all(clients.map((client) => client.close()));
      await admin.close();
      await report('gone');
      return `10,000 requests of 1,000 connections answered in ${Math.round(produceMs)} ms`;
    },
  },
  'a hundred slow consumers': {
    maxRssBytes: 500 * mebibyte,
    async run(broker, report) {
      const client = await connect(broker);
      await createTopics(client, ['large'], { partitions: 4 });
      for (const index of range(400)) await produce(client, 'large', [[index % 4, batchOf(500_000)]]);
      await report('200 MB written');
      const partitions = range(4).map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: 50 * mebibyte }));
      const request = {
        maxWaitMs: 100,
        minBytes: 1,
        maxBytes: 50 * mebibyte,
        topics: [{ topic: 'large', partitions }],
      };
      const slow = await Promise.all(range(100).map(() => connect(broker)));
      for (const consumer of slow) {
        consumer.socket.pause();
        consumer.socket.write(consumer.encode(fetchApi as never, 11, request as never));
      }
      for (const _ of range(20)) {
        await sleep(250);
        for (const { socket } of slow) socket.read(256);
      }
      await report('they read 1 KB/s each');
      const begin = performance.now();
      for (const _ of range(50)) await produce(client, 'large', [[0, batchOf(1_000)]]);
      const quick = performance.now() - begin;
      await report('others are served meanwhile');
      await Promise.all(slow.map((consumer) => consumer.close()));
      await client.close();
      return `50 synced produces beside them in ${Math.round(quick)} ms`;
    },
  },
  'strangers and bombs': {
    maxRssBytes: 400 * mebibyte,
    async run(broker, report) {
      for (const _ of range(20)) {
        const clients = await Promise.all(range(50).map(() => connect(broker)));
        for (const { socket } of clients) socket.end(randomBytes(2_000));
        await Promise.all(clients.map((client) => client.closed));
      }
      await report('a thousand strangers');
      const halves = await Promise.all(range(200).map(() => connect(broker)));
      const prefix = Buffer.from('06400000', 'hex');
      for (const { socket } of halves) socket.write(Buffer.concat([prefix.subarray(0, 4), randomBytes(100)]));
      await sleep(500);
      await report('two hundred frames of 100 MB announced and not sent');
      await Promise.all(halves.map((client) => client.close()));
      const client = await connect(broker);
      await createTopics(client, ['compacted'], { policy: 'compact' });
      const member = gzipSync(Buffer.alloc(16 * mebibyte));
      const bomb = Buffer.concat([batchOf(1).subarray(0, BATCH_HEADER_BYTES), ...range(62).map(() => member)]);
      bomb.writeInt32BE(bomb.length - 12, 8);
      bomb.writeInt16BE(1, 21);
      sealCrc(bomb, 0);
      for (const _ of range(30)) {
        const codes = await produce(client, 'compacted', [[0, bomb]]);
        if (codes[0] !== 10) throw new Error(`a bomb was answered ${codes[0]}`);
      }
      await report('thirty bombs of a gigabyte');
      await client.close();
      return 'every stranger was closed, every bomb refused';
    },
  },
};

async function run(name: string, scenario: Scenario): Promise<boolean> {
  const isInMemory = scenario.isInMemory === true && existsSync(memoryFolder);
  const dataDir = await mkdtemp(join(isInMemory ? memoryFolder : tmpdir(), 'millrace-scale-'));
  const broker = new BrokerProcess(dataDir);
  let isFine = true;
  const report = async (step: string) => {
    const { stallMs, turnMs, rssBytes, peakRssBytes } = await broker.probe();
    const isBroken = turnMs > maxTurnMs || rssBytes > scenario.maxRssBytes;
    if (isBroken) isFine = false;
    const memory = `RSS ${Math.round(rssBytes / mebibyte)} MiB, peak ${Math.round(peakRssBytes / mebibyte)} MiB`;
    process.stdout.write(
      `${isBroken ? 'BROKEN ' : ''}${name}: ${step}: longest turn ${Math.round(turnMs)} ms, stall ${Math.round(stallMs)} ms, ${memory}\n`,
    );
  };
  try {
    await broker.start();
    process.stdout.write(`${name}: ${await scenario.run(broker, report)}\n`);
  } finally {
    await broker.kill();
    await rm(dataDir, { recursive: true, force: true });
  }
  return isFine;
}

const asked = process.argv.slice(2);
let isFine = true;
for (const [name, scenario] of Object.entries(scenarios)) {
  if (asked.length > 0 && !asked.some((part) => name.includes(part))) continue;
  if (!(await run(name, scenario))) isFine = false;
}
process.exitCode = isFine ? 0 : 1;
