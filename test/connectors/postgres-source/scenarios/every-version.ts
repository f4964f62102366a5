/** What may differ from one version of PostgreSQL to the next, as tests of a whole task: types, pieces of transactions, slots, publications. */

import { expect, test } from 'vitest';
import type { PostgresVersion } from '../../../kits/postgres-server.ts';
import { defaultVectors } from '../values/type-vectors.ts';
import { ScenarioServer } from './scenario-server.ts';

/** Defaults under which the server prints nearly every value in another way. */
const hostile = {
  TimeZone: 'Asia/Kolkata',
  DateStyle: 'German',
  IntervalStyle: 'iso_8601',
  extra_float_digits: '-2',
  bytea_output: 'escape',
};

const settings = {
  ...hostile,
  // Pieces of open transactions, and slots that are lost, without much to write.
  logical_decoding_work_mem: '64kB',
  max_slot_wal_keep_size: '17MB',
};

/** To be called where tests are described. */
export function describeVersion(version: PostgresVersion): void {
  const servers = new ScenarioServer(version, settings);

  test('every type is the same in snapshot and stream, whatever the defaults of the server', async () => {
    const scenario = await servers.scenario();
    const columns = defaultVectors.map(({ type }, i) => `c${i} ${type}`).join(', ');
    const literals = defaultVectors.map(({ literal }) => `'${literal.replaceAll("'", "''")}'`).join(', ');
    // Values like dates in text are read with the settings of the one who writes.
    await scenario.run("SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'");
    await scenario.run(
      `CREATE TABLE types (id int PRIMARY KEY, ${columns})`,
      `INSERT INTO types VALUES (1, ${literals})`,
    );
    const task = await scenario.task({ 'snapshot.mode': 'initial' }).start();
    await task.until(() => task.rows.length === 1);
    await scenario.run(`INSERT INTO types VALUES (2, ${literals})`);
    await task.until(() => task.rows.length === 2);
    expect(task.rows.map(({ op }) => op)).toEqual(['r', 'c']);
    const fields = defaultVectors.map(({ json }, i) => `"c${i}":${json}`).join(',');
    for (const [i, { text }] of task.store.records.entries())
      expect(text).toContain(`"after":{"id":${i + 1},${fields}}`);
  });

  test('transactions that come in pieces, two at a time, without what was rolled back', async () => {
    const scenario = await servers.scenario();
    for (const name of ['one', 'two']) await scenario.run(`CREATE TABLE ${name} (id int PRIMARY KEY, v text)`);
    const task = await scenario.task().start();
    const [one, two] = [scenario.client, await servers.server.connect(scenario.name)];
    const rows = (from: number, table: string) =>
      `INSERT INTO ${table} SELECT i, repeat('x', 100) FROM generate_series(${from}, ${from + 999}) i`;
    for (const client of [one, two]) await client.query('BEGIN');
    await one.query(rows(1, 'one'));
    await two.query(rows(10_001, 'two'));
    await one.query('SAVEPOINT outer_one');
    await one.query(rows(2001, 'one'));
    await one.query('SAVEPOINT inner_one');
    await one.query('ALTER TABLE one ADD COLUMN gone int');
    await one.query(rows(3001, 'one').replace('FROM', ', 1 FROM'));
    await one.query('ROLLBACK TO outer_one');
    await two.query('SAVEPOINT kept_two');
    await two.query(rows(11_001, 'two'));
    await one.query(rows(1001, 'one'));
    await two.query('COMMIT');
    await two.query('BEGIN');
    await two.query(rows(20_001, 'two'));
    await two.query('ROLLBACK');
    await one.query('COMMIT');
    await two.end();
    await scenario.run("INSERT INTO two VALUES (0, 'end')");
    await task.until(() => task.rows.at(-1)?.after?.['id'] === 0);
    const numbers = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);
    expect(task.rows.map(({ after }) => after?.['id'])).toEqual([...numbers(10_001, 2000), ...numbers(1, 2000), 0]);
    expect(task.rows.filter(({ after }) => 'gone' in (after ?? {}))).toEqual([]);
    // The server has sent pieces, and kept nothing of them on its disk.
    const pieces = async () => {
      const [row] = await scenario.query(
        `SELECT stream_txns > 0 AS streamed, spill_txns FROM pg_stat_replication_slots WHERE slot_name = '${scenario.slotName}'`,
      );
      return row;
    };
    await expect.poll(pieces).toEqual({ streamed: 't', spill_txns: '0' });
  });

  test('a slot that has lost its log: a loud end, or the tables anew', async () => {
    const scenario = await servers.scenario();
    await scenario.run('CREATE TABLE kept (id int PRIMARY KEY)');
    const first = await scenario.task().start();
    await scenario.run('INSERT INTO kept VALUES (1)');
    await first.until(() => first.rows.length === 1);
    await first.stop();
    await scenario.run('INSERT INTO kept VALUES (2)');
    for (let file = 0; file < 4; file += 1) {
      await scenario.run("SELECT pg_logical_emit_message(true, 'some', 'log')", 'SELECT pg_switch_wal()');
    }
    await scenario.run('CHECKPOINT');
    await expect.poll(async () => (await scenario.slot())?.['wal_status']).toBe('lost');
    for (let again = 0; again < 2; again += 1) {
      await expect(scenario.task({}, first.store).start()).rejects.toMatchObject({
        code: 'postgres/slot-lost',
        retriable: false,
        message: expect.stringContaining('max_slot_wal_keep_size is 17MB'),
        fix: expect.stringContaining('when_needed'),
      });
    }
    const anew = await scenario.task({ 'snapshot.mode': 'when_needed' }, first.store).start();
    await anew.until(() => anew.rows.length === 3);
    await scenario.run('INSERT INTO kept VALUES (3)');
    await anew.until(() => anew.rows.length === 4);
    expect(anew.rows.map(({ op, after }) => [op, after?.['id']])).toEqual([
      ['c', 1],
      ['r', 1],
      ['r', 2],
      ['c', 3],
    ]);
    expect((await scenario.slot())?.['wal_status']).toBe('reserved');
  });

  test('a publication is made, grows and shrinks with the settings, and changes follow it', async () => {
    const scenario = await servers.scenario();
    for (const name of ['a', 'b', 'c']) await scenario.run(`CREATE TABLE ${name} (id int PRIMARY KEY)`);
    const published = async () =>
      (await scenario.query("SELECT tablename FROM pg_publication_tables WHERE pubname = 'pub' ORDER BY 1")).map(
        ({ tablename }) => tablename,
      );
    const first = await scenario.task({ 'table.include.list': 'public\\.[ab]' }).start();
    expect(await published()).toEqual(['a', 'b']);
    await scenario.run('INSERT INTO a VALUES (1)', 'INSERT INTO c VALUES (1)', 'INSERT INTO b VALUES (1)');
    await first.until(() => first.rows.length === 2);
    await first.stop();
    const second = await scenario.task({ 'table.include.list': 'public\\.[bc]' }, first.store).start();
    expect(await published()).toEqual(['b', 'c']);
    await scenario.run('INSERT INTO a VALUES (2)', 'INSERT INTO c VALUES (2)', 'INSERT INTO b VALUES (2)');
    await second.until(() => second.rows.length === 4);
    expect(second.rows.map(({ source, after }) => [source?.['table'], after?.['id']])).toEqual([
      ['a', 1],
      ['b', 1],
      ['c', 2],
      ['b', 2],
    ]);
  });

  test('tables in parts over two connections while they are written, by the newest protocol of the server', async () => {
    const scenario = await servers.scenario();
    await scenario.run('CREATE TABLE t (id int PRIMARY KEY, v text)');
    await scenario.run("INSERT INTO t SELECT i, repeat('x', 80) FROM generate_series(1, 4000) i");
    const task = await scenario
      .task({ 'snapshot.mode': 'initial', 'snapshot.chunk.bytes': '64KiB', 'snapshot.max.threads': '2' })
      .start();
    for (let round = 0; round < 10; round += 1) {
      await scenario.run(
        `UPDATE t SET v = 'changed ${round}' WHERE id % 97 = ${round}`,
        `DELETE FROM t WHERE id % 89 = ${round}`,
        `INSERT INTO t VALUES (${10_000 + round}, 'new')`,
      );
      await task.poll(1 << 16);
    }
    await scenario.run("INSERT INTO t VALUES (0, 'end')");
    await task.until(() => task.rows.some(({ after }) => after?.['id'] === 0));
    const folded = new Map<unknown, unknown>();
    for (const { op, before, after } of task.rows) {
      if (op === 'd') folded.delete(before?.['id']);
      else folded.set(after?.['id'], after?.['v']);
    }
    const table = await scenario.query('SELECT id, v FROM t');
    expect(folded).toEqual(new Map(table.map(({ id, v }) => [Number(id), v])));
    const [reading] = await scenario.query(
      `SELECT a.query FROM pg_stat_activity a JOIN pg_replication_slots s ON s.active_pid = a.pid WHERE s.slot_name = '${scenario.slotName}'`,
    );
    const newest = version < 15 ? 2 : version < 16 ? 3 : 4;
    expect(reading?.['query']).toContain(`"proto_version" '${newest}'`);
  });

  test('a publication that is gone hides no gap', async () => {
    const scenario = await servers.scenario();
    await scenario.run('CREATE TABLE t (id int PRIMARY KEY)');
    const first = await scenario.task().start();
    await scenario.run('INSERT INTO t VALUES (1)');
    await first.until(() => first.rows.length === 1);
    await first.stop();
    await scenario.run('DROP PUBLICATION pub', 'INSERT INTO t VALUES (2)');
    const refused = { code: 'postgres/publication', retriable: false, fix: expect.stringContaining('when_needed') };
    for (let again = 0; again < 2; again += 1) {
      await expect(scenario.task({}, first.store).start()).rejects.toMatchObject(refused);
    }
    // By hand it is no better: the log has changes from before it.
    await scenario.run('CREATE PUBLICATION pub FOR TABLE t', 'INSERT INTO t VALUES (3)');
    const blind = await scenario.task({}, first.store).start();
    await expect(blind.until(() => blind.rows.length > 1)).rejects.toMatchObject(refused);
    await blind.stop();
    await scenario.run('DROP PUBLICATION pub');
    const anew = await scenario.task({ 'snapshot.mode': 'when_needed' }, first.store).start();
    await scenario.run('INSERT INTO t VALUES (4)');
    await anew.until(() => anew.rows.some(({ after }) => after?.['id'] === 4));
    expect(anew.rows.map(({ op, after }) => `${op} ${after?.['id']}`)).toEqual(['c 1', 'r 1', 'r 2', 'r 3', 'c 4']);
  });

  test('a slot that is older than the publication', async () => {
    const scenario = await servers.scenario();
    await scenario.run('CREATE TABLE t (id int PRIMARY KEY)');
    await scenario.run(`SELECT pg_create_logical_replication_slot('${scenario.slotName}', 'pgoutput')`);
    await scenario.run('INSERT INTO t VALUES (1)');
    const task = await scenario.task({ 'snapshot.mode': 'initial' }).start();
    await scenario.run('INSERT INTO t VALUES (2)');
    await task.until(() => task.rows.some(({ after }) => after?.['id'] === 2));
    expect(task.rows.map(({ after }) => after?.['id'])).toEqual([1, 2]);
  });

  test('slot.failover for a slot that was made without', async () => {
    const scenario = await servers.scenario();
    await scenario.run('CREATE TABLE t (id int PRIMARY KEY)');
    const first = await scenario.task().start();
    await scenario.run('INSERT INTO t VALUES (1)');
    await first.until(() => first.rows.length === 1);
    await first.stop();
    const task = await scenario.task({ 'slot.failover': 'true' }, first.store).start();
    await scenario.run('INSERT INTO t VALUES (2)');
    await task.until(() => task.rows.length === 2);
    expect((await scenario.slot())?.['failover']).toBe(version < 17 ? undefined : 't');
    const lines = task.logger.lines.filter((line) => /standbys (may )?keep/.test(line)).join();
    expect(lines).toMatch(version < 17 ? /^warn slot.failover has no effect/ : /^info standbys may keep a copy/);
  });
}
