/** What real streams tell beside rows: changed tables in front of their first row, and transactions whose counts survive restarts. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../kits/postgres-server.ts';
import { type OpenedStream, openStream } from './opened-stream.ts';

let server: PostgresServer;
const folder = mkdtempSync(join(tmpdir(), 'millrace-beside-'));
const streams: OpenedStream[] = [];

const open = async (options: Partial<Parameters<typeof openStream>[1]>) => {
  const stream = await openStream(server, { slotName: 's', spoolFolder: folder, ...options });
  streams.push(stream);
  return stream;
};

beforeAll(async () => {
  server = await startPostgres({ version: 15 });
  await server.query('CREATE PUBLICATION pub FOR ALL TABLES');
});
afterEach(async () => {
  for (const stream of streams.splice(0)) await stream.close();
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

test('a table that changes in the middle of a transaction', async () => {
  await server.query("SELECT pg_create_logical_replication_slot('shapes', 'pgoutput')");
  await server.query('CREATE TABLE t (id int PRIMARY KEY, a text)');
  await server.query("INSERT INTO t VALUES (1, 'x')");
  await server.query(
    "BEGIN; INSERT INTO t VALUES (2, 'y'); ALTER TABLE t ADD b int; INSERT INTO t VALUES (3, 'z', 1); COMMIT",
  );
  await server.query('ALTER TABLE t RENAME a TO c; ALTER TABLE t ALTER b TYPE bigint');
  await server.query("INSERT INTO t VALUES (4, 'q', 2)");
  const stream = await open({ slotName: 'shapes', envelope: { schemaChanges: true } });
  await stream.until(() => stream.changes.length >= 7);
  const told = stream.changes.map(({ topic, changes, after }) => {
    return topic === 'p' ? changes?.map(({ change, column, from, to }) => [change, column, from, to]) : after;
  });
  expect(told).toEqual([
    [['table-appeared', null, null, null]],
    { id: 1, a: 'x' },
    { id: 2, a: 'y' },
    [['column-added', 'b', null, null]],
    { id: 3, a: 'z', b: 1 },
    [
      ['column-renamed', 'a', null, 'c'],
      ['type-changed', 'b', 'int4', 'int8'],
    ],
    { id: 4, c: 'q', b: 2 },
  ]);
});

test('large values that an update left alone are asked of the table, where the row is still there', async () => {
  await server.query("SELECT pg_create_logical_replication_slot('again', 'pgoutput')");
  await server.query('CREATE TABLE w (id int PRIMARY KEY, note text, big text, gone text, secret text)');
  for (const column of ['big', 'gone', 'secret'])
    await server.query(`ALTER TABLE w ALTER ${column} SET STORAGE EXTERNAL`);
  const large = "repeat('é\"', 4000)";
  await server.query(`INSERT INTO w SELECT n, 'a', ${large}, ${large}, ${large} FROM generate_series(1, 2) n`);
  await server.query("UPDATE w SET note = 'b'");
  await server.query('DELETE FROM w WHERE id = 2');
  const columns = { isIncluded: (name: string) => !name.endsWith('.secret'), transformOf: () => null };
  const stream = await open({ slotName: 'again', envelope: { reselects: true, columns } });
  await stream.until(() => stream.changes.length >= 6);
  const updates = stream.changes.filter(({ op }) => op === 'u').map(({ after }) => after);
  expect(updates).toEqual([
    { id: 1, note: 'b', big: 'é"'.repeat(4000), gone: 'é"'.repeat(4000) },
    { id: 2, note: 'b', big: '__debezium_unavailable_value', gone: '__debezium_unavailable_value' },
  ]);
  expect(stream.changes.map(({ op }) => op)).toEqual(['c', 'c', 'u', 'u', 'd', undefined]);

  await server.query("UPDATE w SET note = 'c'");
  await server.query('ALTER TABLE w DROP COLUMN gone');
  await stream.until(() => stream.changes.length >= 7);
  expect(stream.changes.at(-1)?.after).toMatchObject({ note: 'c', gone: '__debezium_unavailable_value' });
});

test('the sequence of a change: the end of the commit before it, and its own place', async () => {
  await server.query("SELECT pg_create_logical_replication_slot('places', 'pgoutput')");
  await server.query('CREATE TABLE q (id int PRIMARY KEY)');
  for (const id of [1, 2]) await server.query(`INSERT INTO q VALUES (${id})`);
  const stream = await open({ slotName: 'places' });
  await stream.until(() => stream.changes.length >= 1);
  await stream.until(() => stream.position.partial === undefined);
  const { lsn } = stream.position;
  await stream.until(() => stream.changes.length >= 2);
  const [first, second] = stream.changes.map(({ source }) => source);
  expect(first?.sequence).toBe(`[null,"${first?.lsn}"]`);
  expect(second?.sequence).toBe(`["${lsn}","${second?.lsn}"]`);
});

test('counts of a transaction are the same wherever a reader stops and goes on', async () => {
  await server.query("SELECT pg_create_logical_replication_slot('counts', 'pgoutput')");
  await server.query('CREATE TABLE k (id int PRIMARY KEY); CREATE TABLE o (id int PRIMARY KEY)');
  await server.query(
    'BEGIN; INSERT INTO k VALUES (1); UPDATE k SET id = 2; TRUNCATE o; INSERT INTO o VALUES (1); DELETE FROM k; COMMIT',
  );
  const read = async (position?: OpenedStream['position'], most?: number) => {
    const stream = await open({
      slotName: 'counts',
      hasTransactionRecords: true,
      ...(position === undefined ? {} : { position }),
    });
    await stream.until(() => stream.changes.some(({ status }) => status === 'END'), most);
    const result = { changes: [...stream.changes], position: stream.position };
    await stream.close();
    streams.pop();
    return result;
  };
  const orders = (changes: OpenedStream['changes']) => {
    return changes.flatMap(({ topic, transaction }) => {
      return transaction ? [[topic, transaction.total_order, transaction.data_collection_order]] : [];
    });
  };
  const whole = await read();
  expect(orders(whole.changes)).toEqual([
    ['p.public.k', 1, 1],
    ['p.public.k', 2, 2],
    ['p.public.k', 3, 3],
    ['p.public.o', 4, 1],
    ['p.public.k', 5, 4],
  ]);
  expect(whole.changes.at(-1)).toMatchObject({ status: 'END', event_count: 5 });
  for (let most = 1; most < whole.changes.length; most++) {
    const first = await read(undefined, most);
    const second = await read(first.position);
    expect([...orders(first.changes), ...orders(second.changes)]).toEqual(orders(whole.changes));
    const marks = [...first.changes, ...second.changes].flatMap(({ status, event_count: count }) =>
      status ? [[status, count]] : [],
    );
    expect(marks).toEqual([
      ['BEGIN', null],
      ['END', 5],
    ]);
  }
});
