/** What somebody who runs the connector sees: gauges that can be believed, and very many small transactions. */

import { expect, test } from 'vitest';
import { type Clock, systemClock } from '../../../../core/base/clock.ts';
import { ScenarioServer } from './scenario-server.ts';

const servers = new ScenarioServer(18, { max_slot_wal_keep_size: '1GB' });

/** An hour ahead of the server's. */
const wrongClock: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + 3_600_000 };

test('lag, rows and the slot’s bytes are gauges, and no clock that is wrong makes a lag', async () => {
  const scenario = await servers.scenario();
  await scenario.run('CREATE TABLE t (id int PRIMARY KEY)', 'INSERT INTO t SELECT generate_series(1, 10)');
  const task = await scenario.task({ 'snapshot.mode': 'initial' }).start({ clock: wrongClock });
  const { values } = task.gauges;
  await task.until(() => task.rows.length === 10);
  await scenario.run('INSERT INTO t VALUES (11)');
  await task.until(() => task.rows.length === 11);
  expect(values).toMatchObject({ snapshot_tables: 1, snapshot_tables_done: 1, snapshot_rows_total: 10 });
  expect(values['source_lag_ms']).toBeLessThan(60_000);
  await scenario.run("SELECT pg_logical_emit_message(true, '', repeat('x', 1000000))");
  await task.until(() => (values['slot_retained_bytes'] ?? 0) > 0 && (values['slot_safe_wal_bytes'] ?? 0) > 0);
  expect(values['slot_safe_wal_bytes']).toBeLessThan(2 ** 31);
  // A change that waited is late by as long, and one that comes at once afterwards is not.
  await task.stop();
  await scenario.run('INSERT INTO t VALUES (12)');
  const committedMs = performance.now();
  while (performance.now() < committedMs + 1_500) await scenario.query('SELECT pg_sleep(0.1)');
  await task.start({ clock: wrongClock });
  await task.until(() => task.rows.length === 12);
  expect(values['source_lag_ms']).toBeGreaterThan(1_000);
  // Nothing that is captured any more: nothing is late.
  await scenario.run('CREATE TABLE uncaptured (id int)', 'INSERT INTO uncaptured VALUES (1)');
  await task.until(() => values['source_lag_ms'] === 0);
});

test('very many transactions of one row or one message come one by one, each once', async () => {
  const scenario = await servers.scenario();
  await scenario.run('CREATE TABLE t (id int PRIMARY KEY)');
  const task = await scenario.task({ 'skipped.operations': 'none' }).start();
  await scenario.run(
    'DO $$ BEGIN FOR i IN 1..20000 LOOP INSERT INTO t VALUES (i); COMMIT; END LOOP; END $$',
    "DO $$ BEGIN FOR i IN 1..5000 LOOP PERFORM pg_logical_emit_message(true, 'beat', i::text); COMMIT; END LOOP; END $$",
  );
  await task.until(() => task.rows.length === 25_000);
  const inserts = task.rows.slice(0, 20_000);
  expect(inserts.map(({ after }) => after?.['id'])).toEqual(Array.from({ length: 20_000 }, (_, i) => i + 1));
  expect(new Set(inserts.map(({ source }) => source?.['txId'])).size).toBe(20_000);
  expect(task.rows.slice(20_000).every(({ op }) => op === 'm')).toBe(true);
});
