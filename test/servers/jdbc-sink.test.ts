/** A sink of the Kafka Connect world that reads Debezium's records, Debezium's own for JDBC, makes the same tables from ours. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type MillraceChild, startMillrace } from '../crash/millrace-child.ts';
import { freePort } from '../free-port.ts';
import { type PostgresServer, startPostgres } from '../kits/postgres-server.ts';
import { temporaryFolder } from './child.ts';
import { type ConnectWorker, startConnect } from './connect-worker.ts';
import { mavenClassPath } from './maven.ts';

const pom = join(import.meta.dirname, 'debezium-jdbc', 'pom.xml');

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let server: PostgresServer;
let millrace: MillraceChild | undefined;
let worker: ConnectWorker | undefined;

beforeAll(async () => {
  folder = await temporaryFolder('jdbc-sink');
  server = await startPostgres({ version: 18 });
});

afterAll(async () => {
  await worker?.process.kill();
  await millrace?.kill();
  await server?.close();
  await folder?.remove();
});

/** Of every kind of column that the sink can make by itself. */
const customers = `CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL, isActive boolean, rating float8,
  credit numeric(12, 2), born date, seen timestamp, joined timestamptz, wakes time, profile jsonb, token uuid, photo bytea)`;
const orders = `CREATE TABLE orders (region text, number int, state text, PRIMARY KEY (region, number))`;

async function rows(database: string, table: string, columns: string, order: string): Promise<unknown[]> {
  const client = await server.connect(database);
  try {
    const { rows: found } = await client.query(`SELECT ${columns} FROM ${table} ORDER BY ${order}`);
    return found;
  } finally {
    await client.end();
  }
}

test('inserts, updates, deletes and changes of keys, of a snapshot and of the stream', async () => {
  await server.query(customers);
  await server.query(orders);
  await server.query('CREATE DATABASE copies');
  await server.query(`INSERT INTO customers SELECT i, 'name ' || i || ' ✓', i % 2 = 0, i / 7.0, i * 1.25, '2026-01-01'::date + i,
    '2026-01-01 12:00:00.123456'::timestamp + i * interval '1 hour', '2026-01-01 12:00:00.5+02'::timestamptz + i * interval '1 hour',
    '00:00:01.000001'::time + i * interval '1 minute', jsonb_build_object('i', i), gen_random_uuid(), decode(to_hex(i + 4096), 'hex')
    FROM generate_series(1, 200) i`);
  await server.query('INSERT INTO customers (id, name) VALUES (1000, $$nothing but its name$$)');
  await server.query(`INSERT INTO orders SELECT 'eu', i, 'open' FROM generate_series(1, 50) i`);

  const pipeline = join(folder.path, 'shop.yaml');
  const lines = ['pipeline: shop', 'source:', '  connector: postgres', `  database.url: ${server.url}`];
  await writeFile(
    pipeline,
    [
      ...lines,
      '  topic.prefix: shop',
      '  table.include.list: public\\..*',
      '  decimal.handling.mode: precise',
      '',
    ].join('\n'),
  );
  const address = `127.0.0.1:${await freePort()}`;
  const ports = ['--listen', address, '--rest', `127.0.0.1:${await freePort()}`];
  millrace = startMillrace(['up', pipeline, '--data-dir', join(folder.path, 'data'), ...ports, '--log-level', 'warn']);
  await millrace.waitFor(/^pipeline /m);
  worker = await startConnect(join(folder.path, 'worker'), address, await mavenClassPath(pom, 'debezium-jdbc'));
  await worker.rest('PUT', '/connectors/copy/config', {
    'connector.class': 'io.debezium.connector.jdbc.JdbcSinkConnector',
    'tasks.max': '1',
    'topics.regex': 'shop\\.public\\..*',
    'connection.url': `jdbc:postgresql://${server.host}:${server.port}/copies`,
    'connection.username': server.user,
    'connection.password': server.password,
    'insert.mode': 'upsert',
    'delete.enabled': 'true',
    'primary.key.mode': 'record_key',
    'schema.evolution': 'basic',
    'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'consumer.override.metadata.max.age.ms': '1000',
  });
  await server.query(`UPDATE customers SET credit = -0.01, seen = NULL WHERE id % 10 = 0`);
  await server.query('DELETE FROM customers WHERE id % 10 = 1');
  await server.query('UPDATE customers SET id = id + 5000 WHERE id % 10 = 2');
  await server.query(`INSERT INTO customers (id, name, rating) VALUES (2000, 'late', 1e300), (2001, '', -0.1)`);
  await server.query(`UPDATE orders SET state = 'shipped' WHERE number <= 25`);
  await server.query('DELETE FROM orders WHERE number > 40');

  // Types as the source has them: the sink has chosen its own.
  const of: [string, string, string][] = [
    [
      'customers',
      `id, name, isactive, rating::text, credit::numeric(12, 2)::text, born::text, seen::text,
        extract(epoch FROM joined)::text AS joined, wakes::text, profile::jsonb::text AS profile, token::text, encode(photo, 'hex') AS photo`,
      'id',
    ],
    ['orders', 'region, number, state', 'region, number'],
  ];
  for (const [table, columns, order] of of) {
    const expected = await rows(server.database, table, columns, order);
    expect(expected.length).toBeGreaterThan(30);
    await expect
      .poll(() => rows('copies', `shop_public_${table}`, columns, order).catch((error: unknown) => String(error)), {
        timeout: 90_000,
        interval: 500,
      })
      .toEqual(expected);
  }
});
