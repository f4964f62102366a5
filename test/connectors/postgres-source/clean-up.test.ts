/** What is left on the server when a connector is stopped or deleted over REST, by a whole worker. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { catalogue, loadConnector } from '../../../connectors/catalogue.ts';
import { type PostgresServer, postgresVersions, startPostgres } from '../../kits/postgres-server.ts';
import { MemoryLogger } from '../../kits/source-kit.ts';
import { openWorld, until, type World } from '../../workers/fixtures/running-worker.ts';

const connectorsModule = new URL('../../../connectors/catalogue.ts', import.meta.url).href;

describe.each(postgresVersions)('Postgres %i', (version) => {
  let server: PostgresServer;
  let world: World;
  let logger: MemoryLogger;

  beforeAll(async () => {
    server = await startPostgres({ version });
    await server.query('CREATE TABLE t (id int PRIMARY KEY)');
  });
  beforeEach(async () => {
    logger = new MemoryLogger();
    world = await openWorld({ catalogue, loadConnector, connectorsModule, logger });
  });
  afterEach(async () => {
    await world.close();
    await server.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots');
    for (const name of await publications()) await server.query(`DROP PUBLICATION ${name}`);
  });
  afterAll(() => server.close());

  const slots = async () =>
    (await server.query('SELECT slot_name FROM pg_replication_slots ORDER BY 1')).map((row) => row['slot_name']);
  const publications = async () =>
    (await server.query('SELECT pubname FROM pg_publication ORDER BY 1')).map((row) => row['pubname']);
  const settingsOf = (name: string, more: Record<string, string> = {}) => ({
    name,
    'connector.class': 'postgres',
    'database.url': server.url,
    'topic.prefix': name,
    'slot.name': `${name}_slot`,
    'publication.name': `${name}_pub`,
    ...more,
  });
  const taskState = async (name: string) =>
    (await world.rest('GET', `/connectors/${name}/status`)).body.tasks?.[0]?.state;
  const create = async (settings: Record<string, string>) => {
    const name = settings['name']!;
    expect((await world.rest('POST', '/connectors', { name, config: settings })).status).toBe(201);
    await until(
      () => taskState(name),
      (state) => state === 'RUNNING',
    );
  };
  const remove = async (name: string) => {
    expect((await world.rest('DELETE', `/connectors/${name}`)).status).toBe(204);
    expect((await world.rest('GET', `/connectors/${name}`)).status).toBe(404);
  };
  const said = (text: string) =>
    until(
      () => logger.lines,
      (lines) => lines.some((line) => line.includes(text)),
    );

  test('slot and publication stay where nothing is said of them, and go with slot.drop.on.delete', async () => {
    await create(settingsOf('kept'));
    await create(settingsOf('gone', { 'slot.drop.on.delete': 'true' }));
    await remove('kept');
    await remove('gone');
    await said('the publication stays');
    // Another slot was there, and might have needed it.
    expect(await slots()).toEqual(['kept_slot']);
    expect(await publications()).toEqual(['gone_pub', 'kept_pub']);
    await server.query("SELECT pg_drop_replication_slot('kept_slot')");
    await create(settingsOf('gone', { 'slot.drop.on.delete': 'true', 'snapshot.mode': 'always' }));
    await remove('gone');
    await said('the publication was removed');
    expect(await slots()).toEqual([]);
    expect(await publications()).toEqual(['kept_pub']);
  });

  test('a publication of somebody else stays', async () => {
    await server.query('CREATE PUBLICATION theirs FOR TABLE t');
    await create(settingsOf('a', { 'slot.drop.on.delete': 'true', 'publication.name': 'theirs' }));
    await remove('a');
    await said('the publication stays');
    expect(await slots()).toEqual([]);
    expect(await publications()).toEqual(['theirs']);
  });

  test('slot.drop.on.stop: not with a pause, a restart or the worker, but with a stop', async () => {
    await create(settingsOf('a', { 'slot.drop.on.stop': 'true' }));
    await world.rest('PUT', '/connectors/a/pause');
    await world.rest('PUT', '/connectors/a/resume');
    await world.rest('POST', '/connectors/a/restart?includeTasks=true');
    await world.restartWorker({ catalogue, loadConnector, connectorsModule, logger });
    await until(
      () => taskState('a'),
      (state) => state === 'RUNNING',
    );
    expect(logger.lines.filter((line) => line.includes('the replication slot was removed'))).toEqual([]);
    expect(await slots()).toEqual(['a_slot']);
    expect((await world.rest('PUT', '/connectors/a/stop')).status).toBe(204);
    await said('the replication slot was removed');
    expect(await slots()).toEqual([]);
    expect(await publications()).toEqual(['a_pub']);
  });

  test('a connector is deleted though the database is gone, and the log says what may be left', async () => {
    await create(settingsOf('a', { 'slot.drop.on.delete': 'true' }));
    await server.stop();
    await remove('a');
    const lines = await said('the connector is deleted, and what it left at its source may still be there');
    const line = lines.find((each) => each.startsWith('error the connector is deleted'));
    expect(line).toContain('postgres/left-behind');
    expect(line).toContain('SELECT pg_drop_replication_slot(\'a_slot\'); DROP PUBLICATION \\"a_pub\\"');
    await server.start();
    expect(await slots()).toEqual(['a_slot']);
    // One of the same name goes on with the slot.
    await create(settingsOf('a', { 'slot.drop.on.delete': 'true' }));
    await remove('a');
    await said('the publication was removed');
    expect(await slots()).toEqual([]);
  });
});
