/** The stores on their two logs, and what happens when a log fails. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../core/base/clock.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import { nodeDisk } from '../../../core/base/node-disk.ts';
import { connectCluster, createProducer, openAdmin } from '../../../core/client/index.ts';
import { startBroker } from '../../../core/index.ts';
import { configRecords } from '../../../workers/stores/config-records.ts';
import { ConfigStore } from '../../../workers/stores/config-store.ts';
import { kafkaKeyedLog } from '../../../workers/stores/kafka-keyed-log.ts';
import { StatusStore } from '../../../workers/stores/status-store.ts';
import { FakeKeyedLog } from '../../fakes/fake-keyed-log.ts';
import { type KeyedLogHarness, keyedLogKit } from '../../kits/store-kit.ts';

keyedLogKit('a log in memory', async () => ({
  async create(partitionCount) {
    const log = new FakeKeyedLog(partitionCount);
    return { log, reopen: () => log };
  },
  async close() {},
}));

keyedLogKit('a compacted topic of the broker', async (): Promise<KeyedLogHarness> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-stores-'));
  const shared = { clock: systemClock, logger: silentLogger };
  const listen = { host: '127.0.0.1', port: 0 };
  const broker = await startBroker({ ...shared, listen, dataDir, durability: 'os', disk: nodeDisk });
  const cluster = connectCluster({
    ...shared,
    bootstrapServers: [`127.0.0.1:${broker.port}`],
    clientId: 'stores-test',
  });
  const producer = createProducer(cluster);
  const admin = openAdmin(cluster);
  let topics = 0;
  return {
    async create(partitionCount) {
      const topic = `store-${topics++}`;
      await admin.ensureTopics([{ topic, partitions: partitionCount, config: { 'cleanup.policy': 'compact' } }]);
      const open = () => kafkaKeyedLog({ cluster, producer, topic, partitionCount, clock: systemClock });
      return { log: open(), reopen: open };
    },
    async close() {
      await admin.close();
      cluster.close();
      await broker.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
});

describe('a log that fails', () => {
  test('a refused write is no part of the state, and the next one works', async () => {
    const log = new FakeKeyedLog(1);
    const store = new ConfigStore({ log, onChange() {}, onRestart() {}, onFailed() {} });
    await store.open();
    log.nextFailure = new Error('full');
    await expect(store.write([configRecords.connector('a', {})])).rejects.toThrow('full');
    expect(store.state.connectors.size).toBe(0);
    await store.write([configRecords.connector('a', {})]);
    expect(store.state.connectors.size).toBe(1);
    await store.close();
  });

  test('a status that could not be written is said again by whoever says it next', async () => {
    const log = new FakeKeyedLog(1);
    const store = new StatusStore({ log, logger: silentLogger, onFailed() {} });
    await store.open();
    const status = { state: 'RUNNING', trace: null, workerId: 'w', generation: 0, version: null } as const;
    log.nextFailure = new Error('full');
    store.connector('a', status);
    await store.flush();
    expect(store.state.connectors.size).toBe(0);
    store.connector('a', status);
    await store.flush();
    expect(store.state.connectors.get('a')).toEqual(status);
    store.connector('a', status);
    await store.flush();
    expect(log.records).toHaveLength(1);
    await store.close();
  });

  test('whoever waits for a topic that can be read no more is told so', async () => {
    const log = new FakeKeyedLog(1);
    const broken = Promise.withResolvers<never>();
    log.tail = () => broken.promise;
    const failures: unknown[] = [];
    const store = new ConfigStore({ log, onChange() {}, onRestart() {}, onFailed: (error) => failures.push(error) });
    await log.append([configRecords.connector('a', {})]);
    const opening = store.open();
    broken.reject(new Error('gone'));
    await expect(opening).rejects.toThrow('gone');
    expect(failures).toHaveLength(1);
    await expect(store.refresh()).rejects.toThrow('gone');
  });
});
