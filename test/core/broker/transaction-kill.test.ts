/** A broker killed again and again under transactional producers: every transaction is in both of its partitions or in none, in order, once. */

import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTopicsApi } from '../../../core/protocol/apis/topics.ts';
import { RawClient } from './raw-client.ts';
import { fetchValues, RawProducer } from './raw-producer.ts';

let dataDir: string;
let child: ChildProcess | undefined;
let port = 0;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'millrace-txn-kill-'));
});

afterEach(async () => {
  await kill();
  await rm(dataDir, { recursive: true, force: true });
});

async function start(): Promise<void> {
  const started = fork(join(import.meta.dirname, 'broker-child.ts'), [dataDir]);
  child = started;
  port = await new Promise<number>((resolve, reject) => {
    started.once('message', (told) => resolve((told as { port: number }).port));
    started.once('exit', (code) => reject(new Error(`the broker ended with ${code}`)));
  });
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

/** Commits numbered transactions over two partitions and aborts every third; takes its id over again after every lost connection. */
class Writer {
  readonly id: string;
  readonly committed: number[] = [];
  readonly aborted = new Set<number>();
  isStopping = false;
  #next = 0;

  constructor(id: string) {
    this.id = id;
  }

  async run(): Promise<void> {
    while (!this.isStopping) {
      const client = await connected();
      try {
        const producer = new RawProducer(client, this.id);
        while ((await producer.init()) !== 0) await sleep(5);
        while (!this.isStopping) await this.#one(producer);
      } catch (error) {
        if (!(error instanceof Error) || error.message !== 'connection closed') throw error;
      }
      await client.close();
    }
  }

  async #one(producer: RawProducer): Promise<void> {
    const number = this.#next++;
    const isCommit = number % 3 !== 2;
    if (!isCommit) this.aborted.add(number);
    expect(await producer.add('pairs', 0, 1)).toBe(0);
    for (const partition of [0, 1]) expect(await producer.send('pairs', partition, [`${this.id} ${number}`])).toBe(0);
    expect(await producer.end(isCommit)).toBe(0);
    if (isCommit) this.committed.push(number);
  }
}

test('killed five times in the middle of transactions', async () => {
  await start();
  const client = await connected();
  const wanted = { name: 'pairs', numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] };
  await client.ask(createTopicsApi, 5, { topics: [wanted] });
  await client.close();
  const writers = ['a', 'b', 'c'].map((id) => new Writer(id));
  const count = () => writers.reduce((sum, { committed }) => sum + committed.length, 0);
  const running = writers.map((writer) => writer.run());
  for (let round = 0; round < 5; round++) {
    const before = count();
    await expect.poll(count, { timeout: 20_000 }).toBeGreaterThan(before + 15 + 5 * round);
    await kill();
    await start();
  }
  for (const writer of writers) writer.isStopping = true;
  await Promise.all(running);
  const reader = await connected();
  for (const { id } of writers) {
    // Ends what the last kill left open.
    const successor = new RawProducer(reader, id);
    while ((await successor.init()) !== 0) await sleep(5);
  }
  const both = await Promise.all(
    [0, 1].map(async (partition) => {
      const { values, lastStableOffset, highWatermark } = await fetchValues(await connected(), {
        topic: 'pairs',
        partition,
      });
      expect(lastStableOffset).toBe(highWatermark);
      return values;
    }),
  );
  for (const { id, committed, aborted } of writers) {
    const [first = [], second = []] = both.map((values) =>
      values.filter((value) => value.startsWith(`${id} `)).map((value) => Number(value.slice(2))),
    );
    expect(first).toEqual(second);
    // In order and once; what was answered is there, and nothing that was to be aborted.
    expect(first).toEqual([...new Set(first)].sort((x, y) => x - y));
    expect(first).toEqual(expect.arrayContaining(committed));
    expect(first.filter((number) => aborted.has(number))).toEqual([]);
  }
  await reader.close();
}, 90_000);
