/** The whole program beside a database: it is asked to stop while it is busy, and goes on where it was. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startMillrace } from '../../../crash/millrace-child.ts';
import { readTopic } from '../../../crash/topic.ts';
import { freePort } from '../../../free-port.ts';
import { ScenarioServer } from './scenario-server.ts';

const servers = new ScenarioServer(18);

test('asked to stop while it is busy, it ends soon, leaves nothing behind, and goes on where it was', async () => {
  const scenario = await servers.scenario();
  const folder = mkdtempSync(join(tmpdir(), 'millrace-stop-'));
  await scenario.run('CREATE TABLE t (id int PRIMARY KEY, v text)');
  const pipeline = join(folder, 'pipeline.yaml');
  const settings = {
    'database.url': servers.server.url,
    ...scenario.settings,
    'topic.prefix': 'p',
    'value.converter.schemas.enable': 'false',
  };
  const lines = Object.entries({ connector: 'postgres', ...settings }).map(([name, value]) => `  ${name}: ${value}`);
  writeFileSync(
    pipeline,
    ['pipeline: p', 'source:', ...lines, 'topics:', '  p.public.t: { partitions: 1 }', ''].join('\n'),
  );
  const start = async (...more: readonly string[]) => {
    const ports = ['--listen', `127.0.0.1:${await freePort()}`, '--rest', `127.0.0.1:${await freePort()}`];
    return startMillrace(['up', pipeline, '--data-dir', join(folder, 'data'), ...ports, ...more]);
  };
  const busy = await start();
  await expect.poll(async () => (await scenario.slot())?.['active']).toBe('t');
  const before = (await scenario.slot())?.['confirmed_flush_lsn'];
  await scenario.run("INSERT INTO t SELECT i, repeat('x', 300) FROM generate_series(1, 30000) i");
  await expect.poll(async () => (await scenario.slot())?.['confirmed_flush_lsn'], { interval: 20 }).not.toBe(before);
  const askedMs = performance.now();
  busy.process.kill('SIGTERM');
  expect(await busy.ended).toBe(0);
  expect(performance.now() - askedMs).toBeLessThan(5_000);
  await expect.poll(async () => (await scenario.slot())?.['active']).toBe('f');
  const open = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'millrace %'";
  await expect.poll(() => scenario.query(open)).toEqual([]);
  await scenario.run("INSERT INTO t VALUES (30001, 'later')");
  const rest = await start('--once');
  expect([await rest.ended, rest.output()]).toEqual([0, expect.any(String)]);
  const ids: number[] = [];
  await readTopic(join(folder, 'data'), 'p.public.t', (value) => {
    ids.push((JSON.parse(value.toString()) as { after: { id: number } }).after.id);
  });
  // In the order of the log from the first record on, though the topic was not there before it.
  expect(ids.findIndex((id, i) => id !== i + 1)).toBe(-1);
  expect(ids).toHaveLength(30_001);
  rmSync(folder, { recursive: true });
});
