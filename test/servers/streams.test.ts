/** A Kafka Streams application with exactly-once processing is killed again and again: every count is made once. */

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { silentLogger } from '../../core/base/logger.ts';
import { type Admin, type Cluster, connectCluster, createProducer, openAdmin } from '../../core/client/index.ts';
import { type EmbeddedBroker, startEmbeddedBroker } from '../core/client/embedded-broker.ts';
import { batchOf } from '../kits/client-kit.ts';
import { temporaryFolder } from './child.ts';
import { compileJava, type JavaProgram, startJava } from './java-program.ts';
import { readCommitted } from './read-committed.ts';

const words = ['one', 'two', 'three', 'four', 'five', 'six', 'seven'];
const kills = 3;
const partitions = [0, 1];

describe('Kafka Streams on the embedded broker', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let broker: EmbeddedBroker;
  let cluster: Cluster;
  let admin: Admin;
  let application: JavaProgram | undefined;

  beforeAll(async () => {
    folder = await temporaryFolder('streams');
    broker = await startEmbeddedBroker();
    const { bootstrapServers } = broker;
    cluster = connectCluster({ bootstrapServers, clientId: 'witness', clock: systemClock, logger: silentLogger });
    admin = openAdmin(cluster);
    await admin.ensureTopics(['lines', 'counts'].map((topic) => ({ topic, partitions: partitions.length })));
  });

  afterAll(async () => {
    await application?.kill();
    await admin?.close();
    cluster?.close();
    await broker?.close();
    await folder?.remove();
  });

  test('counts words exactly, killed three times', async () => {
    const args = await compileJava('WordCount', `${folder.path}/classes`);
    const start = () => startJava([...args, broker.bootstrapServers[0]!, `${folder.path}/state`]);
    const expected = new Map(words.map((word) => [word, 0]));
    const producer = createProducer(cluster);
    let isWriting = true;
    const writing = (async () => {
      for (let round = 0; isWriting; round += 1) {
        const line = words.filter((_, index) => round % (index + 1) === 0);
        for (const word of line) expected.set(word, expected.get(word)! + 1);
        const batch = batchOf([{ value: Buffer.from(line.join(' ')) }]);
        await producer.send([{ topic: 'lines', partition: round % partitions.length, batch }]);
        await sleep(20);
      }
    })();
    const counted = async () => (await readCommitted(cluster, 'counts')).length;
    for (let kill = 0; kill < kills; kill += 1) {
      application = start();
      const before = await counted();
      await expect.poll(counted, { timeout: 60_000, interval: 300 }).toBeGreaterThan(before + 20);
      await application.kill();
    }
    isWriting = false;
    await writing;
    producer.close();
    application = start();
    const total = [...expected.values()].reduce((sum, count) => sum + count, 0);
    await expect.poll(counted, { timeout: 60_000, interval: 300 }).toBe(total);
    const seen = Map.groupBy(await readCommitted(cluster, 'counts'), ({ key }) => key);
    for (const [word, count] of expected) {
      const counts = (seen.get(word) ?? []).map(({ value }) => Number(value));
      expect(counts, word).toEqual(Array.from({ length: count }, (_, index) => index + 1));
    }
  });
});
