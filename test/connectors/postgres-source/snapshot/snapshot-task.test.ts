/** A snapshot and the changes behind it are together the table, whatever is written and whatever breaks meanwhile. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type PostgresServer, postgresVersions, startPostgres } from '../../../kits/postgres-server.ts';
import { RunningTask } from '../running-task.ts';

describe.each(postgresVersions)('PostgreSQL %i', (version) => {
  let server: PostgresServer;
  let task: RunningTask;
  let tables = 0;
  let table = '';

  beforeAll(async () => {
    server = await startPostgres({ version, settings: { autovacuum: 'off' } });
  });
  afterEach(() => task.stop());
  afterAll(() => server.close());

  /** A table of its own for each test, of about 60 blocks, and a task for it that is not started. */
  async function fill(rows = 5000): Promise<void> {
    tables += 1;
    table = `t${tables}`;
    await server.query(`CREATE TABLE ${table} (id int PRIMARY KEY, v text)`);
    await server.query(`INSERT INTO ${table} SELECT n, repeat('x', 80) || n FROM generate_series(1, ${rows}) n`);
    task = new RunningTask(server, {
      'table.include.list': `public.${table}`,
      'publication.name': `pub_${table}`,
      'slot.name': `slot_${table}`,
      'snapshot.chunk.bytes': '64KiB',
      'snapshot.max.threads': '2',
    });
  }

  let written = 0;
  async function write(): Promise<void> {
    written += 1;
    const some = (n: number) => ((written * 7919 + n * 104_729) % 5000) + 1;
    await server.query(`INSERT INTO ${table} VALUES (${100_000 + written}, 'new') ON CONFLICT DO NOTHING`);
    await server.query(`UPDATE ${table} SET v = 'changed ${written}' WHERE id BETWEEN ${some(1)} AND ${some(1) + 5}`);
    await server.query(`DELETE FROM ${table} WHERE id = ${some(2)}`);
    await server.query(`UPDATE ${table} SET id = id + 1000000 WHERE id = ${some(3)}`);
  }

  /** Polls while the statement is executed, which may have to wait for a part that is being read. */
  async function meanwhile(statement: string): Promise<void> {
    let isDone = false;
    const executing = server.query(statement).finally(() => {
      isDone = true;
    });
    await task.until(() => isDone, 1 << 16);
    await executing;
  }

  /** What a reader of the topic has in the end. */
  function folded(): Map<unknown, unknown> {
    const state = new Map<unknown, unknown>();
    for (const { op, before, after } of task.rows) {
      if (op === 'd') state.delete(before?.['id']);
      else state.set(after?.['id'], after?.['v']);
    }
    return state;
  }

  /** Until everything that was written has come. */
  async function finish(): Promise<void> {
    await server.query(`INSERT INTO ${table} VALUES (-1, 'end')`);
    await task.until(() => task.rows.some(({ after }) => after?.['id'] === -1), 1 << 18);
  }

  async function expectTable(): Promise<void> {
    const rows = await server.query(`SELECT id, v FROM ${table}`);
    const actual = new Map(rows.map(({ id, v }) => [Number(id), v]));
    expect(folded()).toEqual(actual);
  }

  /** Rows that came into being more than once. */
  function twice(): unknown[] {
    const count = new Map<unknown, number>();
    for (const { op, after, before } of task.rows) {
      if (op === 'd') count.delete(before?.['id']);
      if (op === 'r' || op === 'c') count.set(after?.['id'], (count.get(after?.['id']) ?? 0) + 1);
    }
    return [...count].filter(([, times]) => times > 1).map(([id]) => id);
  }

  test('while it is written', async () => {
    await fill();
    await task.start();
    for (let i = 0; i < 15; i++) {
      await write();
      await task.poll(1 << 16);
    }
    await finish();
    await expectTable();
    expect(twice()).toEqual([]);
    const ops = task.rows.map(({ op }) => op);
    expect(ops.lastIndexOf('r')).toBeLessThan(ops.findIndex((op) => op !== 'r'));
  });

  test('a transaction that was open when the slot was made comes once', async () => {
    await fill(10);
    const open = await server.connect();
    await open.query('BEGIN');
    await open.query(`INSERT INTO ${table} VALUES (500, 'open')`);
    const starting = task.start();
    let waits = false;
    while (!waits) {
      const rows = await server.query(
        "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND backend_type = 'walsender'",
      );
      waits = rows.length > 0;
    }
    await open.query('COMMIT');
    await open.end();
    await starting;
    await finish();
    await expectTable();
    expect(twice()).toEqual([]);
  });

  test('while the task stops and starts again', async () => {
    await fill();
    for (let i = 0; i < 6; i++) {
      await task.start();
      for (let polls = 0; polls < i + 1; polls++) {
        await write();
        await task.poll(1 << 16);
      }
      await task.stop();
      await write();
    }
    await task.start();
    await finish();
    await expectTable();
  });

  test('while the server is killed and starts again', async () => {
    await fill();
    await task.start();
    await task.poll(1 << 16);
    await write();
    await server.process.kill();
    await expect(task.until(() => false)).rejects.toMatchObject({ code: 'postgres/unreachable' });
    await task.stop();
    await server.start({ autovacuum: 'off' });
    await write();
    await task.start();
    const before = task.rows.length;
    await finish();
    await expectTable();
    expect(before).toBeGreaterThan(100);
  });

  test('while the table is written anew', async () => {
    await fill();
    await task.start();
    await task.poll(1 << 16);
    await write();
    await meanwhile(`VACUUM FULL ${table}`);
    await finish();
    await expectTable();
  });

  test('as of many moments', async () => {
    await fill();
    task.settings['snapshot.moment.max.ms'] = '1';
    await task.start();
    for (let i = 0; i < 15; i++) {
      await write();
      await task.poll(1 << 16);
    }
    await finish();
    await expectTable();
    const moments = await server.query('SELECT FROM pg_stat_activity WHERE backend_xmin IS NOT NULL');
    expect(moments).toHaveLength(1);
  });

  test('a row that goes from an unread part to a read one between two moments comes with its large value', async () => {
    await fill();
    task.settings['snapshot.moment.max.ms'] = '1';
    await server.query(`ALTER TABLE ${table} ADD COLUMN large text`);
    await server.query(`ALTER TABLE ${table} ALTER COLUMN large SET STORAGE EXTERNAL`);
    await server.query(`INSERT INTO ${table} VALUES (6000, 'before', repeat('large', 2000))`);
    await server.query(`DELETE FROM ${table} WHERE id < 40`);
    await server.query(`VACUUM ${table}`);
    await task.start();
    await task.until(() => task.rows.length > 0, 1 << 12);
    // Longer than what is free where it was.
    await server.query(`UPDATE ${table} SET v = repeat('moved', 380) WHERE id = 6000`);
    const [place] = await server.query(`SELECT ctid::text AS ctid FROM ${table} WHERE id = 6000`);
    expect(place?.['ctid']).toMatch(/^\(0,/);
    await finish();
    const told = task.rows.filter(({ after }) => after?.['id'] === 6000);
    expect(told.map(({ op, after }) => [op, after?.['v'], after?.['large']])).toEqual([
      ['u', 'moved'.repeat(380), 'large'.repeat(2000)],
    ]);
    // Once the stream is behind the last moment, what a change leaves out was told.
    await server.query(`UPDATE ${table} SET v = 'later' WHERE id = 6000`);
    await task.until(() => task.rows.some(({ after }) => after?.['v'] === 'later'));
    expect(task.rows.at(-1)?.after).toMatchObject({ large: '__debezium_unavailable_value' });
  });

  test('a second start reads nothing again, and always reads all of it', async () => {
    await fill(100);
    await task.start();
    await finish();
    await task.stop();
    await task.start();
    await server.query(`INSERT INTO ${table} VALUES (-2, 'again')`);
    await task.until(() => task.rows.some(({ after }) => after?.['id'] === -2));
    expect(task.rows.filter(({ op }) => op === 'r')).toHaveLength(100);
    await task.stop();
    task.settings['snapshot.mode'] = 'always';
    await task.start();
    await task.until(() => task.rows.filter(({ op }) => op === 'r').length >= 202);
    await server.query(`INSERT INTO ${table} VALUES (-3, 'later')`);
    await task.until(() => task.rows.some(({ after }) => after?.['id'] === -3));
    expect(task.rows.filter(({ op }) => op === 'r')).toHaveLength(202);
    await expectTable();
  });

  test('a table that is added to the settings is read, and its changes come once', async () => {
    await fill(300);
    const first = table;
    await task.start();
    await finish();
    await task.stop();
    const before = task.rows.length;
    const settings = task.settings;
    const { store } = task;
    await fill(200);
    const open = await server.connect();
    await open.query('BEGIN');
    await open.query(`INSERT INTO ${table} VALUES (900, 'older than the publication')`);
    task = new RunningTask(server, { ...settings, 'table.include.list': `public.${first},public.${table}` }, store);
    const starting = task.start();
    while (!task.logger.lines.some((line) => line.includes('transactions that are open')))
      await server.query('SELECT 1');
    await server.query(`INSERT INTO ${table} VALUES (901, 'while it starts')`);
    await server.query(`INSERT INTO ${first} VALUES (902, 'of the other')`);
    await open.query('COMMIT');
    await open.end();
    await starting;
    await server.query(`INSERT INTO ${table} VALUES (903, 'while it is read')`);
    await task.until(() => task.rows.some(({ after }) => after?.['id'] === 903));
    const added = task.rows.slice(before);
    const ofNew = added.filter(({ source }) => source?.['table'] === table).map(({ op, after }) => [op, after?.['id']]);
    expect(ofNew.filter(([op]) => op === 'r')).toHaveLength(202);
    expect(ofNew.filter(([op]) => op !== 'r')).toEqual([['c', 903]]);
    const ofFirst = added.filter(({ source }) => source?.['table'] === first);
    expect(ofFirst.map(({ op, after }) => [op, after?.['id']])).toEqual([['c', 902]]);
  });

  test('a table that is emptied meanwhile', async () => {
    await fill();
    await task.start();
    await task.poll(1 << 16);
    await meanwhile(`TRUNCATE ${table}`);
    await finish();
    // Without records for TRUNCATE, which are skipped by default, its rows stay where they were read.
    expect(folded().get(-1)).toBe('end');
    const [row] = await server.query(`SELECT count(*) FROM ${table}`);
    expect(row?.['count']).toBe('1');
    expect(task.rows.filter(({ op }) => op === 'c')).toHaveLength(1);
  });
});
