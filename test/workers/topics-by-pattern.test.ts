/** A sink that reads by pattern, on a real broker: it waits for its first topic, and reads those that come later. */

import { afterEach, beforeEach, expect, test } from 'vitest';
import { openWorld, until, type World } from './fixtures/running-worker.ts';

let world: World;
beforeEach(async () => {
  world = await openWorld();
});
afterEach(() => world.close());

const put = (config: Record<string, string>) => world.worker.herder.commands.put(config['name']!, config);
const stateOf = (name: string) => world.worker.herder.status(name)?.tasks[0]?.state;
const count = (topic: string) =>
  put({ name: `to-${topic}`, 'connector.class': 'counting', topic, 'records.total': '10' });

test('is RUNNING before there is a topic, and reads each one that this worker makes', async () => {
  await put({
    name: 'all',
    'connector.class': 'collecting',
    'topics.regex': 'shop\\..+|other',
    'collect.file': world.path('all.out'),
  });
  await until(
    () => stateOf('all'),
    (state) => state === 'RUNNING',
  );
  await count('shop.a');
  await until(
    () => world.collected('all.out'),
    (values) => values.length === 10,
  );
  await count('shop.b');
  await count('shop');
  await count('other');
  await until(
    () => world.collected('all.out'),
    (values) => values.length >= 30,
  );
  await until(
    () => world.worker.herder.activeTopics('all'),
    (topics) => topics.join() === 'other,shop.a,shop.b',
  );
  expect(await world.collected('all.out')).toHaveLength(30);
  expect(world.worker.herder.status('all')).toMatchObject({ health: { restarts: 0 } });
});

test('is stopped, paused and continued while it waits', async () => {
  const settings = { name: 'none', 'connector.class': 'collecting', 'topics.regex': 'none\\..+' };
  await put({ ...settings, 'collect.file': world.path('none.out') });
  const shown = (state: string) =>
    until(
      () => stateOf('none'),
      (found) => found === state,
    );
  await shown('RUNNING');
  await world.rest('PUT', '/connectors/none/pause');
  await shown('PAUSED');
  await world.rest('PUT', '/connectors/none/resume');
  await shown('RUNNING');
  await world.rest('DELETE', '/connectors/none');
  await until(
    () => world.worker.herder.tasks(),
    (tasks) => tasks.length === 0,
  );
});
