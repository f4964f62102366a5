/** kcat (librdkafka) against the embedded broker, and Kafka's own dump tool on its files. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { silentLogger } from '../../core/base/logger.ts';
import { type Admin, type Cluster, connectCluster, createProducer, openAdmin } from '../../core/client/index.ts';
import type { Codec } from '../../core/protocol/compression.ts';
import { type EmbeddedBroker, startEmbeddedBroker } from '../core/client/embedded-broker.ts';
import { batchOf, lines, readPartition } from '../kits/client-kit.ts';
import { runKafkaTool } from './kafka-server.ts';
import { ensureKcat, kcat } from './kcat.ts';

const codecs: readonly Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

describe('kcat against the embedded broker', () => {
  let broker: EmbeddedBroker;
  let cluster: Cluster;
  let admin: Admin;
  let address: string;

  beforeAll(async () => {
    await ensureKcat();
    broker = await startEmbeddedBroker();
    address = broker.bootstrapServers[0]!;
    cluster = connectCluster({
      bootstrapServers: broker.bootstrapServers,
      clientId: 'kcat-test',
      clock: systemClock,
      logger: silentLogger,
    });
    admin = openAdmin(cluster);
  });

  afterAll(async () => {
    await admin?.close();
    cluster?.close();
    await broker?.close();
  });

  test('lists brokers and topics', async () => {
    await admin.ensureTopics([{ topic: 'listed', partitions: 3 }]);
    const metadata = JSON.parse(await kcat(['-b', address, '-L', '-J'])) as {
      brokers: { name: string }[];
      topics: { topic: string; partitions: { leader: number }[] }[];
    };
    expect(metadata.brokers.map(({ name }) => name)).toEqual([address]);
    const listed = metadata.topics.find(({ topic }) => topic === 'listed');
    expect(listed?.partitions.map(({ leader }) => leader)).toEqual([1, 1, 1]);
  });

  test.each(codecs)('produces and consumes with compression %s, both ways', async (codec) => {
    const topic = `codec-${codec}`;
    await admin.ensureTopics([{ topic, partitions: 1 }]);
    const produced = Array.from({ length: 2000 }, (_, i) => `from kcat ${i} ${'x'.repeat(i % 50)}`);
    await kcat(['-b', address, '-P', '-t', topic, '-z', codec, '-X', 'linger.ms=20'], `${produced.join('\n')}\n`);
    expect((await readPartition(cluster, topic)).map(({ value }) => value)).toEqual(produced);
    const producer = createProducer(cluster);
    await producer.send([{ topic, partition: 0, batch: batchOf(lines(500, 'from us '), codec) }]);
    producer.close();
    const ours = lines(500, 'from us ').map(({ value }) => value.toString());
    const consumed = await kcat([
      '-b',
      address,
      '-C',
      '-t',
      topic,
      '-o',
      'beginning',
      '-e',
      '-q',
      '-X',
      'check.crcs=true',
    ]);
    expect(consumed.trimEnd().split('\n')).toEqual([...produced, ...ours]);
  });

  test('produces idempotently with keys and headers', async () => {
    await admin.ensureTopics([{ topic: 'keyed', partitions: 1 }]);
    const args = ['-P', '-t', 'keyed', '-K', ':', '-H', 'h=1', '-X', 'enable.idempotence=true', '-X', 'acks=all'];
    await kcat(['-b', address, ...args], 'a:1\nb:2\n');
    expect(await readPartition(cluster, 'keyed')).toMatchObject([
      { key: 'a', value: '1', headers: [{ key: 'h', value: Buffer.from('1') }] },
      { key: 'b', value: '2' },
    ]);
  });

  test('consumes in a group and goes on from the committed offset', async () => {
    await admin.ensureTopics([{ topic: 'grouped', partitions: 1 }]);
    const producer = createProducer(cluster);
    const send = (prefix: string) =>
      producer.send([{ topic: 'grouped', partition: 0, batch: batchOf(lines(3, prefix)) }]);
    const consume = (count: number) =>
      kcat([
        '-b',
        address,
        '-G',
        'kcat-group',
        '-c',
        String(count),
        '-q',
        '-X',
        'auto.offset.reset=earliest',
        'grouped',
      ]);
    await send('a');
    expect(await consume(3)).toBe('a0\na1\na2\n');
    await send('b');
    expect(await consume(3)).toBe('b0\nb1\nb2\n');
    expect(await admin.fetchGroupOffsets('kcat-group')).toEqual([{ topic: 'grouped', partition: 0, offset: 6 }]);
    producer.close();
  });

  test('finds offsets by time', async () => {
    await admin.ensureTopics([{ topic: 'timed', partitions: 1 }]);
    const producer = createProducer(cluster);
    const startMs = Date.now() - 60_000;
    for (const seconds of [0, 10, 20]) {
      const record = { value: Buffer.from('v'), timestampMs: startMs + seconds * 1000 };
      await producer.send([{ topic: 'timed', partition: 0, batch: batchOf([record]) }]);
    }
    producer.close();
    expect(await kcat(['-b', address, '-Q', '-t', `timed:0:${startMs + 5_000}`])).toBe('timed [0] offset 1\n');
  });

  test("leaves files that Kafka's own tool reads without complaint", async () => {
    const topic = 'dumped';
    await admin.ensureTopics([{ topic, partitions: 1 }]);
    const producer = createProducer(cluster);
    for (const codec of codecs)
      await producer.send([{ topic, partition: 0, batch: batchOf(lines(10, `${codec} `), codec) }]);
    producer.close();
    const folder = join(broker.dataDir, `${topic}-0`);
    const segment = (await readdir(folder)).find((name) => name.endsWith('.log'));
    const files = join(folder, segment!);
    const dump = await runKafkaTool('dump-log', ['--files', files, '--deep-iteration', '--print-data-log']);
    const batches = dump.split('\n').filter((line) => line.startsWith('baseOffset:'));
    expect(batches).toHaveLength(codecs.length);
    for (const [i, batch] of batches.entries()) {
      expect(batch).toContain(`baseOffset: ${i * 10} lastOffset: ${i * 10 + 9} count: 10`);
      expect(batch).toContain(`compresscodec: ${codecs[i]}`);
      expect(batch).toContain('isvalid: true');
    }
    expect(dump).toContain('payload: zstd 9');
  });
});
