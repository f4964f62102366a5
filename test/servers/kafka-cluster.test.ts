/** The client on an Apache Kafka cluster of three brokers that lose and regain their leaders. */

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { silentLogger } from '../../core/base/logger.ts';
import {
  type Admin,
  type Cluster,
  connectCluster,
  createFetcher,
  createProducer,
  openAdmin,
} from '../../core/client/index.ts';
import { RecordCursor } from '../../core/protocol/record-cursor.ts';
import { batchOf, lines, readPartition } from '../kits/client-kit.ts';
import { temporaryFolder } from './child.ts';
import { type KafkaServer, startKafka } from './kafka-server.ts';

describe('client on three brokers', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let kafka: KafkaServer;
  let cluster: Cluster;
  let admin: Admin;

  beforeAll(async () => {
    folder = await temporaryFolder('kafka-cluster');
    kafka = await startKafka(folder.path, {
      brokerCount: 3,
      settings: { 'broker.session.timeout.ms': '3000', 'broker.heartbeat.interval.ms': '500' },
    });
    cluster = connectCluster({
      bootstrapServers: kafka.bootstrapServers,
      clientId: 'cluster-test',
      clock: systemClock,
      logger: silentLogger,
      limits: { connectTimeoutMs: 2_000, requestTimeoutMs: 5_000 },
    });
    admin = openAdmin(cluster);
  });

  afterAll(async () => {
    await admin?.close();
    cluster?.close();
    await kafka?.close();
    await folder?.remove();
  });

  test('loses and doubles nothing while leaders are killed, frozen and come back', async () => {
    const topic = 'moving';
    const partitions = [0, 1, 2, 3, 4, 5];
    await admin.ensureTopics([{ topic, partitions: partitions.length, replicationFactor: 3 }]);
    const producer = createProducer(cluster, { requestTimeoutMs: 3_000 });
    const fetcher = createFetcher(cluster, { maxWaitMs: 100 });
    fetcher.assign(partitions.map((partition) => ({ topic, partition, offset: 0 })));
    const seen = partitions.map((): string[] => []);
    const reading = new AbortController();
    const reader = (async () => {
      const cursor = new RecordCursor();
      for (;;) {
        for (const { partition, records, fetchOffset } of await fetcher.next(reading.signal)) {
          cursor.reset(records, fetchOffset);
          while (cursor.next()) {
            seen[partition]!.push(cursor.bytes.toString('utf8', cursor.valueStart, cursor.valueEnd));
          }
        }
      }
    })();
    reader.catch(() => {});
    let isTroubleOver = false;
    const trouble = (async () => {
      await sleep(1_000);
      await kafka.brokers[0]!.process.kill();
      await sleep(6_000);
      await kafka.brokers[0]!.restart();
      await sleep(2_000);
      kafka.brokers[1]!.process.pause();
      await sleep(6_000);
      kafka.brokers[1]!.process.resume();
      await sleep(2_000);
      isTroubleOver = true;
    })();
    const sends: Promise<unknown>[] = [];
    let round = 0;
    for (; !isTroubleOver; round++) {
      const batches = partitions.map((partition) => ({ topic, partition, batch: batchOf(lines(3, `${round}.`)) }));
      sends.push(producer.send(batches));
      await sleep(10);
    }
    await trouble;
    await Promise.all(sends);
    const expected = Array.from({ length: round }, (_, i) =>
      lines(3, `${i}.`).map(({ value }) => value.toString()),
    ).flat();
    for (const partition of partitions) {
      expect((await readPartition(cluster, topic, partition)).map(({ value }) => value)).toEqual(expected);
    }
    const isComplete = () => seen.every((values) => values.length >= expected.length);
    for (let waitedMs = 0; !isComplete() && waitedMs < 20_000; waitedMs += 50) await sleep(50);
    reading.abort(new Error('read enough'));
    await expect(reader).rejects.toThrow('read enough');
    for (const values of seen) expect(values).toEqual(expected);
    producer.close();
    fetcher.close();
  });
});
