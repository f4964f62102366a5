/** A pipeline whose source names a topic for each table: its sink reads those, and no topic is made that stays empty. */

import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { localObjects } from '../crash/bucket.ts';
import { type PostgresServer, startPostgres } from '../kits/postgres-server.ts';
import { anyPorts, millrace, temporaryFolder } from './command.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres({ version: 18 });
  await server.query('CREATE TABLE customers (id int PRIMARY KEY, name text)');
  await server.query('CREATE TABLE orders (id int PRIMARY KEY, customer int)');
  await server.query('CREATE TABLE nothing_yet (id int PRIMARY KEY)');
  await server.query('CREATE TABLE events (id int PRIMARY KEY, aggregatetype text, aggregateid text, payload jsonb)');
  await server.query("INSERT INTO customers VALUES (1, 'Ada'), (2, 'Grace')");
  await server.query('INSERT INTO orders VALUES (10, 1)');
  await server.query(`INSERT INTO events VALUES (1, 'order', '10', '{"n":1}'), (2, 'invoice', '10', '{"n":2}')`);
});
afterAll(() => server.close());

interface Run {
  /** `topic: text` of each object, sorted. */
  readonly written: readonly string[];
  /** Without those that keep state. */
  readonly topics: readonly string[];
  readonly stdout: string;
}

async function runOnce(name: string, source: readonly string[]): Promise<Run> {
  const folder = temporaryFolder();
  const lines = [
    `pipeline: ${name}`,
    'source:',
    '  connector: postgres',
    `  database.url: ${server.url}`,
    `  slot.name: ${name}`,
    `  publication.name: ${name}`,
    '  format: lean',
    ...source.map((line) => `  ${line}`),
    'sinks:',
    `  - { connector: s3, store.url: "file:${folder}/target", format: text }`,
  ];
  writeFileSync(join(folder, 'p.yaml'), `${lines.join('\n')}\n`);
  const data = ['--data-dir', join(folder, 'data'), '--log-level', 'error'];
  const { exitCode, stdout, stderr } = await millrace(['up', join(folder, 'p.yaml'), '--once', ...data, ...anyPorts]);
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
  const objects = (existsSync(join(folder, 'target')) ? localObjects(join(folder, 'target', 'topics')) : []).filter(
    ({ key }) => key.endsWith('.txt'),
  );
  const texts = await Promise.all(
    objects.map(async (object) => `${object.key.split('/')[0]}: ${(await object.read()).toString().trim()}`),
  );
  const partitions = readdirSync(join(folder, 'data'), { recursive: true }).map(
    (path) => /([^/]+)-\d+$/.exec(`${path}`)?.[1],
  );
  const topics = new Set(partitions.filter((topic) => topic !== undefined && !/^(__|millrace-)/.test(topic)));
  return { written: texts.sort(), topics: [...topics].sort() as string[], stdout };
}

test('the sink reads the topics of the tables, those with rows, to their ends', async () => {
  const { written, topics, stdout } = await runOnce('shop', [
    'topic.prefix: shop',
    'table.include.list: public\\.(customers|orders|nothing_yet)',
  ]);
  expect(written.map((text) => text.split(':')[0])).toEqual(['shop.public.customers', 'shop.public.orders']);
  expect(written[0]).toContain('Ada');
  expect(written[0]).toContain('Grace');
  expect(topics).toEqual(['shop.public.customers', 'shop.public.orders']);
  expect(stdout).toContain('pipeline  shop: topic shop.SCHEMA.TABLE → ');
});

test('without a prefix all goes through the topic of the pipeline', async () => {
  const { written, topics } = await runOnce('together', ['table.include.list: public\\.(customers|orders)']);
  expect(written.map((text) => text.split('\n').length)).toEqual([3]);
  expect(topics).toEqual(['together']);
});

test('the sink reads the events of an outbox by their topics', async () => {
  const { written, topics } = await runOnce('outbox', [
    'table.include.list: public\\.events',
    'outbox.table.include.list: public\\.events',
  ]);
  expect(written).toEqual(['outbox.event.invoice: {"n": 2}', 'outbox.event.order: {"n": 1}']);
  expect(topics).toEqual(['outbox.event.invoice', 'outbox.event.order']);
});

test('a database without a row ends the run too', async () => {
  const { written, topics } = await runOnce('empty', [
    'topic.prefix: empty',
    'table.include.list: public\\.nothing_yet',
  ]);
  expect({ written, topics }).toEqual({ written: [], topics: [] });
});
