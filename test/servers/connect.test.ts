/** A real Kafka Connect worker with exactly-once sources keeps its topics in the embedded broker, and is killed while it copies. */

import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { silentLogger } from '../../core/base/logger.ts';
import { type Admin, type Cluster, connectCluster, openAdmin } from '../../core/client/index.ts';
import { type EmbeddedBroker, startEmbeddedBroker } from '../core/client/embedded-broker.ts';
import { temporaryFolder } from './child.ts';
import { type ConnectWorker, connectTopics, startConnect } from './connect-worker.ts';
import { readCommitted } from './read-committed.ts';

const topic = 'copied';
const kills = 2;

describe('Kafka Connect on the embedded broker', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let broker: EmbeddedBroker;
  let cluster: Cluster;
  let admin: Admin;
  let worker: ConnectWorker | undefined;

  beforeAll(async () => {
    folder = await temporaryFolder('connect');
    broker = await startEmbeddedBroker();
    const { bootstrapServers } = broker;
    cluster = connectCluster({ bootstrapServers, clientId: 'witness', clock: systemClock, logger: silentLogger });
    admin = openAdmin(cluster);
    await admin.ensureTopics([{ topic, partitions: 1 }]);
  });

  afterAll(async () => {
    await worker?.process.kill();
    await admin?.close();
    cluster?.close();
    await broker?.close();
    await folder?.remove();
  });

  test('copies every line of a file exactly once, killed twice', async () => {
    const file = join(folder.path, 'lines.txt');
    const written: string[] = [];
    let isWriting = true;
    const writing = (async () => {
      while (isWriting) {
        const lines = Array.from({ length: 10 }, (_, index) => `line ${written.length + index}`);
        written.push(...lines);
        await appendFile(file, `${lines.join('\n')}\n`);
        await sleep(100);
      }
    })();
    const copied = async () => (await readCommitted(cluster, topic)).map(({ value }) => value);
    const start = (life: number) => startConnect(join(folder.path, `worker-${life}`), broker.bootstrapServers[0]!);
    worker = await start(0);
    await worker.rest('PUT', '/connectors/copy/config', {
      'connector.class': 'org.apache.kafka.connect.file.FileStreamSourceConnector',
      'tasks.max': '1',
      'exactly.once.support': 'required',
      'batch.size': '500',
      file,
      topic,
    });
    for (let life = 1; life <= kills; life += 1) {
      const before = (await copied()).length;
      await expect
        .poll(async () => (await copied()).length, { timeout: 60_000, interval: 300 })
        .toBeGreaterThan(before + 100);
      await worker.process.kill();
      worker = await start(life);
    }
    isWriting = false;
    await writing;
    await expect
      .poll(async () => (await copied()).length, { timeout: 60_000, interval: 300 })
      .toBeGreaterThanOrEqual(written.length);
    const lines = await copied();
    const seen = Map.groupBy(lines, (line) => line);
    const doubled = [...seen].filter(([, times]) => times.length > 1).map(([line]) => line);
    const missing = written.filter((line) => !seen.has(line));
    expect({ doubled: doubled.slice(0, 5), missing: missing.slice(0, 5) }).toEqual({ doubled: [], missing: [] });
    expect(
      lines.findIndex((line, index) => line !== written[index]),
      'out of order',
    ).toBe(-1);
    expect(await worker.rest('GET', '/connectors/copy/status')).toMatchObject({
      connector: { state: 'RUNNING' },
      tasks: [{ id: 0, state: 'RUNNING' }],
    });
    const topics = await admin.listTopics();
    expect(topics).toEqual(expect.arrayContaining(Object.values(connectTopics)));
    expect((await readCommitted(cluster, connectTopics.config)).map(({ key }) => key)).toContain('connector-copy');
  });
});
