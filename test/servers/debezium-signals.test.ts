/** Tables that a signal has read again, beside Debezium itself: one signal table, the same records. */

import { expect, test } from 'vitest';
import { RunningTask } from '../connectors/postgres-source/running-task.ts';
import { startPostgres } from '../kits/postgres-server.ts';
import { startDebezium } from './debezium-engine.ts';

/** Without times, positions in the log and the version. */
function blanked(value: string): string {
  return value
    .replaceAll(/"(ts_ms|ts_us|ts_ns)":\d+/g, '"$1":0')
    .replaceAll(/"sequence":"\[\\"(\d+)\\",\\"\1\\"\]"/g, '"sequence":"twice the same"')
    .replaceAll(/"version":"[^"]+"/g, '"version":""');
}

test('rows that a signal asks for are the same records, but for times and versions', async () => {
  const server = await startPostgres({ version: 18 });
  await server.query('CREATE TABLE t (id int PRIMARY KEY, t text, n numeric(8,2))');
  await server.query('CREATE TABLE signals (id varchar(64) PRIMARY KEY, type varchar(32), data text)');
  await server.query("INSERT INTO t SELECT i, 'row ' || i, i / 4.0 FROM generate_series(1, 20) i");
  const settings = {
    'topic.prefix': 'p',
    'table.include.list': 'public.t,public.signals',
    'snapshot.mode': 'no_data',
    'signal.data.collection': 'public.signals',
    'incremental.snapshot.chunk.size': '7',
  };
  const schemas = { 'key.converter.schemas.enable': 'true', 'value.converter.schemas.enable': 'true' };
  const ours = new RunningTask(server, { ...settings, ...schemas, 'slot.name': 'ours', 'publication.name': 'ours' });
  await ours.start();
  const debezium = await startDebezium(server, { ...settings, 'publication.autocreate.mode': 'filtered' });
  try {
    const active = "SELECT FROM pg_replication_slots WHERE active AND slot_name = 'debezium'";
    await expect.poll(() => server.query(active)).toHaveLength(1);
    await server.query("UPDATE t SET t = 'changed' WHERE id = 3");
    await server.query(
      `INSERT INTO signals VALUES ('s', 'execute-snapshot', '{"data-collections": ["public.t"], "additional-conditions": [{"data-collection": "public.t", "filter": "id <> 5"}]}')`,
    );
    const read = (records: readonly { topic: string; key: string | null; value: string | null }[]) =>
      records.filter(({ topic, value }) => topic === 'p.public.t' && value !== null && /"op":"r"/.test(value));
    const kept = () => ours.store.records.map(({ topic, key, text }) => ({ topic, key, value: text }));
    await debezium.until((records) => read(records).length === 19);
    await ours.until(() => read(kept()).length === 19);
    const shown = (records: readonly { key: string | null; value: string | null }[]) =>
      records.map(({ key, value }) => [key, blanked(value ?? '')]);
    expect(shown(read(kept()))).toEqual(shown(read(debezium.records)));
  } finally {
    await ours.stop();
    await debezium.close();
    await server.close();
  }
});
