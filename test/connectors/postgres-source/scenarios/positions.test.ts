/** Stops between any two changes: transactions that interleave, rows that share a place in the log, messages of no transaction. */

import { expect, test } from 'vitest';
import { SourceStore } from '../../../kits/source-kit.ts';
import type { RunningTask } from '../running-task.ts';
import { type Scenario, ScenarioServer } from './scenario-server.ts';

const servers = new ScenarioServer(18);

/** Takes the changes with a stop behind each `step` records. */
async function inSteps(
  scenario: Scenario,
  step: number,
  count: number,
  settings: Record<string, string> = {},
): Promise<RunningTask> {
  const store = new SourceStore();
  for (;;) {
    const task = await scenario.task(settings, store).start();
    const goal = Math.min(count, store.records.length + step);
    await task.until(() => store.records.length >= goal, 1);
    await task.stop();
    if (store.records.length >= count) return task;
  }
}

/** A slot and a publication to which everything from now on comes. */
async function listening(scenario: Scenario): Promise<void> {
  await scenario.run(
    'CREATE PUBLICATION pub FOR ALL TABLES',
    `SELECT pg_create_logical_replication_slot('${scenario.slotName}', 'pgoutput')`,
  );
}

const idsOf = (task: RunningTask) => task.rows.flatMap(({ after }) => (after === undefined ? [] : [after?.['id']]));

test.each([1, 2, 3])(
  'long and short transactions that interleave, with a stop behind every %i changes',
  async (step) => {
    const scenario = await servers.scenario();
    await scenario.run('CREATE TABLE t (id int PRIMARY KEY)');
    await listening(scenario);
    const [long, other] = [await servers.server.connect(scenario.name), await servers.server.connect(scenario.name)];
    const insert = (id: number) => `INSERT INTO t VALUES (${id})`;
    await long.query('BEGIN');
    await long.query(insert(1));
    await scenario.run(insert(2));
    await long.query(insert(3));
    await other.query('BEGIN');
    await other.query(insert(4));
    await scenario.run(insert(5));
    await long.query('COMMIT');
    await other.query(insert(6));
    await scenario.run(insert(7));
    await other.query('COMMIT');
    await scenario.run(insert(8));
    await long.end();
    await other.end();
    const task = await inSteps(scenario, step, 8);
    expect(idsOf(task)).toEqual([2, 5, 1, 3, 7, 4, 6, 8]);
  },
);

test('rows of a COPY, of which many have the same place in the log, with stops among them', async () => {
  const scenario = await servers.scenario();
  await scenario.run('CREATE TABLE t (id int PRIMARY KEY)');
  await listening(scenario);
  await scenario.run("COPY t FROM PROGRAM 'seq 1 1000'");
  const task = await inSteps(scenario, 130, 1000);
  expect(idsOf(task)).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1));
  const places = new Set(task.rows.map(({ source }) => source?.['lsn']));
  expect(places.size).toBeLessThan(100);
});

test('a stop in the middle of a transaction: one begin, one end, and counters that go on', async () => {
  const scenario = await servers.scenario();
  await scenario.run('CREATE TABLE t (id int PRIMARY KEY)');
  await listening(scenario);
  await scenario.run('INSERT INTO t SELECT i FROM generate_series(1, 5) i');
  // Begin and first change come together, and so do the last change and the end.
  const task = await inSteps(scenario, 2, 7, { 'provide.transaction.metadata': 'true' });
  const told = task.store.records.map(({ text }) => JSON.parse(text));
  expect(told.flatMap(({ status, event_count: count }) => (status === undefined ? [] : [[status, count]]))).toEqual([
    ['BEGIN', null],
    ['END', 5],
  ]);
  expect(told.flatMap(({ transaction }) => (transaction ? [transaction.total_order] : []))).toEqual([1, 2, 3, 4, 5]);
});

test('messages: of transactions, rolled back, and of none, each once wherever a reader stops', async () => {
  const scenario = await servers.scenario();
  await scenario.run('CREATE TABLE t (id int PRIMARY KEY)');
  await listening(scenario);
  const open = await servers.server.connect(scenario.name);
  const message = (isOfTransaction: boolean, content: string) =>
    `SELECT pg_logical_emit_message(${isOfTransaction}, 'note', ${content}) AS lsn`;
  await open.query('BEGIN');
  await open.query('INSERT INTO t VALUES (1)');
  await scenario.run(message(false, "'a'"));
  await open.query(message(true, "'with 1'"));
  await open.query(message(false, "'b'"));
  await open.query('COMMIT');
  await open.query('BEGIN');
  await open.query(message(true, "'undone'"));
  await open.query(message(false, "'not undone'"));
  await open.query('ROLLBACK');
  await open.end();
  await scenario.run(message(false, "'\\x00ff'::bytea"));
  const task = await inSteps(scenario, 1, 6);
  const contents = task.store.records.map(({ text }) => {
    const { message: told, after } = JSON.parse(text);
    return told === undefined ? after.id : Buffer.from(told.content, 'base64').toString('latin1');
  });
  expect(contents).toEqual(['a', 'b', 1, 'with 1', 'not undone', '\0\xff']);
  // Nothing came behind the last message that could tell it is old.
  const again = await scenario.task({}, task.store).start();
  await scenario.run('INSERT INTO t VALUES (2)');
  await again.until(() => again.rows.at(-1)?.after?.['id'] === 2);
  expect(again.store.records).toHaveLength(7);
});
