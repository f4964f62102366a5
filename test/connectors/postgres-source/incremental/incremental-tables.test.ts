/** Tables of every kind that are read beside the stream, on real servers: keys, sizes, partitions, and transactions that wait. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type PostgresServer, postgresVersions, startPostgres } from '../../../kits/postgres-server.ts';
import { type Row, RunningTask } from '../running-task.ts';

describe.each(postgresVersions)('tables beside the stream of Postgres %i', (version) => {
  let server: PostgresServer;
  const running: RunningTask[] = [];
  let count = 0;

  const task = async (settings: Record<string, string> = {}): Promise<RunningTask> => {
    count += 1;
    const own = { 'slot.name': `slot_${count}`, 'publication.name': `pub_${count}`, 'snapshot.mode': 'no_data' };
    const made = new RunningTask(server, { ...own, 'table.include.list': `s${count}\\..*`, ...settings });
    running.push(made);
    return made;
  };
  const read = (one: RunningTask): Row[] => one.rows.filter(({ op }) => op === 'r');
  const execute = (one: RunningTask, name: string, more: object = {}) =>
    one.request(name, 'execute-snapshot', { 'data-collections': [`s${count}\\..*`], ...more });
  const isRead =
    (one: RunningTask, times = 1) =>
    () =>
      one.logger.lines.filter((line) => line.includes('the table is read')).length >= times;

  beforeAll(async () => {
    server = await startPostgres({ version, settings: { max_prepared_transactions: '10' } });
  });
  afterEach(async () => {
    for (const one of running.splice(0)) await one.stop();
    await server.query(`DROP SCHEMA IF EXISTS s${count} CASCADE`);
    await server.query(`DROP PUBLICATION IF EXISTS pub_${count}`);
  });
  afterAll(() => server.close());

  const odd = `unnest(ARRAY['', 'a', 'B', 'it''s', E'back\\\\slash', E'tab\\there', E'new\\nline', 'ä', '😀', ' ', 'a b', '\\N'])`;
  test.each([
    ['uuid', 'k uuid PRIMARY KEY', `SELECT md5(i::text)::uuid FROM generate_series(1, 20) i`, 20],
    ['texts of every kind', 'k text PRIMARY KEY', `SELECT ${odd}`, 12],
    ['texts in another order', 'k text COLLATE "C" PRIMARY KEY', `SELECT ${odd}`, 12],
    [
      'several columns',
      'k text, l int, v int, PRIMARY KEY (l, k)',
      'SELECT i % 3, i / 3, i FROM generate_series(1, 20) i',
      20,
    ],
    [
      'numbers that are none',
      'k numeric PRIMARY KEY',
      `SELECT unnest(ARRAY['-1.50', '0', '1e30', 'NaN']::numeric[])`,
      4,
    ],
    [
      'floats',
      'k float8 PRIMARY KEY',
      `SELECT unnest(ARRAY['-Infinity', '0.1', '1e300', 'NaN', 'Infinity']::float8[])`,
      5,
    ],
    ['bytes', 'k bytea PRIMARY KEY', `SELECT decode(md5(i::text), 'hex') FROM generate_series(1, 20) i`, 20],
    [
      'moments',
      'k timestamptz PRIMARY KEY',
      `SELECT '2026-01-01'::timestamptz + i * interval '1 us' FROM generate_series(1, 20) i`,
      20,
    ],
    ['blanks', 'k char(5) PRIMARY KEY', `SELECT unnest(ARRAY['a', 'ab', 'b    ', ''])`, 4],
    ['ranges', 'k int4range PRIMARY KEY', 'SELECT int4range(i, i + 5) FROM generate_series(1, 20) i', 20],
  ])('keys that are %s', async (_, columns, rows, expected) => {
    const own = await task({ 'incremental.snapshot.chunk.size': '3', 'decimal.handling.mode': 'string' });
    await server.query(`CREATE SCHEMA s${count}`);
    await server.query(`CREATE TABLE s${count}."Odd. ""name" (${columns})`);
    await server.query(`INSERT INTO s${count}."Odd. ""name" ${rows}`);
    await own.start();
    await execute(own, 'a');
    await own.until(isRead(own));
    const found = read(own).map(({ after }) => JSON.stringify(after));
    expect([found.length, new Set(found).size]).toEqual([expected, expected]);
  });

  test('keys of an enum, and rows that are too large for a chunk', async () => {
    const own = await task({ 'incremental.snapshot.chunk.size': '1000' });
    await server.query(`CREATE SCHEMA s${count}`);
    await server.query(`CREATE TYPE s${count}.mood AS ENUM ('sad', 'ok', 'a''b')`);
    await server.query(`CREATE TABLE s${count}.t (k s${count}.mood, n int, t text, PRIMARY KEY (k, n))`);
    await server.query(
      `INSERT INTO s${count}.t SELECT k, n, repeat('x', 700000) FROM unnest(enum_range(NULL::s${count}.mood)) k, generate_series(1, 7) n`,
    );
    await own.start();
    await execute(own, 'a');
    await own.until(isRead(own), 1 << 22);
    const keys = read(own).map(({ after }) => `${after?.['k']} ${after?.['n']}`);
    expect(keys.length).toBe(21);
    expect(keys.slice(6, 8)).toEqual(['sad 7', 'ok 1']);
    expect(new Set(keys).size).toBe(21);
  });

  test.each([
    ['its own', 'true', 's.parent'],
    ['its partitions’', 'false', 's.even'],
  ])('a partitioned table is read under %s name, while it is written', async (_, viaRoot, topic) => {
    const own = await task({ 'publish.via.partition.root': viaRoot, 'incremental.snapshot.chunk.size': '50' });
    const schema = `s${count}`;
    await server.query(`CREATE SCHEMA ${schema}`);
    await server.query(
      `CREATE TABLE ${schema}.parent (id int, t text, side int, PRIMARY KEY (id, side)) PARTITION BY LIST (side)`,
    );
    await server.query(`CREATE TABLE ${schema}.even PARTITION OF ${schema}.parent FOR VALUES IN (0)`);
    await server.query(`CREATE TABLE ${schema}.odd PARTITION OF ${schema}.parent FOR VALUES IN (1)`);
    await server.query(`INSERT INTO ${schema}.parent SELECT i, 'old', i % 2 FROM generate_series(1, 600) i`);
    await own.start();
    await own.request('a', 'execute-snapshot', { 'data-collections': [`${schema}\\.parent`] });
    let isWriting = true;
    const writing = (async () => {
      for (let i = 1; isWriting; i += 1)
        await server.query(`UPDATE ${schema}.parent SET t = 'new' WHERE id % 60 = ${i % 60}`);
    })();
    await own.until(isRead(own, viaRoot === 'true' ? 1 : 2));
    isWriting = false;
    await writing;
    await server.query(`INSERT INTO ${schema}.parent VALUES (9999, 'last', 1)`);
    await own.until(() => own.rows.at(-1)?.after?.['id'] === 9999);
    const folded = new Map(own.rows.map(({ after }) => [after?.['id'], after?.['t']]));
    const actual = await server.query(`SELECT id, t FROM ${schema}.parent`);
    expect(folded).toEqual(new Map(actual.map(({ id, t }) => [Number(id), t])));
    expect(read(own).map((row) => row.topic)).toContain(`p.${schema}${topic.slice(1)}`);
    const ids = read(own).map(({ after }) => after?.['id']);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('what a surrogate key orders has rows of equal value on both sides of a chunk', async () => {
    const own = await task({ 'incremental.snapshot.chunk.size': '7' });
    await server.query(`CREATE SCHEMA s${count}`);
    await server.query(`CREATE TABLE s${count}.t (id int PRIMARY KEY, at int NOT NULL)`);
    await server.query(`INSERT INTO s${count}.t SELECT i, i % 4 FROM generate_series(1, 100) i`);
    await own.start();
    await execute(own, 'a', { 'surrogate-key': 'at' });
    await own.until(isRead(own));
    const rows = read(own).map(({ after }) => [after?.['at'], after?.['id']] as [number, number]);
    expect(rows).toEqual([...rows].sort((a, b) => a[0] - b[0] || a[1] - b[1]));
    expect(rows.length).toBe(100);
  });

  test('a table that was made meanwhile is read once the transactions that were open have ended', async () => {
    const own = await task({ 'snapshot.mode': 'initial' });
    const schema = `s${count}`;
    await server.query(`CREATE SCHEMA ${schema}`);
    await own.start();
    await server.query(`CREATE TABLE ${schema}.t (id int PRIMARY KEY)`);
    const open = await server.connect();
    await open.query('BEGIN');
    await open.query(`INSERT INTO ${schema}.t VALUES (1)`);
    await own.until(() => own.logger.lines.some((line) => line.includes('captured that were not there')));
    await server.query(`INSERT INTO ${schema}.t VALUES (2)`);
    await own.until(() => own.rows.length === 1);
    expect(read(own)).toEqual([]);
    await open.query(`INSERT INTO ${schema}.t VALUES (3)`);
    await open.query('COMMIT');
    await open.end();
    await own.until(isRead(own));
    await server.query(`INSERT INTO ${schema}.t VALUES (4)`);
    await own.until(() => own.rows.at(-1)?.after?.['id'] === 4);
    const ids = new Set(own.rows.map(({ after }) => after?.['id']));
    expect([...ids].sort()).toEqual([1, 2, 3, 4]);
    expect(read(own).length).toBeLessThanOrEqual(3);
  });

  test('a commit that is told before others see it is waited for', async () => {
    const own = await task();
    const schema = `s${count}`;
    await server.query(`CREATE SCHEMA ${schema}`);
    await server.query(`CREATE TABLE ${schema}.t (id int PRIMARY KEY, n int, t text)`);
    await server.query(`INSERT INTO ${schema}.t VALUES (1, 0, 'old'), (2, 0, 'old')`);
    await own.start();
    const synchronousStandbys = async (names: string) => {
      await server.query(`ALTER SYSTEM SET synchronous_standby_names = '${names}'`);
      await server.query('SELECT pg_reload_conf()');
    };
    const waits = "SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    await synchronousStandbys('nobody');
    const writer = await server.connect();
    let updates = 0;
    let isDone = true;
    // Until the server has taken the setting, and a commit waits for a standby that never comes.
    while ((await server.query(waits)).length === 0) {
      if (!isDone) continue;
      isDone = false;
      updates += 1;
      void writer.query(`UPDATE ${schema}.t SET n = ${updates}, t = 'new' WHERE id = 1`).then(() => {
        isDone = true;
      });
    }
    await own.until(() => own.rows.at(-1)?.after?.['n'] === updates);
    await execute(own, 'a');
    await own.until(() => own.logger.lines.some((line) => line.includes('must end before it is read')));
    expect(read(own)).toEqual([]);
    await synchronousStandbys('');
    await own.until(isRead(own));
    await writer.end();
    expect(read(own).map(({ after }) => [after?.['id'], after?.['n'], after?.['t']])).toEqual([
      [1, updates, 'new'],
      [2, 0, 'old'],
    ]);
  });

  test('where prepared transactions are told before they commit, a read waits for their end', async () => {
    const own = await task({ 'slot.two.phase': 'true' });
    const schema = `s${count}`;
    await server.query(`CREATE SCHEMA ${schema}`);
    await server.query(`CREATE TABLE ${schema}.t (id int PRIMARY KEY, t text)`);
    await server.query(`INSERT INTO ${schema}.t VALUES (1, 'old'), (2, 'old')`);
    await own.start();
    const open = await server.connect();
    await open.query(`BEGIN; UPDATE ${schema}.t SET t = 'new' WHERE id = 1; PREPARE TRANSACTION 'p${count}'`);
    await open.end();
    await own.until(() => own.rows.length === 1);
    await execute(own, 'a');
    await own.until(() => own.logger.lines.some((line) => line.includes('is read beside the stream')));
    await server.query(`INSERT INTO ${schema}.t VALUES (3, 'meanwhile')`);
    await own.until(() => own.rows.length === 2);
    expect(read(own)).toEqual([]);
    await server.query(`COMMIT PREPARED 'p${count}'`);
    await own.until(isRead(own));
    expect(read(own).map(({ after }) => [after?.['id'], after?.['t']])).toEqual([
      [1, 'new'],
      [2, 'old'],
      [3, 'meanwhile'],
    ]);
  });
});
