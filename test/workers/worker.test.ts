/** A whole worker on a real broker: what survives a restart, what the internal topics hold, dead letters, pipelines. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { silentLogger } from '../../core/base/logger.ts';
import { type Cluster, connectCluster, createProducer, openAdmin, readTopicToEnd } from '../../core/client/index.ts';
import { BatchBuilder } from '../../core/protocol/batch-builder.ts';
import { kafkaKeyedLog } from '../../workers/stores/kafka-keyed-log.ts';
import { openWorld, until, type World } from './fixtures/running-worker.ts';

let world: World;
let cluster: Cluster;

beforeEach(async () => {
  world = await openWorld();
  const { bootstrapServers } = world;
  cluster = connectCluster({ bootstrapServers, clientId: 'test', clock: systemClock, logger: silentLogger });
});

afterEach(async () => {
  cluster.close();
  await world.close();
});

const source = (name: string, more: Record<string, string> = {}) => ({
  name,
  'connector.class': 'counting',
  topic: `${name}-topic`,
  'records.total': '100',
  ...more,
});

const sink = (name: string, topics: string, more: Record<string, string> = {}) => ({
  name,
  'connector.class': 'collecting',
  topics,
  'collect.file': world.path(`${name}.out`),
  ...more,
});

const put = (config: Record<string, string>) => world.worker.herder.commands.put(config['name']!, config);
const stateOf = (name: string) => world.worker.herder.status(name)?.connector.state;
const taskStatesOf = (name: string) =>
  world.worker.herder
    .status(name)
    ?.tasks.map(({ state }) => state)
    .join();
const isHealthy = () =>
  until(
    () => world.worker.health(),
    ({ status }) => status === 'healthy',
  );

interface Read {
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: Record<string, string>;
  readonly timestampMs: number;
}

async function readTopic(topic: string): Promise<Read[]> {
  const records: Read[] = [];
  await readTopicToEnd(cluster, topic, ({ key, value, headers, timestampMs }) => {
    const texts = headers.map((header) => [header.key, String(header.value)]);
    records.push({
      key: key?.toString() ?? null,
      value: value?.toString() ?? null,
      headers: Object.fromEntries(texts),
      timestampMs,
    });
  });
  return records;
}

describe('a restart of the worker', () => {
  test('24: target states, settings and offsets survive it', async () => {
    await put(source('runs', { 'records.total': '100000', 'poll.pause.ms': '10' }));
    await put(source('paused'));
    await put(source('stopped'));
    await isHealthy();
    await world.worker.herder.commands.setTarget('paused', 'PAUSED');
    await world.worker.herder.commands.setTarget('stopped', 'STOPPED');
    await until(
      () => taskStatesOf('paused'),
      (states) => states === 'PAUSED',
    );
    await until(
      () => taskStatesOf('stopped'),
      (states) => states === '',
    );
    await world.restartWorker();
    await isHealthy();
    await until(
      () => taskStatesOf('paused'),
      (states) => states === 'PAUSED',
    );
    expect(stateOf('paused')).toBe('PAUSED');
    expect(stateOf('stopped')).toBe('STOPPED');
    expect(taskStatesOf('stopped')).toBe('');
    await until(
      () => world.worker.numbers.sum('source_records_total'),
      (count) => count > 100,
    );
    await world.worker.close();
    const values = (await readTopic('runs-topic')).map(({ value }) => value);
    // 54: a clean restart neither loses nor doubles.
    expect(values).toEqual(values.map((_, index) => `0:${index}`));
  });
});

describe('the internal topics', () => {
  test('45-50: hold what a Kafka Connect worker would write', async () => {
    await put(source('ten', { 'tasks.max': '2' }));
    await isHealthy();
    await world.worker.herder.commands.setTarget('ten', 'STOPPED');
    await until(
      () => stateOf('ten'),
      (state) => state === 'STOPPED',
    );
    await world.worker.herder.commands.remove('ten');
    await until(
      () => world.worker.herder.status('ten'),
      (status) => status === undefined,
    );
    const admin = openAdmin(cluster);
    for (const topic of ['millrace-configs', 'millrace-offsets', 'millrace-status']) {
      expect(await admin.describeConfigs(topic)).toMatchObject({ 'cleanup.policy': 'compact' });
    }
    await admin.close();
    expect(await cluster.partitionCount('millrace-configs')).toBe(1);
    const config = await readTopic('millrace-configs');
    const keys = config.map(({ key, value }) => `${key}${value === null ? ' deleted' : ''}`);
    expect(keys).toEqual([
      'connector-ten',
      'task-ten-0',
      'task-ten-1',
      'commit-ten',
      'commit-ten',
      'target-state-ten',
      'connector-ten deleted',
      'target-state-ten deleted',
    ]);
    expect(config[3]?.value).toBe('{"tasks":2}');
    expect(config[4]?.value).toBe('{"tasks":0}');
    expect(config[5]?.value).toBe('{"state":"PAUSED","state.v2":"STOPPED"}');
    const offsets = await readTopic('millrace-offsets');
    for (const { key, value } of offsets) {
      expect(JSON.parse(key!)).toEqual(['ten', { task: expect.any(Number) }]);
      expect(JSON.parse(value!)).toEqual({ count: expect.any(Number) });
    }
    const lastStatus = () =>
      readTopic('millrace-status').then((all) => Object.fromEntries(all.map((each) => [each.key, each.value])));
    const gone = ['status-connector-ten', 'status-task-ten-0', 'status-task-ten-1'];
    await until(lastStatus, (last) => gone.every((key) => last[key] === null));
  });

  test('51: a topic that is not compacted is refused', async () => {
    const admin = openAdmin(cluster);
    await admin.ensureTopics([{ topic: 'deleting', partitions: 1, config: { 'cleanup.policy': 'delete' } }]);
    await admin.close();
    await world.worker.close();
    const starting = world.startWorker({ topics: { config: 'deleting' } });
    await expect(starting).rejects.toMatchObject({ code: 'worker/topic-not-compacted', where: 'deleting' });
  });

  test('52: a commit whose task is missing has the tasks planned again', async () => {
    await put(source('holed'));
    await isHealthy();
    const producer = createProducer(cluster);
    const log = kafkaKeyedLog({ cluster, producer, topic: 'millrace-configs', partitionCount: 1, clock: systemClock });
    await log.append([{ key: 'commit-holed', value: '{"tasks":3}' }]);
    const commits = async () => (await readTopic('millrace-configs')).filter(({ key }) => key === 'commit-holed');
    const [, , last] = await until(commits, (all) => all.length === 3);
    expect(last?.value).toBe('{"tasks":1}');
    await isHealthy();
  });
});

describe('dead letters', () => {
  test('61-62: keep the original bytes and say where they came from and why', async () => {
    const producer = createProducer(cluster);
    const admin = openAdmin(cluster);
    await admin.ensureTopics([{ topic: 'mixed', partitions: 1 }]);
    await admin.close();
    const builder = new BatchBuilder();
    for (const value of ['good 1', 'bad 1', 'good 2', 'bad 2']) {
      const headers = [{ key: 'origin', value: Buffer.from('test') }];
      builder.appendRecord({
        key: Buffer.from(`key of ${value}`),
        value: Buffer.from(value),
        headers,
        timestampMs: 1234,
      });
    }
    await producer.send([{ topic: 'mixed', partition: 0, batch: builder.build() }]);
    await put(
      sink('picky', 'mixed', {
        'bad.value': 'bad.*',
        'errors.tolerance': 'all',
        'errors.deadletterqueue.topic.name': 'mixed.dlq',
        'errors.deadletterqueue.context.headers.enable': 'true',
      }),
    );
    await until(
      () => world.worker.numbers.sum('records_dead_lettered_total'),
      (count) => count === 2,
    );
    expect(await world.collected('picky.out')).toEqual(['good 1', 'good 2']);
    expect(await cluster.partitionCount('mixed.dlq')).toBe(1);
    const letters = await readTopic('mixed.dlq');
    expect(letters.map(({ key, value, timestampMs }) => [key, value, timestampMs])).toEqual([
      ['key of bad 1', 'bad 1', 1234],
      ['key of bad 2', 'bad 2', 1234],
    ]);
    expect(letters[1]?.headers).toMatchObject({
      origin: 'test',
      '__connect.errors.topic': 'mixed',
      '__connect.errors.partition': '0',
      '__connect.errors.offset': '3',
      '__connect.errors.connector.name': 'picky',
      '__connect.errors.task.id': '0',
      '__connect.errors.stage': 'TASK_PUT',
      '__connect.errors.class.name': 'collecting',
      '__connect.errors.exception.class.name': 'Error',
      '__connect.errors.exception.message': 'bad value bad 2',
    });
    // 58: passed only now that the letters are durable.
    const offsets = () => world.rest('GET', '/connectors/picky/offsets');
    await until(offsets, ({ body }) => body.offsets[0]?.offset.kafka_offset === 4);
  });

  test('60: without tolerance the task fails, stays failed, and nothing past the record is committed', async () => {
    await put(source('feed', { 'records.total': '20' }));
    await put(sink('strict', 'feed-topic', { 'bad.value': '0:7' }));
    await until(
      () => taskStatesOf('strict'),
      (states) => states === 'FAILED',
    );
    const status = world.worker.herder.status('strict');
    expect(status).toMatchObject({ connector: { state: 'RUNNING' }, health: { state: 'DEGRADED', restarts: 0 } });
    expect(status?.tasks[0]?.trace).toContain('worker/bad-record: bad value 0:7 (feed-topic-0@7)');
    const { body } = await world.rest('GET', '/connectors/strict/offsets');
    for (const { offset } of body.offsets) expect(offset.kafka_offset).toBeLessThanOrEqual(7);
  });
});

describe('pipelines', () => {
  test('are applied whole, and what is as declared is left alone', async () => {
    const pipeline = (more: Record<string, string> = {}) => ({
      name: 'p',
      file: 'p.yaml',
      topics: [{ name: 'p', partitions: 3, replicationFactor: -1, config: { 'retention.ms': '60000' } }],
      written: ['p'],
      connectors: [
        { name: 'p-source', kind: 'source' as const, config: source('p-source', { topic: 'p', ...more }) },
        { name: 'p-sink', kind: 'sink' as const, config: sink('p-sink', 'p') },
      ],
    });
    await world.worker.applyPipelines([pipeline()]);
    await isHealthy();
    expect(await cluster.partitionCount('p')).toBe(3);
    const before = (await readTopic('millrace-configs')).length;
    await world.worker.applyPipelines([pipeline()]);
    expect(await readTopic('millrace-configs')).toHaveLength(before);
    await world.worker.applyPipelines([pipeline({ 'poll.pause.ms': '1' })]);
    const keys = (await readTopic('millrace-configs')).slice(before).map(({ key }) => key);
    expect(keys[0]).toBe('connector-p-source');
    expect(keys.some((key) => key?.includes('p-sink'))).toBe(false);
    await until(
      () => world.collected('p-sink.out'),
      (values) => values.length === 100,
    );
  });
});

test('a worker that writes at least once says so to who insists on exactly once, before anything runs', async () => {
  await world.restartWorker({ exactlyOnceSourceSupport: 'disabled' });
  const strict = source('strict', { 'exactly.once.support': 'required' });
  const path = '/connector-plugins/counting/config/validate';
  const errorsOf = async (settings: object) => {
    const { body } = await world.rest('PUT', path, settings);
    const configs = body.configs as { value: { name: string; errors: string[] } }[];
    return configs.filter(({ value }) => value.errors.length > 0).map(({ value }) => value.name);
  };
  expect(await errorsOf(strict)).toEqual(['exactly.once.support']);
  expect(await errorsOf({ ...strict, 'tasks.max': '0' })).toEqual(expect.arrayContaining(['exactly.once.support']));
  expect(await errorsOf(source('strict', { 'exactly.once.support': 'requested' }))).toEqual([]);
  const refused = await world.rest('PUT', '/connectors/strict/config', strict);
  expect([refused.status, refused.body.message]).toEqual([400, expect.stringContaining('exactly.once.support')]);
  await world.restartWorker();
  expect(await errorsOf(strict)).toEqual([]);
});
