/** The doctor finds what stands against capturing, and its SQL puts it right. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { examine } from '../../../../connectors/postgres-source/doctor/examine.ts';
import { type PostgresServer, postgresVersions, startPostgres } from '../../../kits/postgres-server.ts';

/** The findings that are not fine, short. */
async function bad(settings: Record<string, string>): Promise<string[]> {
  const found = await examine({ name: 'a', 'connector.class': 'postgres', 'topic.prefix': 'p', ...settings });
  return found.filter(({ state }) => state !== 'ok').map(({ subject, state }) => `${state} ${subject}`);
}

async function fixes(settings: Record<string, string>): Promise<string[]> {
  const found = await examine({ name: 'a', 'connector.class': 'postgres', 'topic.prefix': 'p', ...settings });
  return found.flatMap(({ fix }) => fix);
}

describe.each(postgresVersions)('PostgreSQL %i', (version) => {
  let server: PostgresServer;
  let asReader: Record<string, string>;

  beforeAll(async () => {
    server = await startPostgres({ version, settings: { max_replication_slots: '1', max_slot_wal_keep_size: '1GB' } });
    await server.query('CREATE TABLE plain (id int PRIMARY KEY)');
    await server.query('CREATE TABLE "no key" (id int)');
    await server.query('CREATE TABLE guarded (id int PRIMARY KEY)');
    await server.query('ALTER TABLE guarded ENABLE ROW LEVEL SECURITY');
    await server.query(`CREATE ROLE "the reader" LOGIN PASSWORD 'p'`);
    await server.query('GRANT SELECT ON guarded TO "the reader"');
    asReader = {
      'database.url': server.url,
      'database.user': 'the reader',
      'database.password': 'p',
    };
  });
  afterAll(() => server.close());

  test('knows the table of signals, and says how to make it', async () => {
    const signals = { 'table.include.list': 'public.plain', 'signal.data.collection': 'public.my signals' };
    expect(await bad({ 'database.url': server.url, ...signals })).toEqual(['warning signals']);
    const [create = ''] = await fixes({ 'database.url': server.url, ...signals });
    await server.query(create);
    await server.query('CREATE PUBLICATION signalled FOR TABLE plain, "my signals"');
    expect(await bad({ 'database.url': server.url, ...signals, 'publication.name': 'signalled' })).toEqual([]);
    await server.query('DROP PUBLICATION signalled');
    await server.query('DROP TABLE "my signals"');
  });

  test('is content with a server that is set up', async () => {
    const found = await examine({
      ...{ name: 'a', 'connector.class': 'postgres', 'topic.prefix': 'p', 'database.url': server.url },
      'table.include.list': 'public.plain',
    });
    expect(found.map(({ subject, state }) => `${state} ${subject}`)).toEqual([
      'ok version',
      'ok wal_level',
      'ok wal_sender_timeout',
      'ok synchronous_commit',
      'ok role',
      'ok max_replication_slots',
      'ok max_wal_senders',
      'ok slot',
      'ok max_slot_wal_keep_size',
      'ok publication',
      'ok tables',
    ]);
    expect(
      found.filter(({ subject }) => subject === 'publication' || subject === 'wal_level').map(({ setting }) => setting),
    ).toEqual(['database.hostname', 'publication.name']);
    expect(found.every(({ message, fix }) => message !== '' && fix.length === 0)).toBe(true);
  });

  test('finds what the role lacks, and its SQL gives it', async () => {
    const settings = { ...asReader, 'publication.name': `of_reader_${version}` };
    expect(await bad(settings)).toEqual([
      'problem role',
      'problem role',
      'problem public.guarded',
      'problem public.no key',
      'warning public.no key',
      'problem public.plain',
    ]);
    for (const statement of await fixes(settings)) await server.query(statement);
    expect(await bad(settings)).toEqual([]);
  });

  test('finds no room for a slot, and slots that are not ours', async () => {
    const url = { 'database.url': server.url };
    await server.query("SELECT pg_create_logical_replication_slot('taken', 'test_decoding')");
    expect(await bad({ ...url, 'table.include.list': 'public.plain' })).toEqual(['problem max_replication_slots']);
    expect(await bad({ ...url, 'slot.name': 'taken', 'table.include.list': 'public.plain' })).toEqual(['problem slot']);
    for (const statement of await fixes({ ...url, 'slot.name': 'taken' })) await server.query(statement);
    await server.query("SELECT pg_create_logical_replication_slot('taken', 'pgoutput')");
    expect(await bad({ ...url, 'slot.name': 'taken', 'table.include.list': 'public.plain' })).toEqual([]);
    await server.query("SELECT pg_drop_replication_slot('taken')");
  });

  test('finds publications that are missing or lack tables', async () => {
    const settings = {
      'database.url': server.url,
      'publication.name': 'by hand',
      'publication.autocreate.mode': 'disabled',
      'table.include.list': 'public.(plain|guarded)',
    };
    expect(await bad(settings)).toEqual(['problem publication']);
    await server.query('CREATE PUBLICATION "by hand" FOR TABLE plain');
    expect(await fixes(settings)).toEqual(['ALTER PUBLICATION "by hand" ADD TABLE "public"."guarded"']);
    for (const statement of await fixes(settings)) await server.query(statement);
    expect(await bad(settings)).toEqual([]);
    expect(await bad({ ...settings, 'table.include.list': 'public.nothing' })).toEqual(['warning tables']);
  });

  test('finds keys of records that a delete does not tell', async () => {
    await server.query('CREATE SCHEMA k');
    for (const table of ['by_key', 'by_index', 'full', 'covering']) {
      await server.query(
        `CREATE TABLE k.${table} (id int, u int NOT NULL UNIQUE, v text, PRIMARY KEY (id) INCLUDE (v))`,
      );
    }
    await server.query('ALTER TABLE k.by_index REPLICA IDENTITY USING INDEX by_index_u_key');
    await server.query('ALTER TABLE k.full REPLICA IDENTITY FULL');
    const settings = { 'database.url': server.url, 'schema.include.list': 'k', 'publication.name': `keys_${version}` };
    expect(await bad(settings)).toEqual(['warning k.by_index']);
    expect(await fixes(settings)).toEqual(['ALTER TABLE "k"."by_index" REPLICA IDENTITY DEFAULT']);
    const keys = { ...settings, 'message.key.columns': 'k.(by.*|full):u;k.covering:gone' };
    expect(await bad(keys)).toEqual(['warning k.by_key', 'warning k.covering']);
    expect(await fixes(keys)).toEqual(['ALTER TABLE "k"."by_key" REPLICA IDENTITY FULL']);
    for (const statement of await fixes(keys)) await server.query(statement);
    expect(await bad(keys)).toEqual(['warning k.covering']);
    expect(await bad({ ...keys, 'skipped.operations': 'u,d' })).toEqual([]);
    await server.query('DROP SCHEMA k CASCADE');
  });

  test('says why it cannot ask', async () => {
    await expect(bad({ ...asReader, 'database.password': 'wrong' })).rejects.toMatchObject({
      code: 'postgres/refused',
    });
  });
});

test('finds settings of the server', async () => {
  const server = await startPostgres({
    version: 15,
    settings: { wal_level: 'replica', wal_sender_timeout: '0', synchronous_commit: 'off' },
  });
  try {
    await server.query('CREATE TABLE plain (id int PRIMARY KEY)');
    expect(await bad({ 'database.url': server.url })).toEqual([
      'problem wal_level',
      'warning wal_sender_timeout',
      'warning synchronous_commit',
      'warning max_slot_wal_keep_size',
    ]);
    for (const statement of await fixes({ 'database.url': server.url })) await server.query(statement);
    const later = await server.query(
      "SELECT DISTINCT name, setting FROM pg_file_settings WHERE sourcefile LIKE '%auto.conf' ORDER BY name",
    );
    expect(later.map(({ name }) => name)).toEqual([
      'max_slot_wal_keep_size',
      'synchronous_commit',
      'wal_level',
      'wal_sender_timeout',
    ]);
  } finally {
    await server.close();
  }
});
