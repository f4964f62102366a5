/** Two servers, of which one follows the other: changes read at a standby, and what a failover keeps and loses. */

import { afterEach, expect, test } from 'vitest';
import { examine } from '../../connectors/postgres-source/doctor/examine.ts';
import { RunningTask } from '../connectors/postgres-source/running-task.ts';
import { type PostgresServer, type PostgresVersion, startPostgres } from '../kits/postgres-server.ts';
import type { SourceStore } from '../kits/source-kit.ts';

const servers: PostgresServer[] = [];
const tasks: RunningTask[] = [];

afterEach(async () => {
  for (const task of tasks.splice(0)) await task.stop();
  for (const server of servers.splice(0).reverse()) await server.close();
});

interface Pair {
  readonly primary: PostgresServer;
  readonly standby: PostgresServer;
}

/** With a table and a publication of it. */
async function startPair(
  version: PostgresVersion,
  settings: {
    readonly primary?: Readonly<Record<string, string>>;
    readonly standby?: Readonly<Record<string, string>>;
  },
): Promise<Pair> {
  const primary = await startPostgres({ version });
  servers.push(primary);
  await primary.query('CREATE TABLE t (id int PRIMARY KEY)');
  await primary.query('CREATE TABLE busy (v text)');
  await primary.query('CREATE PUBLICATION pub FOR TABLE t');
  await primary.stop();
  const standby = startPostgres({
    version,
    standbyOf: primary,
    settings: {
      hot_standby_feedback: 'on',
      primary_slot_name: 'standby',
      wal_retrieve_retry_interval: '100ms',
      ...settings.standby,
    },
  });
  await standby.then((started) => servers.push(started));
  await primary.start(settings.primary);
  await primary.query("SELECT pg_create_physical_replication_slot('standby', true)");
  await expect.poll(() => primary.query("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'")).toHaveLength(1);
  return { primary, standby: await standby };
}

function taskAt(server: PostgresServer, settings: Record<string, string>, store?: SourceStore): RunningTask {
  const common = { 'table.include.list': 'public.t', 'publication.name': 'pub', 'slot.failover': 'true' };
  const task = new RunningTask(server, { ...common, ...settings }, store);
  tasks.push(task);
  return task;
}

const idsOf = (task: RunningTask) => task.rows.map(({ after }) => after?.['id']);

async function insert(server: PostgresServer, task: RunningTask, id: number): Promise<void> {
  await server.query(`INSERT INTO t VALUES (${id})`);
  await task.until(() => idsOf(task).includes(id));
}

test('a standby says what must be made at the primary', async () => {
  const { standby } = await startPair(16, {});
  const refused = (settings: Record<string, string>) =>
    expect(taskAt(standby, { 'slot.failover': 'false', ...settings }).start()).rejects;
  await refused({ 'publication.name': 'none' }).toMatchObject({
    code: 'postgres/publication',
    message: expect.stringContaining('standby'),
    fix: 'Execute at the primary: CREATE PUBLICATION "none" FOR TABLE "public"."t" WITH (publish = \'insert, update, delete\')',
  });
  await refused({ 'replica.identity.autoset.values': 'public.t:FULL' }).toMatchObject({
    code: 'postgres/publication',
    fix: 'Execute at the primary: ALTER TABLE "public"."t" REPLICA IDENTITY FULL',
  });
  const found = await examine({
    ...{ name: 'a', 'connector.class': 'postgres', 'topic.prefix': 'p', 'database.url': standby.url },
    ...{ 'table.include.list': 'public.t', 'publication.name': 'none' },
  });
  expect(found.filter(({ state }) => state === 'problem').map(({ message }) => message)).toEqual([
    'none is missing, and a standby cannot create it',
  ]);
});

/** A slot at a standby is made once the primary has said which transactions run. */
async function startAtStandby(task: RunningTask, primary: PostgresServer): Promise<void> {
  let isStarted = false;
  const starting = task.start().finally(() => {
    isStarted = true;
  });
  while (!isStarted) {
    await primary.query('SELECT pg_log_standby_snapshot()');
    await Promise.race([starting.catch(() => {}), new Promise((resolve) => setTimeout(resolve, 100))]);
  }
  await starting;
}

test('what was open at the primary when a standby was read is told when it commits', async () => {
  const { primary, standby } = await startPair(18, {});
  await primary.query('ALTER TABLE t ADD v text');
  await primary.query("INSERT INTO t SELECT i, 'old' FROM generate_series(1, 10) i");
  const settings = { 'slot.failover': 'false' };
  const first = taskAt(standby, { ...settings, 'snapshot.mode': 'no_data' });
  await startAtStandby(first, primary);
  await first.stop();
  const open = await primary.connect();
  await open.query("BEGIN; UPDATE t SET v = 'new' WHERE id = 5");
  await primary.query("INSERT INTO t VALUES (11, 'old')");
  await expect.poll(() => standby.query('SELECT FROM t')).toHaveLength(11);
  // The slot is older than this snapshot, so that changes are told that it may have seen.
  const task = await taskAt(standby, settings).start();
  await task.until(() => task.rows.length === 11);
  await open.query('COMMIT');
  await open.end();
  await task.until(() => task.rows.some(({ after }) => after?.['v'] === 'new'));
  expect(task.rows.filter(({ op }) => op === 'r')).toHaveLength(11);
});

test('a table is read on demand at a standby while transactions are open at the primary', async () => {
  const { primary, standby } = await startPair(18, {});
  await primary.query('ALTER TABLE t ADD v text');
  await primary.query("INSERT INTO t SELECT i, 'old' FROM generate_series(1, 1000) i");
  const chunks = { 'incremental.snapshot.chunk.size': '20' };
  const task = taskAt(standby, { 'slot.failover': 'false', 'snapshot.mode': 'no_data', ...chunks });
  await startAtStandby(task, primary);
  const reads = () => task.rows.filter(({ op }) => op === 'r').length;
  let isWriting = true;
  const writing = Array.from({ length: 3 }, async (_, writer) => {
    const client = await primary.connect();
    for (let i = writer; isWriting; i += 3) {
      await client.query(`BEGIN; UPDATE t SET v = 'new ${i}' WHERE id % 30 = ${i % 30}`);
      await client.query(`SELECT pg_sleep(${writer / 50}); COMMIT`);
    }
    await client.end();
  });
  await task.until(() => task.rows.length > 0);
  await task.request('a', 'execute-snapshot', { 'data-collections': ['public.t'] });
  await task.until(() => task.logger.lines.some((line) => line.includes('the table is read')));
  isWriting = false;
  await Promise.all(writing);
  await primary.query("INSERT INTO t VALUES (9999, 'last')");
  await task.until(() => idsOf(task).includes(9999));
  const told = new Map(task.rows.map(({ after }) => [after?.['id'], after?.['v']]));
  const actual = await primary.query('SELECT id, v FROM t');
  expect(told).toEqual(new Map(actual.map(({ id, v }) => [Number(id), v])));
  expect(reads()).toBeGreaterThan(0);
});

test.each([16, 18] as const)('tables and changes are read at a standby of PostgreSQL %i', async (version) => {
  const { primary, standby } = await startPair(version, {});
  await primary.query('INSERT INTO t VALUES (1)');
  const task = taskAt(standby, { 'slot.failover': 'false' });
  await startAtStandby(task, primary);
  expect(task.logger.lines.join('\n')).toContain('pg_log_standby_snapshot()');
  await task.until(() => task.rows.length === 1);
  await insert(primary, task, 2);
  expect(task.rows.map(({ op }) => op)).toEqual(['r', 'c']);
  // Nothing that is captured is written for a while.
  await primary.query("INSERT INTO busy SELECT repeat('x', 1000) FROM generate_series(1, 70000)");
  const keptBytes = async () => {
    const text =
      "SELECT pg_last_wal_replay_lsn() - restart_lsn AS bytes FROM pg_replication_slots WHERE slot_name = 'debezium'";
    return Number((await standby.query(text))[0]?.['bytes']);
  };
  await expect.poll(keptBytes).toBeGreaterThan(64 << 20);
  let isDone = false;
  const polling = task.until(() => isDone);
  await expect
    .poll(
      async () => {
        await primary.query('SELECT pg_log_standby_snapshot()');
        return keptBytes();
      },
      { interval: 300 },
    )
    .toBeLessThan(1 << 20);
  isDone = true;
  await polling;
  await task.stop();
  await primary.query('INSERT INTO t VALUES (3)');
  const again = await taskAt(standby, { 'slot.failover': 'false' }, task.store).start();
  await again.until(() => again.rows.length === 3);
  expect(idsOf(again)).toEqual([1, 2, 3]);
});

/** Until the standby has a copy of the slot that survives a promotion. */
async function copied({ primary, standby }: Pair, task: RunningTask): Promise<void> {
  let isDone = false;
  const polling = task.until(() => isDone);
  await expect
    .poll(
      async () => {
        await primary.query('SELECT pg_log_standby_snapshot()');
        // As the worker of sync_replication_slots does, without its pauses.
        await standby.query('SELECT pg_sync_replication_slots()');
        return standby.query('SELECT 1 FROM pg_replication_slots WHERE synced AND NOT temporary');
      },
      { interval: 300 },
    )
    .toHaveLength(1);
  isDone = true;
  await polling;
}

async function promote(standby: PostgresServer): Promise<void> {
  await standby.query('SELECT pg_promote()');
}

test('a failover loses nothing and repeats nothing where the slot has a copy', async () => {
  const pair = await startPair(17, { primary: { synchronized_standby_slots: 'standby' } });
  const { primary, standby } = pair;
  await primary.query('INSERT INTO t VALUES (1)');
  const first = await taskAt(primary, {}).start();
  await first.until(() => first.rows.length === 1);
  await insert(primary, first, 2);
  await copied(pair, first);
  await insert(primary, first, 3);
  // A copy cannot be read before the promotion; it is tried again.
  await expect(taskAt(standby, {}, first.store).start()).rejects.toMatchObject({
    code: 'postgres/unreachable',
    retriable: true,
    message: expect.stringContaining('standby'),
  });
  await first.stop();
  await primary.query('INSERT INTO t VALUES (4)');
  const [row] = await primary.query('SELECT pg_current_wal_lsn()::text AS lsn');
  await expect
    .poll(() => standby.query(`SELECT 1 WHERE pg_last_wal_replay_lsn() >= '${row?.['lsn']}'`))
    .toHaveLength(1);
  await primary.process.kill();
  await promote(standby);
  const second = await taskAt(standby, {}, first.store).start();
  await insert(standby, second, 5);
  expect(idsOf(second)).toEqual([1, 2, 3, 4, 5]);
  expect(second.rows.map(({ op }) => op)).toEqual(['r', 'c', 'c', 'c', 'c']);
  await second.stop();
  const third = await taskAt(standby, {}, first.store).start();
  await insert(standby, third, 6);
  expect(idsOf(third)).toEqual([1, 2, 3, 4, 5, 6]);
});

test('a failover without a copy of the slot ends loudly', async () => {
  const { primary, standby } = await startPair(17, {});
  const first = await taskAt(primary, { 'slot.failover': 'false' }).start();
  await insert(primary, first, 1);
  await first.stop();
  await primary.process.kill();
  await promote(standby);
  const lost = { code: 'postgres/slot-lost', retriable: false };
  await expect(taskAt(standby, { 'slot.failover': 'false' }, first.store).start()).rejects.toMatchObject(lost);
  await standby.query('INSERT INTO t VALUES (2)');
  const anew = await taskAt(standby, { 'snapshot.mode': 'when_needed' }, first.store).start();
  await anew.until(() => anew.rows.length === 3);
  expect(idsOf(anew)).toEqual([1, 1, 2]);
});

test('a failover to a standby that lacks what was taken ends loudly, whatever is written there later', async () => {
  const pair = await startPair(17, {});
  const { primary, standby } = pair;
  const first = await taskAt(primary, {}).start();
  await insert(primary, first, 1);
  await copied(pair, first);
  // Nothing makes the primary wait for it.
  await standby.stop();
  await insert(primary, first, 2);
  await first.stop();
  await primary.process.kill();
  await standby.start();
  await promote(standby);
  await standby.query("INSERT INTO busy SELECT repeat('x', 1000) FROM generate_series(1, 1000)");
  await standby.query('INSERT INTO t VALUES (3)');
  await expect(taskAt(standby, {}, first.store).start()).rejects.toMatchObject({
    code: 'postgres/other-server',
    retriable: false,
    message: expect.stringContaining('timeline'),
  });
  const trusting = await taskAt(standby, { 'offset.mismatch.strategy': 'trust_slot' }, first.store).start();
  await trusting.until(() => trusting.rows.length === 3);
  expect(idsOf(trusting)).toEqual([1, 2, 3]);
});
