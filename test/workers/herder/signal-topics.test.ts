/** Signals of a topic reach the task they are for, each once, also when they were sent while it did not run. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../core/base/clock.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import { connectCluster, createProducer, openAdmin } from '../../../core/client/index.ts';
import { BatchBuilder } from '../../../core/protocol/batch-builder.ts';
import { openWorld, until, type World } from '../fixtures/running-worker.ts';

let world: World;

beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

test('those for the connector are taken in order, once, over stops and restarts', async () => {
  const { bootstrapServers } = world;
  const cluster = connectCluster({ bootstrapServers, clientId: 'test', clock: systemClock, logger: silentLogger });
  const producer = createProducer(cluster, { acks: -1 });
  const admin = openAdmin(cluster);
  await admin.ensureTopics([{ topic: 'signals', partitions: 1 }]);
  const say = async (key: string, value: unknown) => {
    const builder = new BatchBuilder();
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    builder.appendRecord({ key: Buffer.from(key), value: Buffer.from(text), headers: [], timestampMs: Date.now() });
    await producer.send([{ topic: 'signals', partition: 0, batch: builder.build({}) }]);
  };
  await say('heeding', { type: 'before the connector was there' });

  const put = (name: string, config: Record<string, string>) => world.rest('PUT', `/connectors/${name}/config`, config);
  await put('heeding', {
    'connector.class': 'counting',
    topic: 'heard',
    'records.total': '0',
    'signals.topic': 'signals',
  });
  await put('hearing', { 'connector.class': 'collecting', topics: 'heard', 'collect.file': world.path('heard.out') });
  const told = async () => (await world.collected('heard.out')).map((value) => value.replace('signal ', ''));
  const offsets = async () => (await world.rest('GET', '/connectors/heeding/offsets')).body.offsets;
  const isFollowed = (all: { partition: object }[]) => all.some(({ partition }) => 'signals' in partition);
  await until(offsets, isFollowed);

  await say('somebody else', { type: 'log' });
  await say('heeding', 'no JSON');
  await say('heeding', { id: 'without a type' });
  await say('heeding', { id: 'a', type: 'log', data: '{"message":"x"}' });
  await say('heeding', { type: 'pause-snapshot', data: { from: 'a topic' } });
  await until(told, (values) => values.length === 2);

  await world.rest('PUT', '/connectors/heeding/stop');
  await until(
    () => world.worker.herder.tasks().filter(({ task }) => task.connector === 'heeding').length,
    (count) => count === 0,
  );
  await say('heeding', { type: 'while it was stopped' });
  await world.rest('PUT', '/connectors/heeding/resume');
  await until(told, (values) => values.length === 3);
  await world.restartWorker();
  await say('heeding', { type: 'after a restart' });
  await until(told, (values) => values.length === 4);
  expect(await told()).toEqual([
    'log {"message":"x"}',
    'pause-snapshot {"from":"a topic"}',
    'while it was stopped null',
    'after a restart null',
  ]);
  await until(offsets, (all) => !all.some(({ partition }: { partition: object }) => 'signal' in partition));
  producer.close();
  await admin.close();
  cluster.close();
});
