/** Slots and the server's log: what is kept, what is lost, who is in the way, and what a start says of it. */

import { expect, test } from 'vitest';
import { createSlot } from '../../../../connectors/postgres-source/slot/take-slot.ts';
import { ReplicationConnection } from '../../../../connectors/postgres-source/wire/replication-connection.ts';
import { type Scenario, ScenarioServer } from './scenario-server.ts';

const servers = new ScenarioServer(18, { max_replication_slots: '3', max_wal_senders: '3' });

/** Log of about so many files, without a checkpoint. */
async function writeLog(scenario: Scenario, files: number): Promise<void> {
  for (let file = 0; file < files; file += 1) {
    await scenario.run("SELECT pg_logical_emit_message(true, 'some', 'log')", 'SELECT pg_switch_wal()');
  }
}

async function setting(name: string, value: string | undefined): Promise<void> {
  await servers.server.query(`ALTER SYSTEM ${value === undefined ? `RESET ${name}` : `SET ${name} = '${value}'`}`);
  await servers.server.query('SELECT pg_reload_conf()');
}

/** A slot that was read up to one row, with one that was not. */
async function leftBehind() {
  const scenario = await servers.scenario();
  await scenario.run('CREATE TABLE t (id int PRIMARY KEY)');
  const task = await scenario.task().start();
  await scenario.run('INSERT INTO t VALUES (1)');
  await task.until(() => task.rows.length === 1);
  await task.stop();
  await scenario.run('INSERT INTO t VALUES (2)');
  return { scenario, store: task.store };
}

test('quiet tables hold no log back, whatever others write, and nothing is written for that', async () => {
  const scenario = await servers.scenario();
  const other = await servers.scenario();
  const { server } = servers;
  await scenario.run('CREATE TABLE quiet (id int PRIMARY KEY)', 'CREATE TABLE busy (v text)');
  await other.run('CREATE TABLE busy (v text)');
  await scenario.run('CREATE PUBLICATION pub FOR TABLE quiet');
  await scenario.run(
    "CREATE ROLE reader LOGIN REPLICATION PASSWORD 'r'; GRANT SELECT ON quiet TO reader",
    'ALTER ROLE reader SET default_transaction_read_only = on',
  );
  const task = await scenario
    .task({
      'database.user': 'reader',
      'database.password': 'r',
      'publication.autocreate.mode': 'disabled',
      'table.include.list': 'public.quiet',
    })
    .start();
  const keptBytes = async () => {
    const text = `SELECT pg_current_wal_lsn() - restart_lsn AS bytes FROM pg_replication_slots WHERE slot_name = '${scenario.slotName}'`;
    return Number((await server.query(text))[0]?.['bytes']);
  };
  let isDone = false;
  const polling = task.until(() => isDone);
  for (const busy of [scenario, other]) {
    await busy.run("INSERT INTO busy SELECT repeat('x', 1000) FROM generate_series(1, 70000)");
  }
  expect(await keptBytes()).toBeGreaterThan(128 << 20);
  await expect
    .poll(
      async () => {
        await server.query('CHECKPOINT');
        return keptBytes();
      },
      { interval: 500 },
    )
    .toBeLessThan(1 << 20);
  isDone = true;
  await polling;
  expect(task.rows).toEqual([]);
});

test('a slot that nobody has read for too long', async () => {
  const { scenario, store } = await leftBehind();
  await setting('idle_replication_slot_timeout', '1s');
  await expect
    .poll(async () => {
      await servers.server.query('CHECKPOINT');
      return (await scenario.slot())?.['invalidation_reason'];
    })
    .toBe('idle_timeout');
  await expect(scenario.task({}, store).start()).rejects.toMatchObject({
    code: 'postgres/slot-lost',
    message: expect.stringContaining('idle_replication_slot_timeout (1s)'),
    fix: expect.stringContaining('idle_replication_slot_timeout'),
  });
  await setting('idle_replication_slot_timeout', undefined);
});

test('a slot that somebody moved, dropped or made anew, and what each strategy makes of it', async () => {
  const { scenario, store } = await leftBehind();
  const start = (settings: Record<string, string> = {}) => scenario.task(settings, store).start();
  const lost = { code: 'postgres/slot-lost', retriable: false };
  await servers.server.query(`SELECT pg_replication_slot_advance('${scenario.slotName}', pg_current_wal_lsn())`);
  await expect(start()).rejects.toMatchObject({ ...lost, message: expect.stringContaining('has moved') });
  await scenario.run(`SELECT pg_drop_replication_slot('${scenario.slotName}')`);
  await expect(start()).rejects.toMatchObject({ ...lost, message: expect.stringContaining('is gone') });
  await scenario.run(`SELECT pg_create_logical_replication_slot('${scenario.slotName}', 'pgoutput')`);
  await expect(start()).rejects.toMatchObject(lost);
  for (const [strategy, id] of [
    ['no_validation', 3],
    ['trust_slot', 4],
    ['trust_greater_lsn', 5],
  ] as const) {
    const task = await start({ 'offset.mismatch.strategy': strategy });
    await scenario.run(`INSERT INTO t VALUES (${id})`);
    await task.until(() => task.rows.at(-1)?.after?.['id'] === id);
    await task.stop();
  }
  const last = scenario.task({}, store);
  expect(last.rows.map(({ after }) => after?.['id'])).toEqual([1, 3, 4, 5]);
  const other = { 'database.dbname': (await servers.scenario()).name };
  await expect(start(other)).rejects.toMatchObject({
    code: 'postgres/setting',
    fix: expect.stringContaining('slot.name'),
  });
  await expect(start({ 'database.dbname': 'renamed' })).rejects.toMatchObject({ code: 'postgres/refused' });
});

test('a slot that is behind the stored position, and a long time without an acknowledgement', async () => {
  const scenario = await servers.scenario();
  await scenario.run('CREATE TABLE t (id int PRIMARY KEY)');
  let { store } = scenario.task();
  const confirmed = async () => (await scenario.slot())?.['confirmed_flush_lsn'];
  let before: string | null | undefined;
  for (const id of [1, 2, 3]) {
    const task = await scenario.task({ 'lsn.flush.mode': 'manual' }, store).start();
    ({ store } = task);
    before ??= await confirmed();
    await scenario.run(`INSERT INTO t VALUES (${id})`);
    await task.until(() => task.rows.length === id);
    await task.stop();
    expect(await confirmed()).toBe(before);
  }
  const own = await scenario.task({}, store).start();
  await own.until(() => own.store.positions.length > 0);
  await scenario.run('INSERT INTO t VALUES (4)');
  await own.until(() => own.rows.length === 4);
  expect(own.rows.map(({ after }) => after?.['id'])).toEqual([1, 2, 3, 4]);
  await expect.poll(confirmed).not.toBe(before);
});

test('a slot that is about to lose its log: a warning, and how much is left', async () => {
  const { scenario, store } = await leftBehind();
  const well = await scenario.task({}, store).start();
  await well.until(() => well.rows.length === 2);
  await well.stop();
  await setting('max_slot_wal_keep_size', '64MB');
  await writeLog(scenario, 1);
  const fine = await scenario.task({}, store).start();
  await fine.until(() => fine.gauges.values['slot_safe_wal_bytes'] !== undefined);
  expect(fine.gauges.values['slot_safe_wal_bytes']).toBeGreaterThan(16 << 20);
  expect(fine.gauges.values['slot_retained_bytes']).toBeGreaterThan(1 << 20);
  expect(fine.logger.lines.join('\n')).not.toContain('about to remove');
  await fine.stop();
  await setting('max_slot_wal_keep_size', '1MB');
  await writeLog(scenario, 4);
  await expect.poll(async () => (await scenario.slot())?.['wal_status']).toBe('unreserved');
  const near = await scenario.task({}, store).start();
  await near.until(() => near.logger.lines.some((line) => line.includes('about to remove')));
  expect(near.logger.lines.join('\n')).toContain('max_slot_wal_keep_size');
  await setting('max_slot_wal_keep_size', undefined);
});

test('an open transaction that holds up the slot is named, and no slot is left', async () => {
  const scenario = await servers.scenario();
  await scenario.run('CREATE TABLE t (id int PRIMARY KEY)', "SET application_name = 'the sleeper'", 'BEGIN');
  await scenario.run('INSERT INTO t VALUES (1)');
  const [row] = await scenario.query('SELECT pg_backend_pid() AS pid');
  const { host, port, user, password } = servers.server;
  const connection = await ReplicationConnection.open({
    ...{ host, port, user, password, database: scenario.name, applicationName: 'test', connectTimeoutMs: 5000 },
    ...{ tls: { tls: undefined, isOptional: true }, inboxBytes: 1 << 16, mostMessageBytes: 1 << 20 },
  });
  const wish = { name: scenario.slotName, serverVersion: 180_000, failover: false, twoPhase: false };
  const made = createSlot(connection, { ...wish, longestWaitMs: 200 });
  await expect(made).rejects.toMatchObject({
    code: 'postgres/open-transaction',
    retriable: true,
    message: expect.stringContaining(`process ${row?.['pid']} (postgres, the sleeper), open for `),
  });
  expect(await scenario.slot()).toBeUndefined();
  await scenario.run('COMMIT');
  await expect(createSlot(connection, wish)).resolves.toMatchObject({ snapshotName: expect.any(String) });
  await connection.close();
});

test('no slot and no sender is free: the setting that is too small is named', async () => {
  const scenario = await servers.scenario();
  const more = await servers.scenario();
  await scenario.run('CREATE TABLE t (id int PRIMARY KEY)');
  for (const name of ['x1', 'x2', 'x3'])
    await scenario.run(`SELECT pg_create_logical_replication_slot('${name}', 'pgoutput')`);
  await expect(scenario.task().start()).rejects.toMatchObject({
    code: 'postgres/setting',
    message: expect.stringContaining('max_replication_slots'),
  });
  for (const name of ['x1', 'x2', 'x3']) await scenario.run(`SELECT pg_drop_replication_slot('${name}')`);
  for (const slotName of ['y1', 'y2', 'y3'])
    await more.task({ 'slot.name': slotName, 'publication.name': slotName }).start();
  const refused = { code: 'postgres/unreachable', retriable: true, fix: expect.stringContaining('max_wal_senders') };
  await expect(scenario.task().start()).rejects.toMatchObject(refused);
});

test('a server is stopped at once while a task reads from it', async () => {
  const scenario = await servers.scenario();
  await scenario.run('CREATE TABLE t (id int PRIMARY KEY, v text)');
  const task = await scenario.task().start();
  await scenario.run("INSERT INTO t SELECT i, repeat('x', 200) FROM generate_series(1, 20000) i");
  await task.until(() => task.rows.length > 100, 50_000);
  const ended = expect(task.until(() => false)).rejects.toMatchObject({ code: 'postgres/unreachable' });
  const startedMs = performance.now();
  await servers.server.stop();
  expect(performance.now() - startedMs).toBeLessThan(10_000);
  await ended;
  await task.stop();
  await servers.server.start();
  const again = await scenario.task({}, task.store).start();
  await again.until(() => again.rows.length === 20_000);
  expect(new Set(again.rows.map(({ after }) => after?.['id'])).size).toBe(20_000);
});
