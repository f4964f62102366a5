/** A walk through the REST interface; the numbers are those of the black-box checks a Kafka Connect worker is held to. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, openWorld, until, type World } from '../fixtures/running-worker.ts';

let world: World;

beforeAll(async () => {
  world = await openWorld();
});

afterEach(async () => {
  for (const name of (await world.rest('GET', '/connectors')).body) await world.rest('DELETE', `/connectors/${name}`);
  await until(
    () => world.worker.herder.tasks().length,
    (count) => count === 0,
  );
});

afterAll(() => world.close());

const source = (name: string, more: Record<string, string> = {}) => ({
  name,
  'connector.class': 'counting',
  topic: `${name}-topic`,
  'records.total': '100000000',
  'poll.pause.ms': '20',
  ...more,
});

const sink = (name: string, topics: string, more: Record<string, string> = {}) => ({
  name,
  'connector.class': 'collecting',
  topics,
  'collect.file': world.path(`${name}.out`),
  ...more,
});

const rest = (method: string, path: string, body?: unknown): Promise<Answer> => world.rest(method, path, body);

async function create(config: Record<string, string>): Promise<Answer> {
  const name = config['name']!;
  const answer = await rest('POST', '/connectors', { name, config });
  await statusWhen(name, (status) => status.tasks?.[0]?.state === 'RUNNING');
  return answer;
}

// biome-ignore lint/suspicious/noExplicitAny: whatever JSON came back.
async function statusWhen(name: string, isWanted: (status: any) => boolean): Promise<any> {
  return (
    await until(
      () => rest('GET', `/connectors/${name}/status`),
      ({ body }) => isWanted(body),
    )
  ).body;
}

describe('create, read, update, delete', () => {
  test('1-3: POST answers 201 with Location and the connector; again 409; an invalid duplicate 400', async () => {
    const config = source('one');
    const { name: _, ...unnamed } = config;
    const created = await rest('POST', '/connectors', { name: 'one', config: unnamed });
    expect(created.status).toBe(201);
    expect(created.location).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/connectors\/one$/);
    expect(created.body).toMatchObject({ name: 'one', config, type: 'source' });
    const again = await rest('POST', '/connectors', { name: 'one', config });
    expect(again.status).toBe(409);
    expect(again.body).toMatchObject({ error_code: 409, message: expect.stringContaining('already exists') });
    const invalid = await rest('POST', '/connectors', { name: 'one', config: { ...config, 'tasks.max': '0' } });
    expect(invalid.status).toBe(400);
  });

  test('4-8: names and bodies that are not right', async () => {
    const trimmed = await rest('POST', '/connectors', { name: '  spaced  ', config: { ...source('spaced') } });
    expect(trimmed).toMatchObject({ status: 201, body: { name: 'spaced' } });
    const { name: _, ...unnamed } = source('x');
    expect((await rest('POST', '/connectors', { config: unnamed })).status).toBe(400);
    expect((await rest('POST', '/connectors', { name: 'x', config: source('y') })).status).toBe(400);
    expect((await rest('PUT', '/connectors/x/config', source('y'))).status).toBe(400);
    const unknown = await rest('POST', '/connectors', { name: 'x', config: { 'connector.class': 'nobody' } });
    expect(unknown).toMatchObject({ status: 400, body: { message: expect.stringContaining('counting') } });
    expect((await rest('POST', '/connectors', '{"name":')).status).toBe(400);
    expect((await rest('POST', '/connectors', { name: 'x', config: unnamed, other: 1 })).status).toBe(400);
    expect((await rest('POST', '/connectors', { name: 'x', config: unnamed, initial_state: 'FAST' })).status).toBe(400);
    expect((await rest('POST', '/connectors', { name: 'x', config: { ...unnamed, topic: null } })).status).toBe(400);
    expect((await rest('GET', '/connectors/x')).status).toBe(404);
  });

  test('names that REST could not reach are refused', async () => {
    for (const name of ['a/b', 'a\\b', '50%', '.', '..', '{a}', 'a?b']) {
      const answer = await rest('POST', '/connectors', { name, config: source(name) });
      expect(answer.status, name).toBe(400);
    }
  });

  test('9-13: PUT creates and replaces, PATCH merges, tasks are numbered from 0', async () => {
    const config = source('put', { 'tasks.max': '2' });
    const created = await rest('PUT', '/connectors/put/config', config);
    expect(created.status).toBe(201);
    expect(created.location).toContain('/connectors/put');
    const { 'poll.pause.ms': _, ...fewer } = config;
    expect(await rest('PUT', '/connectors/put/config', fewer)).toMatchObject({ status: 200 });
    expect((await rest('GET', '/connectors/put/config')).body).toEqual(fewer);
    const patched = await rest('PATCH', '/connectors/put/config', { 'poll.pause.ms': '30', 'tasks.max': null });
    expect(patched.status).toBe(200);
    expect((await rest('GET', '/connectors/put/config')).body).toEqual({ ...source('put'), 'poll.pause.ms': '30' });
    const merged = await rest('PATCH', '/connectors/put/config', { 'tasks.max': 'many' });
    expect(merged.status).toBe(400);
    expect((await rest('GET', '/connectors/put/config')).body['tasks.max']).toBeUndefined();
    expect((await rest('PATCH', '/connectors/nobody/config', {})).status).toBe(404);
    await rest('PATCH', '/connectors/put/config', { 'tasks.max': '2' });
    const tasks = await until(
      () => rest('GET', '/connectors/put/tasks'),
      ({ body }) => body.length === 2,
    );
    expect(tasks.body.map(({ id }: { id: unknown }) => id)).toEqual([
      { connector: 'put', task: 0 },
      { connector: 'put', task: 1 },
    ]);
    expect(tasks.body[0].config).toMatchObject({ 'task.class': 'counting' });
  });

  test('changes sent at once are all kept', async () => {
    await create(source('busy'));
    const keys = ['key.converter', 'value.converter', 'errors.log.enable', 'errors.tolerance', 'poll.pause.ms'];
    const values = ['string', 'string', 'true', 'all', '25'];
    const patches = keys.map((key, index) => rest('PATCH', '/connectors/busy/config', { [key]: values[index] }));
    for (const { status } of await Promise.all(patches)) expect(status).toBe(200);
    const { body } = await rest('GET', '/connectors/busy/config');
    expect(keys.map((key) => body[key])).toEqual(values);
    const creates = await Promise.all(
      Array.from({ length: 6 }, () => rest('POST', '/connectors', { name: 'race', config: source('race') })),
    );
    expect(creates.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409]);
  });

  test('14: DELETE answers 204, then nothing is left of the connector', async () => {
    await create(source('gone'));
    expect((await rest('DELETE', '/connectors/gone')).status).toBe(204);
    expect((await rest('GET', '/connectors/gone')).status).toBe(404);
    expect((await rest('GET', '/connectors/gone/status')).status).toBe(404);
    expect((await rest('GET', '/connectors')).body).not.toContain('gone');
    expect((await rest('DELETE', '/connectors/gone')).status).toBe(404);
  });

  test('16: expand', async () => {
    await create(source('expand'));
    const both = await rest('GET', '/connectors?expand=status&expand=info');
    expect(both.body.expand).toMatchObject({ status: { name: 'expand' }, info: { name: 'expand' } });
    expect((await rest('GET', '/connectors?expand=info')).body.expand).not.toHaveProperty('status');
    expect((await rest('GET', '/connectors?expand=other')).body.expand).toEqual({});
  });

  test('17: every failure has the same body', async () => {
    const answers = [
      [404, await rest('GET', '/nothing/here')],
      [405, await rest('DELETE', '/connectors')],
      [415, await world.rest('POST', '/connectors', 'name=x', { 'content-type': 'application/x-www-form-urlencoded' })],
    ] as const;
    for (const [status, answer] of answers) {
      expect(answer).toMatchObject({ status, body: { error_code: status, message: expect.any(String) } });
    }
    expect(answers[0][1].body.message).toBe('HTTP 404 Not Found');
    expect(answers[1][1].body.message).toBe('HTTP 405 Method Not Allowed');
  });

  test('18: an unknown connector', async () => {
    const calls = ['GET config', 'GET tasks', 'GET status', 'POST restart', 'PUT pause', 'PUT resume', 'PUT stop'];
    for (const call of [...calls, 'GET offsets']) {
      const [method, path] = call.split(' ') as [string, string];
      expect((await rest(method, `/connectors/nobody/${path}`)).status, call).toBe(404);
    }
    expect(await rest('GET', '/connectors/nobody/topics')).toMatchObject({
      status: 200,
      body: { nobody: { topics: [] } },
    });
  });

  test('secrets leave as dots, and dots that come back change nothing (promise 7)', async () => {
    await create(source('secretive', { 'secret.word': 'xyzzy-plugh' }));
    const shown = await rest('GET', '/connectors/secretive/config');
    expect(JSON.stringify(shown.body)).not.toContain('xyzzy');
    const paths = ['/connectors/secretive', '/connectors/secretive/tasks', '/connectors?expand=info'];
    for (const path of paths) expect(JSON.stringify((await rest('GET', path)).body)).not.toContain('xyzzy');
    await rest('PUT', '/connectors/secretive/config', { ...shown.body, 'poll.pause.ms': '21' });
    expect(world.worker.herder.settingsOf('secretive')?.['secret.word']).toBe('xyzzy-plugh');
    const reference = `$${'{env:WORD}'}`;
    await rest('PATCH', '/connectors/secretive/config', { 'secret.word': reference });
    expect((await rest('GET', '/connectors/secretive/config')).body['secret.word']).toBe(reference);
    const refused = await rest('PATCH', '/connectors/secretive/config', {
      'tasks.max': 'xyzzy',
      'secret.word': 'hush-hush',
    });
    expect(JSON.stringify(refused.body)).not.toContain('hush');
  });
});

describe('states', () => {
  test('19: pause stops the flow, resume goes on without loss', async () => {
    await create(source('flow', { 'records.per.poll': '10' }));
    await create(sink('flow-sink', 'flow-topic'));
    await until(
      () => world.collected('flow-sink.out'),
      (values) => values.length > 20,
    );
    expect(await rest('PUT', '/connectors/flow/pause')).toMatchObject({ status: 202 });
    await statusWhen('flow', ({ connector, tasks }) => connector.state === 'PAUSED' && tasks[0].state === 'PAUSED');
    expect((await rest('PUT', '/connectors/flow/resume')).status).toBe(202);
    await statusWhen('flow', ({ connector, tasks }) => connector.state === 'RUNNING' && tasks[0].state === 'RUNNING');
    const paused = await world.collected('flow-sink.out');
    const values = await until(
      () => world.collected('flow-sink.out'),
      (all) => all.length > paused.length + 60,
    );
    expect(values).toEqual(values.map((_, index) => `0:${index}`));
  });

  test('20-22: stop empties, resume brings the tasks back; all of it may be repeated', async () => {
    await create(source('stopper', { 'tasks.max': '2' }));
    for (let times = 0; times < 2; times++) expect((await rest('PUT', '/connectors/stopper/stop')).status).toBe(204);
    await statusWhen('stopper', ({ connector, tasks }) => connector.state === 'STOPPED' && tasks.length === 0);
    expect((await rest('GET', '/connectors/stopper/tasks')).body).toEqual([]);
    for (let times = 0; times < 2; times++) expect((await rest('PUT', '/connectors/stopper/pause')).status).toBe(202);
    await statusWhen('stopper', ({ connector, tasks }) => connector.state === 'PAUSED' && tasks.length === 0);
    for (let times = 0; times < 2; times++) expect((await rest('PUT', '/connectors/stopper/resume')).status).toBe(202);
    const status = await statusWhen('stopper', ({ tasks }) => tasks.length === 2);
    expect(status.tasks.map(({ id }: { id: number }) => id)).toEqual([0, 1]);
  });

  test('23 and 25: a connector created stopped has no tasks, and a PUT keeps it stopped', async () => {
    const config = source('quiet');
    const created = await rest('POST', '/connectors', { name: 'quiet', config, initial_state: 'stopped' });
    expect(created.status).toBe(201);
    await statusWhen('quiet', ({ connector }) => connector?.state === 'STOPPED');
    await rest('PUT', '/connectors/quiet/config', { ...config, 'poll.pause.ms': '50' });
    expect(await statusWhen('quiet', () => true)).toMatchObject({ connector: { state: 'STOPPED' }, tasks: [] });
  });

  test('27-31: restarts', async () => {
    await create(source('again'));
    expect((await rest('POST', '/connectors/again/restart')).status).toBe(204);
    const nothing = await rest('POST', '/connectors/again/restart?onlyFailed=true');
    expect(nothing).toMatchObject({ status: 202, body: { connector: { state: 'RUNNING' } } });
    const all = await rest('POST', '/connectors/again/restart?includeTasks=true');
    expect(all.status).toBe(202);
    expect(all.body).toMatchObject({ connector: { state: 'RESTARTING' }, tasks: [{ id: 0, state: 'RESTARTING' }] });
    await statusWhen('again', ({ tasks }) => tasks[0]?.state === 'RUNNING');
    expect((await rest('POST', '/connectors/again/tasks/0/restart')).status).toBe(204);
    expect((await rest('POST', '/connectors/again/tasks/7/restart')).status).toBe(404);
    expect((await rest('GET', '/connectors/again/tasks/x/status')).status).toBe(404);
    const task = await until(
      () => rest('GET', '/connectors/again/tasks/0/status'),
      ({ body }) => body.state === 'RUNNING',
    );
    expect(task.body).toMatchObject({ id: 0, worker_id: expect.stringMatching(/^127\.0\.0\.1:[1-9]\d*$/) });
  });

  test('32: a plan that fails shows as FAILED with its trace; stopping works, pausing changes nothing', async () => {
    const config = source('planless', { fail: 'plan' });
    await rest('POST', '/connectors', { name: 'planless', config });
    const failed = await statusWhen('planless', ({ connector }) => connector?.state === 'FAILED');
    expect(failed.connector.trace).toContain('the plan failed');
    await rest('PUT', '/connectors/planless/pause');
    expect((await statusWhen('planless', () => true)).connector.state).toBe('FAILED');
    await rest('PUT', '/connectors/planless/stop');
    await statusWhen('planless', ({ connector }) => connector.state === 'STOPPED');
    await rest('DELETE', '/connectors/planless');
  });

  test('79: a plan that hangs blocks nobody else', async () => {
    await rest('POST', '/connectors', { name: 'hanging', config: source('hanging', { fail: 'plan-hangs' }) });
    await create(source('unmoved'));
    await rest('DELETE', '/connectors/hanging');
  });
});

describe('offsets', () => {
  test('33, 34, 37-39: of a source', async () => {
    await create(source('counted', { 'records.total': '50' }));
    const stored = await until(
      () => rest('GET', '/connectors/counted/offsets'),
      ({ body }) => body.offsets[0]?.offset.count === 50,
    );
    expect(stored.body).toEqual({ offsets: [{ partition: { task: 0 }, offset: { count: 50 } }] });
    const move = { offsets: [{ partition: { task: 0 }, offset: { count: 40 } }] };
    const refused = await rest('PATCH', '/connectors/counted/offsets', move);
    expect(refused).toMatchObject({ status: 400, body: { message: expect.stringContaining('STOPPED state') } });
    await rest('PUT', '/connectors/counted/stop');
    await statusWhen('counted', ({ connector, tasks }) => connector.state === 'STOPPED' && tasks.length === 0);
    expect((await rest('PATCH', '/connectors/counted/offsets', { offsets: [] })).status).toBe(400);
    expect((await rest('PATCH', '/connectors/counted/offsets', { offsets: null })).status).toBe(400);
    const moved = await rest('PATCH', '/connectors/counted/offsets', move);
    expect(moved).toMatchObject({ status: 200, body: { message: expect.stringContaining('altered successfully') } });
    expect((await rest('GET', '/connectors/counted/offsets')).body).toEqual(move);
    for (let times = 0; times < 2; times++)
      expect((await rest('DELETE', '/connectors/counted/offsets')).status).toBe(200);
    expect((await rest('GET', '/connectors/counted/offsets')).body).toEqual({ offsets: [] });
  });

  test('33-36, 39: of a sink', async () => {
    await create(source('read', { 'records.total': '30', 'records.per.poll': '30', 'poll.pause.ms': '0' }));
    await create(sink('reader', 'read-topic'));
    const at = (offset: number | string | null) => ({
      offsets: [
        {
          partition: { kafka_topic: 'read-topic', kafka_partition: 0 },
          offset: offset === null ? null : { kafka_offset: offset },
        },
      ],
    });
    const offsets = () => rest('GET', '/connectors/reader/offsets');
    await until(offsets, ({ body }) => body.offsets[0]?.offset.kafka_offset === 30);
    await rest('PUT', '/connectors/reader/stop');
    await statusWhen('reader', ({ connector, tasks }) => connector.state === 'STOPPED' && tasks.length === 0);
    expect((await rest('PATCH', '/connectors/reader/offsets', at('20'))).status).toBe(200);
    expect((await offsets()).body).toEqual(at(20));
    expect((await rest('PATCH', '/connectors/reader/offsets', at(-4))).status).toBe(400);
    const nowhere = { offsets: [{ partition: { kafka_topic: 'read-topic', kafka_partition: 9 }, offset: null }] };
    expect((await rest('PATCH', '/connectors/reader/offsets', nowhere)).status).toBe(400);
    expect((await rest('PATCH', '/connectors/reader/offsets', at(null))).status).toBe(200);
    expect((await offsets()).body).toEqual(at(0));
    await rest('PATCH', '/connectors/reader/offsets', at(20));
    await rest('PUT', '/connectors/reader/resume');
    const values = await until(
      () => world.collected('reader.out'),
      (all) => all.length === 40,
    );
    expect(values.slice(30)).toEqual(Array.from({ length: 10 }, (_, index) => `0:${index + 20}`));
  });

  test('15: a connector of the same name goes on where the one before stopped', async () => {
    await create(source('phoenix', { 'records.total': '20' }));
    const isDone = ({ body }: Answer) => body.offsets[0]?.offset.count === 20;
    await until(() => rest('GET', '/connectors/phoenix/offsets'), isDone);
    await rest('DELETE', '/connectors/phoenix');
    await create(source('phoenix', { 'records.total': '20' }));
    expect((await rest('GET', '/connectors/phoenix/offsets')).body.offsets[0].offset.count).toBe(20);
  });
});

describe('everything else', () => {
  test('41-44: plugins and validation', async () => {
    const plugins = await rest('GET', '/connector-plugins');
    expect(plugins.body).toContainEqual({ class: 'counting', type: 'source', version: expect.any(String) });
    const keys = await rest('GET', '/connector-plugins/counting/config');
    expect(keys.body.map(({ name }: { name: string }) => name)).toContain('records.total');
    expect((await rest('GET', '/connector-plugins/nobody/config')).status).toBe(404);
    const validate = (body: unknown) => rest('PUT', '/connector-plugins/counting/config/validate', body);
    expect(await validate(source('v'))).toMatchObject({ status: 200, body: { error_count: 0 } });
    expect(await validate({ ...source('v'), 'tasks.max': '0' })).toMatchObject({
      status: 200,
      body: { error_count: 1 },
    });
    const errorsWhen = async (fail: string) => {
      const { body } = await validate({ ...source('v'), fail });
      const configs: { value: { name: string; errors: string[] } }[] = body.configs;
      const bad = configs.filter(({ value }) => value.errors.length > 0);
      return [body.error_count, bad.map(({ value }) => `${value.name}: ${value.errors.join()}`)];
    };
    expect(await errorsWhen('findings')).toEqual([1, ['records.total: table: it is gone. Execute: CREATE TABLE t;']]);
    expect(await errorsWhen('examine')).toEqual([
      1,
      [expect.stringMatching(/^connector\.class: the door: the door is shut\. /)],
    ]);
    expect((await validate({ name: 'v' })).status).toBe(400);
    expect((await validate({ ...source('v'), 'connector.class': 'collecting' })).status).toBe(400);
  });

  test('signals are stored, taken once by the task that runs or the next one, and refused where nobody takes any', async () => {
    await create(source('heeding'));
    const send = (name: string, body: unknown) => rest('POST', `/connectors/${name}/signals`, body);
    const waiting = async () => {
      const { offsets } = (await rest('GET', '/connectors/heeding/offsets')).body;
      return offsets.filter(({ partition }: { partition: object }) => 'signal' in partition).length;
    };
    const sent = await send('heeding', { id: 'a', type: 'log', data: { message: 'x' } });
    expect(sent).toMatchObject({ status: 202, body: { id: 'a', type: 'log' } });
    await create(sink('heard', 'heeding-topic'));
    const told = async () => (await world.collected('heard.out')).filter((value) => value.startsWith('signal'));
    await until(told, (values) => values.length > 0);
    expect(await told()).toEqual(['signal log {"message":"x"}']);
    await until(waiting, (count) => count === 0);
    await rest('PUT', '/connectors/heeding/stop');
    await until(
      () => world.worker.herder.tasks().length,
      (count) => count === 1,
    );
    expect((await send('heeding', { type: 'pause-snapshot' })).body.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(await waiting()).toBe(1);
    await rest('PUT', '/connectors/heeding/resume');
    await until(told, (values) => values.length === 2);
    await until(waiting, (count) => count === 0);
    expect((await told())[1]).toBe('signal pause-snapshot null');
    expect((await send('heard', { type: 'log' })).status).toBe(400);
    expect((await send('nobody', { type: 'log' })).status).toBe(404);
    expect((await send('heeding', { type: 1 })).status).toBe(400);
    expect((await send('heeding', { type: 'log', data: [] })).status).toBe(400);
  });

  test('67: topics a connector used', async () => {
    await create(source('topical'));
    const topics = () => rest('GET', '/connectors/topical/topics');
    await until(topics, ({ body }) => body.topical.topics[0] === 'topical-topic');
    expect((await rest('PUT', '/connectors/topical/topics/reset')).status).toBe(202);
    expect((await topics()).body).toEqual({ topical: { topics: [] } });
  });

  test('root, health and metrics', async () => {
    const root = await rest('GET', '/');
    expect(root.body).toMatchObject({ version: expect.any(String), kafka_cluster_id: world.broker.clusterId });
    await create(source('scraped'));
    await until(
      () => rest('GET', '/health'),
      ({ status }) => status === 200,
    );
    await until(
      () => world.worker.numbers.sum('source_records_total'),
      (count) => count > 0,
    );
    expect((await rest('GET', '/health')).body.status).toBe('healthy');
    const metrics = await rest('GET', '/metrics');
    expect(metrics.body).toContain('millrace_event_loop_delay_seconds');
    expect(metrics.body).toMatch(/millrace_source_records_total\{connector="scraped",task="0"\} \d+/);
    expect(metrics.body).toContain('millrace_task_state{connector="scraped",task="0",state="RUNNING"} 1');
  });
});
