/** Tables that are read beside the stream, on real servers: what signals ask for while writers run, over stops and restarts. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type PostgresServer, postgresVersions, startPostgres } from '../../../kits/postgres-server.ts';
import { SourceStore } from '../../../kits/source-kit.ts';
import { type Row, RunningTask } from '../running-task.ts';

describe.each(postgresVersions)('reads beside the stream of Postgres %i', (version) => {
  let server: PostgresServer;
  const running: RunningTask[] = [];
  let count = 0;

  const task = (settings: Record<string, string> = {}, store?: SourceStore): RunningTask => {
    const made = new RunningTask(
      server,
      {
        'snapshot.mode': 'no_data',
        'slot.name': `slot_${count}`,
        'publication.name': `pub_${count}`,
        'table.include.list': `public\\.t${count}(_.*)?`,
        'signal.data.collection': `public.signals_${count}`,
        ...settings,
      },
      store,
    );
    running.push(made);
    return made;
  };
  /** A table with rows 1 to `rows`. */
  const newTable = async (rows: number, columns = 'id int PRIMARY KEY, t text') => {
    count += 1;
    const name = `t${count}`;
    await server.query(`CREATE TABLE ${name} (${columns})`);
    await server.query(`CREATE TABLE signals_${count} (id text PRIMARY KEY, type text, data text)`);
    if (rows > 0) await server.query(`INSERT INTO ${name} (id, t) SELECT i, 'old' FROM generate_series(1, ${rows}) i`);
    return name;
  };
  let signals = 0;
  const signal = async (type: string, data: object | string = {}) => {
    signals += 1;
    const text = typeof data === 'string' ? data : JSON.stringify(data);
    await server.query(`INSERT INTO signals_${count} VALUES ($1, $2, $3)`, [`s${signals}`, type, text]);
  };
  const execute = (more: object = {}) =>
    signal('execute-snapshot', { 'data-collections': [`public\\.t${count}`], ...more });
  const read = (one: RunningTask): Row[] => one.rows.filter(({ op }) => op === 'r');
  /** What a reader has in the end. */
  const folded = (rows: readonly Row[]): Map<unknown, unknown> => {
    const state = new Map<unknown, unknown>();
    for (const { before, after } of rows) {
      if (after == null) state.delete(before?.['id']);
      else if (after['t'] !== '__debezium_unavailable_value') state.set(after['id'], after['t']);
    }
    return state;
  };
  const actual = async (name: string): Promise<Map<unknown, unknown>> => {
    const rows = await server.query(`SELECT id, t FROM ${name} ORDER BY id`);
    return new Map(rows.map(({ id, t }) => [Number(id), t]));
  };

  beforeAll(async () => {
    server = await startPostgres({ version, settings: { wal_sender_timeout: '10s' } });
  });
  afterEach(async () => {
    for (const one of running.splice(0)) await one.stop();
  });
  afterAll(() => server.close());

  test('a row of the signal table has a table read once, and is no record itself', async () => {
    const name = await newTable(2500);
    const own = await task().start();
    await execute();
    await own.until(() => own.logger.lines.some((line) => line.includes('the table is read')));
    const rows = read(own);
    expect(rows.map(({ after }) => after?.['id'])).toEqual(Array.from({ length: 2500 }, (_, i) => i + 1));
    expect(rows[0]).toMatchObject({
      topic: `p.public.${name}`,
      before: null,
      source: {
        snapshot: 'incremental',
        table: name,
        txId: null,
        lsn: null,
        sequence: expect.stringMatching(/^\["(\d+)","\1"\]$/),
      },
    });
    expect(own.rows.length).toBe(2500);
    expect(own.gauges.values).toMatchObject({ snapshot_tables: 1, snapshot_tables_done: 1, snapshot_rows_total: 2500 });
    expect(own.store.positions.map(({ partition }) => partition)).toEqual([{ server: 'p' }]);
  });

  test('rows that change in the window come once, with the newer value', async () => {
    const name = await newTable(20_000);
    const own = await task({ 'incremental.snapshot.chunk.size': '200' }).start();
    await execute({
      'additional-conditions': [{ 'data-collection': `public.t${count}`, filter: "id % 2 = 0 OR t <> 'old'" }],
    });
    let isWriting = true;
    const writing = (async () => {
      for (let i = 0; isWriting; i = (i + 1) % 400) {
        await server.query(`UPDATE ${name} SET t = 'new ${i}' WHERE id % 400 = ${i}`);
        await server.query(`DELETE FROM ${name} WHERE id = ${40 * i + 2}`);
        await server.query(
          `INSERT INTO ${name} VALUES (${30_000 + i}, 'made') ON CONFLICT (id) DO UPDATE SET t = 'again'`,
        );
      }
    })();
    await own.until(() => own.logger.lines.some((line) => line.includes('the table is read')));
    isWriting = false;
    await writing;
    await server.query(`INSERT INTO ${name} VALUES (99999, 'last')`);
    await own.until(() => own.rows.at(-1)?.after?.['id'] === 99_999);
    const state = folded(own.rows);
    const now = await actual(name);
    for (const [id, t] of state) expect([id, now.get(id)]).toEqual([id, t]);
    // All but those the condition leaves out.
    for (const [id, t] of now) if (t !== 'old' || Number(id) % 2 === 0) expect(state.has(id)).toBe(true);
    const ids = read(own).map(({ after }) => after?.['id']);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('a large value that an update leaves alone in the window is there in full', async () => {
    const name = await newTable(0, 'id int PRIMARY KEY, t text, n int DEFAULT 0');
    await server.query(`ALTER TABLE ${name} ALTER t SET STORAGE EXTERNAL`);
    await server.query(`INSERT INTO ${name} SELECT i, repeat(i::text, 2000) FROM generate_series(100, 700) i`);
    const own = await task({ 'incremental.snapshot.chunk.size': '100' }).start();
    await execute();
    let isWriting = true;
    const writing = (async () => {
      for (let i = 0; isWriting; i += 1) await server.query(`UPDATE ${name} SET n = n + 1 WHERE id % 10 = ${i % 10}`);
    })();
    await own.until(() => own.logger.lines.some((line) => line.includes('the table is read')));
    isWriting = false;
    await writing;
    await server.query(`INSERT INTO ${name} VALUES (99999, 'last')`);
    await own.until(() => own.rows.at(-1)?.after?.['id'] === 99_999);
    expect(folded(own.rows)).toEqual(new Map([...(await actual(name))]));
    const ns = new Map<unknown, unknown>();
    for (const { after } of own.rows) ns.set(after?.['id'], after?.['n']);
    for (const { id, n } of await server.query(`SELECT id, n FROM ${name}`))
      expect([id, ns.get(Number(id))]).toEqual([id, Number(n)]);
  });

  test('it pauses, also over a restart, goes on where it was, and stops', async () => {
    await newTable(3000);
    const store = new SourceStore();
    const settings = { 'incremental.snapshot.chunk.size': '100' };
    const first = await task(settings, store).start();
    await execute();
    await first.until(() => read(first).length >= 300);
    await signal('pause-snapshot');
    await first.until(() => first.logger.lines.some((line) => line.includes('pauses')));
    await first.until(() => store.positions.some(({ offset }) => offset?.['paused'] === true));
    await first.stop();
    const second = await task(settings, store).start();
    const before = read(second).length;
    await server.query(`INSERT INTO t${count} VALUES (99999, 'meanwhile')`);
    await second.until(() => second.rows.at(-1)?.after?.['id'] === 99_999);
    expect(read(second).length).toBe(before);
    await signal('resume-snapshot');
    await second.until(() => read(second).length >= 1000);
    await signal('stop-snapshot', { 'data-collections': [`public.t${count}`], type: 'incremental' });
    await second.until(() => second.logger.lines.some((line) => line.includes('no longer read')));
    await server.query(`INSERT INTO t${count} VALUES (100000, 'last')`);
    await second.until(() => second.rows.at(-1)?.after?.['id'] === 100_000);
    const ids = read(second).map(({ after }) => after?.['id']);
    expect(ids).toEqual(Array.from({ length: ids.length }, (_, i) => i + 1));
    expect(ids.length).toBeLessThan(3000);
    expect(store.positions.map(({ partition }) => partition)).toEqual([{ server: 'p' }]);
  });

  test('stopped anywhere, it goes on with the chunk, each row once', async () => {
    await newTable(1500);
    const store = new SourceStore();
    const settings = { 'incremental.snapshot.chunk.size': '70' };
    const own = await task(settings, store).start();
    await execute();
    await own.until(() => read(own).length > 0, 2000);
    await own.stop();
    for (let round = 1; store.positions.length > 1; round += 1) {
      const next = await task(settings, store).start();
      await next.until(() => read(next).length >= Math.min(1500, round * 130), 2000);
      await next.until(() => read(next).length < 1500 || store.positions.length === 1);
      await next.stop();
    }
    const last = task(settings, store);
    expect(read(last).map(({ after }) => after?.['id'])).toEqual(Array.from({ length: 1500 }, (_, i) => i + 1));
  });

  test('requests are taken once, whether the task hears of them or finds them stored', async () => {
    await newTable(10);
    const store = new SourceStore();
    const first = await task({}, store).start();
    await first.stop();
    await first.request('a', 'execute-snapshot', { 'data-collections': [`public.t${count}`] });
    const second = await task({}, store).start();
    await second.until(() => read(second).length === 10);
    await second.request('b', 'execute-snapshot', { 'data-collections': [`public.t${count}`] });
    await second.until(() => read(second).length === 20);
    await second.until(() => store.positions.length === 1);
    expect(store.positions.map(({ partition }) => partition)).toEqual([{ server: 'p' }]);
  });

  test('what cannot be understood or read is told of, and nothing else happens', async () => {
    await newTable(3);
    await server.query(`CREATE TABLE t${count}_keyless (id int NOT NULL, t text)`);
    await server.query(`INSERT INTO t${count}_keyless VALUES (1, 'a')`);
    const own = await task().start();
    await signal('execute-snapshot', 'no json');
    await signal('execute-snapshot', {});
    await signal('nonsense');
    await signal('log', { message: 'here at {}' });
    await signal('execute-snapshot', { 'data-collections': ['public.nowhere'] });
    await signal('execute-snapshot', { 'data-collections': [`public.t${count}_keyless`] });
    await execute({ 'additional-conditions': [{ 'data-collection': '.*', filter: 'no such column' }] });
    await execute({ 'additional-conditions': [{ 'data-collection': '.*', filter: 'id > 1' }] });
    await own.until(() => read(own).length === 2);
    const lines = own.logger.lines.join('\n');
    expect(lines).toContain('data is not JSON');
    expect(lines).toContain('data-collections is no list of texts');
    expect(lines).toContain('its type is none of');
    expect(lines).toMatch(/here at [0-9A-F]+\/[0-9A-F]+/);
    expect(lines).toContain('names no table that is captured');
    expect(lines).toContain('the table has no primary key');
    expect(lines).toContain('syntax error');
    await server.query(`CREATE UNIQUE INDEX ON t${count}_keyless (id)`);
    await signal('execute-snapshot', { 'data-collections': [`public.t${count}_keyless`], 'surrogate-key': 'id' });
    await own.until(() => read(own).length === 3);
    await execute({
      type: 'blocking',
      'additional-conditions': [{ 'data-collection': '.*', filter: `SELECT * FROM t${count} WHERE id = 3;` }],
    });
    await own.until(() => read(own).length === 4);
    expect(read(own).at(-1)?.after).toEqual({ id: 3, t: 'old' });
  });

  test('a table that changes its columns meanwhile is read with the new ones', async () => {
    const name = await newTable(4000);
    const own = await task({ 'incremental.snapshot.chunk.size': '100' }).start();
    await execute();
    await own.until(() => read(own).length >= 500);
    await server.query(`ALTER TABLE ${name} ADD c int DEFAULT 7`);
    await server.query(`UPDATE ${name} SET t = 'new' WHERE id % 50 = 0`);
    await own.until(() => own.logger.lines.some((line) => line.includes('the table is read')));
    const rows = read(own);
    expect(rows.at(-1)?.after).toMatchObject({ c: 7 });
    await server.query(`INSERT INTO ${name} VALUES (99999, 'last')`);
    await own.until(() => own.rows.at(-1)?.after?.['id'] === 99_999);
    expect(folded(own.rows)).toEqual(await actual(name));
  });

  test('a table that is made while it runs is captured and read, without what it tells twice', async () => {
    const name = await newTable(0);
    const settings = { 'snapshot.mode': 'initial' };
    const store = new SourceStore();
    const own = await task(settings, store).start();
    await own.until(() => store.positions.some(({ partition }) => 'snapshot' in partition));
    await server.query(`CREATE TABLE ${name}_new (id int PRIMARY KEY, t text)`);
    await server.query(`INSERT INTO ${name}_new SELECT i, 'early' FROM generate_series(1, 50) i`);
    await own.until(() => read(own).length === 50);
    await server.query(`UPDATE ${name}_new SET t = 'later' WHERE id = 7`);
    await own.until(() => own.rows.at(-1)?.after?.['t'] === 'later');
    await own.stop();
    const again = await task(settings, store).start();
    await server.query(`INSERT INTO ${name}_new VALUES (51, 'last')`);
    await again.until(() => again.rows.at(-1)?.after?.['id'] === 51);
    expect(again.rows.length).toBe(52);
  });
});
