/** Values that hurt: large ones, those that an update leaves alone, those of other encodings, and those nobody may see. */

import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { startMillrace } from '../../../crash/millrace-child.ts';
import { freePort } from '../../../free-port.ts';
import type { RunningTask } from '../running-task.ts';
import { ScenarioServer } from './scenario-server.ts';

const servers = new ScenarioServer(15);

const come = (task: RunningTask, count: number) => task.until(() => task.rows.length >= count);
const placeholder = '__debezium_unavailable_value';

test('large values of every kind that an update leaves alone, under each identity and each mode', async () => {
  const scenario = await servers.scenario();
  await scenario.run(
    'CREATE EXTENSION hstore',
    'CREATE TABLE d (id int NOT NULL, n int, t text, b bytea, j jsonb, l text[], h hstore, empty text)',
    ...['t', 'b', 'j', 'l', 'h'].map((column) => `ALTER TABLE d ALTER ${column} SET STORAGE EXTERNAL`),
    'CREATE TABLE f (LIKE d INCLUDING ALL)',
    'CREATE TABLE i (LIKE d INCLUDING ALL)',
    'ALTER TABLE d ADD PRIMARY KEY (id)',
    'ALTER TABLE f ADD PRIMARY KEY (id), REPLICA IDENTITY FULL',
    'CREATE UNIQUE INDEX by_id ON i (id)',
    'ALTER TABLE i REPLICA IDENTITY USING INDEX by_id',
  );
  const large = "SELECT string_agg(md5(x::text), '') AS v, array_agg(md5(x::text)) AS l FROM generate_series(1, 300) x";
  const fill = (table: string) =>
    `INSERT INTO ${table} SELECT 1, 1, v, v::bytea, to_jsonb(v), l, hstore('k', v), NULL FROM (${large}) s`;
  await scenario.run('CREATE PUBLICATION pub FOR ALL TABLES');
  const modes = ['placeholder', 'omit', 'reselect'] as const;
  const tasks = new Map<string, RunningTask>();
  for (const mode of modes) {
    const settings = {
      'unavailable.value.mode': mode,
      'slot.name': `${scenario.slotName}_${mode}`,
    };
    tasks.set(mode, await scenario.task(settings).start());
  }
  for (const table of ['d', 'f', 'i']) await scenario.run(fill(table), `UPDATE ${table} SET n = 2`);
  const changed: Record<string, Record<string, unknown>[]> = {};
  for (const mode of modes) {
    const task = tasks.get(mode)!;
    await come(task, 6);
    expect(task.rows.map(({ op }) => op)).toEqual(['c', 'u', 'c', 'u', 'c', 'u']);
    const [inserted, , , ofFull] = task.rows.map(({ after }) => after!);
    // What the old row tells needs neither placeholder nor question.
    expect(ofFull).toEqual({ ...inserted, n: 2 });
    changed[mode] = task.rows
      .filter(({ op, source }) => op === 'u' && source?.['table'] !== 'f')
      .map(({ after }) => after!);
    expect(changed[mode].map((row) => row['empty'])).toEqual([null, null]);
    if (mode !== 'reselect') continue;
    expect(changed[mode][0]).toEqual({ ...inserted, n: 2 });
  }
  expect(changed['omit']).toEqual([1, 2].map(() => ({ id: 1, n: 2, empty: null })));
  const bytes = Buffer.from(placeholder).toString('base64');
  expect(changed['placeholder']?.[0]).toEqual({
    ...{
      id: 1,
      n: 2,
      t: placeholder,
      b: bytes,
      j: placeholder,
      l: [placeholder],
      h: expect.stringContaining(placeholder),
    },
    empty: null,
  });
});

test('a text of 100 MB as row and as change, in bounded memory', async () => {
  const scenario = await servers.scenario();
  await scenario.run('CREATE TABLE t (id int PRIMARY KEY, v text)', 'CREATE PUBLICATION pub FOR TABLE t');
  await scenario.run("INSERT INTO t SELECT 1, repeat('0123456789', 10000000)");
  const task = scenario.task({ 'snapshot.mode': 'initial' });
  const run = promisify(execFile);
  const child = new URL('./large-value-child.ts', import.meta.url).pathname;
  const { stdout } = await run(process.execPath, [child, JSON.stringify(task.settings)]);
  const snapshot = JSON.parse(stdout);
  expect(snapshot.largestBytes).toBeGreaterThan(100_000_000);
  await scenario.run("INSERT INTO t SELECT 2, repeat('9876543210', 10000000)");
  const again = await run(process.execPath, [child, JSON.stringify({ ...task.settings, 'snapshot.mode': 'no_data' })]);
  const stream = JSON.parse(again.stdout);
  expect(stream.largestBytes).toBeGreaterThan(100_000_000);
  // The value as it came, as a record, and once more while a buffer grows.
  expect(Math.max(snapshot.mostMebibytes, stream.mostMebibytes)).toBeLessThan(768);
}, 120_000);

test('a message of 50 MB', async () => {
  const scenario = await servers.scenario();
  const task = await scenario.task().start();
  await scenario.run(
    "SELECT pg_logical_emit_message(true, 'large', convert_to(repeat('0123456789', 5000000), 'UTF8'))",
  );
  await task.until(() => task.store.records.length === 1, 1 << 28);
  const content = Buffer.from(JSON.parse(task.store.records[0]?.text ?? '').message.content, 'base64');
  expect(content.length).toBe(50_000_000);
  expect(content.toString('latin1', 49_999_990)).toBe('0123456789');
});

test('updates without a change, deletes under each identity', async () => {
  const scenario = await servers.scenario();
  await scenario.run(
    'CREATE TABLE f (id int PRIMARY KEY, u int NOT NULL UNIQUE, v text, w text)',
    'CREATE TABLE d (LIKE f INCLUDING ALL)',
    'CREATE TABLE i (LIKE f INCLUDING ALL)',
    'ALTER TABLE f REPLICA IDENTITY FULL',
    'ALTER TABLE i REPLICA IDENTITY USING INDEX i_u_key',
    'CREATE PUBLICATION pub FOR ALL TABLES',
  );
  const task = await scenario
    .task({
      'skip.messages.without.change': 'true',
      'column.exclude.list': 'public\\..\\.w',
      'tombstones.on.delete': 'false',
    })
    .start();
  for (const table of ['f', 'd', 'i']) {
    await scenario.run(
      `INSERT INTO ${table} VALUES (1, 2, 'a', 'w')`,
      `UPDATE ${table} SET v = 'a'`,
      `UPDATE ${table} SET w = 'not captured'`,
      `UPDATE ${table} SET v = 'b'`,
      `DELETE FROM ${table}`,
    );
  }
  await come(task, 3 + 5 + 5);
  const of = (table: string) =>
    task.rows.filter(({ source }) => source?.['table'] === table).map(({ op, before }) => [op, before]);
  expect(of('f')).toEqual([
    ['c', null],
    ['u', { id: 1, u: 2, v: 'a' }],
    ['d', { id: 1, u: 2, v: 'b' }],
  ]);
  // Without the old row nobody knows.
  const updates = [1, 2, 3].map(() => ['u', null]);
  expect(of('d')).toEqual([['c', null], ...updates, ['d', { id: 1, u: 0, v: null }]]);
  expect(of('i')).toEqual([['c', null], ...updates, ['d', { id: 0, u: 2, v: null }]]);
});

test('what is left out or masked is nowhere: not in a topic, not in the log, from rows and from changes', async () => {
  const scenario = await servers.scenario();
  const folder = mkdtempSync(join(tmpdir(), 'millrace-unseen-'));
  await scenario.run(
    'CREATE TABLE t (id int PRIMARY KEY, shown text, secret text, masked text, hashed text, cut text)',
    'ALTER TABLE t REPLICA IDENTITY FULL',
    "INSERT INTO t VALUES (1, 'shown-row', 'secret-row', 'masked-row', 'hashed-row', 'cut-away-row')",
  );
  const pipeline = join(folder, 'pipeline.yaml');
  const settings = {
    connector: 'postgres',
    ...{ 'database.url': servers.server.url, ...scenario.settings, 'topic.prefix': 'p' },
    'column.exclude.list': 'public.t.secret',
    'column.mask.with.3.chars': 'public.t.masked',
    'column.mask.hash.v2.SHA-256.with.salt.pepper': 'public.t.hashed',
    'column.truncate.to.4.chars': 'public.t.cut',
  };
  const lines = Object.entries(settings).map(([name, value]) => `  ${name}: ${value}`);
  writeFileSync(pipeline, ['pipeline: p', 'source:', ...lines, ''].join('\n'));
  const data = join(folder, 'data');
  const once = async () => {
    const ports = ['--listen', `127.0.0.1:${await freePort()}`, '--rest', `127.0.0.1:${await freePort()}`];
    const child = startMillrace(['up', pipeline, '--data-dir', data, ...ports, '--log-level', 'debug', '--once']);
    expect([await child.ended, child.output()]).toEqual([0, expect.any(String)]);
    return child.output();
  };
  let everything = await once();
  await scenario.run(
    "INSERT INTO t VALUES (2, 'shown-insert', 'secret-insert', 'masked-insert', 'hashed-insert', 'cut-away-insert')",
    "UPDATE t SET shown = 'shown-update', secret = 'secret-update', masked = 'masked-update'",
    'DELETE FROM t',
  );
  everything += await once();
  const files = readdirSync(data, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const { parentPath, name } of files) everything += readFileSync(join(parentPath, name), 'latin1');
  for (const there of ['shown-row', 'shown-insert', 'shown-update', '"masked":"***"', '"cut":"cut-"'])
    expect(everything.includes(there), there).toBe(true);
  const forbidden = everything.match(/(secret|masked|hashed|cut-away)-(row|insert|update)/g);
  expect(forbidden).toBeNull();
  rmSync(folder, { recursive: true });
}, 60_000);

test('texts with emoji at every place, in databases of other encodings', async () => {
  const emoji = '🦫é\u{10FFFF}"\\\u0001';
  const utf8 = await servers.scenario();
  await utf8.run('CREATE TABLE t (id int PRIMARY KEY, v text)');
  // So that parts of the connection end everywhere within them.
  await utf8.run(
    `INSERT INTO t SELECT i, repeat('x', i) || repeat(E'🦫é\\U0010FFFF"\\\\\\x01', 700) FROM generate_series(1, 40) i`,
  );
  const task = await utf8.task({ 'snapshot.mode': 'initial' }).start();
  await come(task, 40);
  await utf8.run('UPDATE t SET id = id + 100');
  await task.until(() => task.rows.filter(({ op }) => op === 'c').length === 40);
  for (const { op, after } of task.rows) {
    if (op === 'd') continue;
    expect(after?.['v'] === 'x'.repeat(Number(after?.['id']) % 100) + emoji.repeat(700), String(after?.['id'])).toBe(
      true,
    );
  }
  await task.stop();

  const latin1 = await servers.scenario("ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'");
  await latin1.run(`CREATE TABLE "tä" (id int PRIMARY KEY, "naïve" text)`, `INSERT INTO "tä" VALUES (1, 'é')`);
  const other = await latin1.task({ 'snapshot.mode': 'initial' }).start();
  await come(other, 1);
  await latin1.run(`INSERT INTO "tä" VALUES (2, 'ÿ')`);
  await come(other, 2);
  expect(other.rows.map(({ source, after }) => [source?.['table'], after])).toEqual([
    ['tä', { id: 1, naïve: 'é' }],
    ['tä', { id: 2, naïve: 'ÿ' }],
  ]);
});

test('changes of tables of every kind: no columns, 1600 columns, names that need quotes', async () => {
  const scenario = await servers.scenario();
  const wide = Array.from({ length: 1600 }, (_, i) => `c${i} bool`).join();
  await scenario.run(
    'CREATE TABLE bare ()',
    `CREATE TABLE wide (${wide})`,
    'CREATE SCHEMA "Odd. ""schema"',
    String.raw`CREATE TABLE "Odd. ""schema"."a\b.ü ""t""" ("Key" int, "key" text, "ключ ." text, PRIMARY KEY ("Key"))`,
  );
  const task = await scenario.task({ 'publication.name': 'Pub "of" it', 'snapshot.mode': 'initial' }).start();
  await scenario.run(
    'INSERT INTO bare DEFAULT VALUES',
    'INSERT INTO wide (c0, c1599) VALUES (true, false)',
    String.raw`INSERT INTO "Odd. ""schema"."a\b.ü ""t""" VALUES (1, 'k', '')`,
  );
  await come(task, 3);
  const [bare, row, odd] = task.rows.map(({ after }) => after);
  expect(bare).toEqual({});
  expect(Object.keys(row ?? {})).toHaveLength(1600);
  expect(row).toMatchObject({ c0: true, c1: null, c1599: false });
  expect(odd).toEqual({ Key: 1, key: 'k', 'ключ .': '' });
  expect(task.rows[2]).toMatchObject({
    topic: 'p.Odd.__schema.a_b.___t_',
    source: { schema: 'Odd. "schema', table: 'a\\b.ü "t"' },
  });
});

test('keys of every kind, from tables in parts and from changes', async () => {
  const scenario = await servers.scenario();
  await scenario.run("CREATE TYPE mood AS ENUM ('sad', 'ok', 'glad')");
  const [order] = await scenario.query(
    "SELECT quote_ident(collname) AS name FROM pg_collation WHERE collprovider = 'i' AND collname LIKE 'sv%' LIMIT 1",
  );
  const kinds = {
    uuids: ['k uuid PRIMARY KEY', "('00000000-0000-4000-8000-' || lpad(i::text, 12, '0'))::uuid"],
    texts: [`k text COLLATE ${order?.['name'] ?? '"C"'} PRIMARY KEY`, 'chr(228) || chr(97 + i % 26) || i'],
    moods: ['k mood, n int, PRIMARY KEY (n, k)', "'glad'::mood"],
    numbers: ['k numeric PRIMARY KEY', "CASE i WHEN 7 THEN 'NaN' ELSE i / 4.0 END"],
    none: ['k int', 'i'],
  };
  for (const [table, [column, value]] of Object.entries(kinds)) {
    const number = column?.includes(' n int') ? '' : 'n int,';
    await scenario.run(
      `CREATE TABLE ${table} (${number} filler text, ${column})`,
      `INSERT INTO ${table} (n, filler, k) SELECT i, repeat('x', 60), ${value} FROM generate_series(1, 2500) i`,
    );
  }
  const settings = { 'snapshot.chunk.bytes': '64KiB', 'snapshot.max.threads': '3', 'decimal.handling.mode': 'string' };
  const task = await scenario.task({ ...settings, 'snapshot.mode': 'initial' }).start();
  await come(task, 5 * 2500);
  const tables = Object.keys(kinds);
  for (const table of tables) {
    const numbers = task.rows
      .filter(({ source }) => source?.['table'] === table)
      .map(({ after }) => Number(after?.['n']));
    expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 2500 }, (_, i) => i + 1));
  }
  const before = task.store.records.length;
  await scenario.run(
    "UPDATE uuids SET k = 'ffffffff-0000-4000-8000-000000000000' WHERE n = 1",
    "UPDATE texts SET k = 'ö' WHERE n = 1",
    "UPDATE moods SET k = 'ok' WHERE n = 1",
    'UPDATE numbers SET k = -1 WHERE n = 7',
    'INSERT INTO none VALUES (2501)',
  );
  await task.until(() => task.store.records.length >= before + 4 * 3 + 1);
  const keys = task.store.records
    .slice(before)
    .map(({ key, text }) => [key && JSON.parse(key), text && JSON.parse(text).op]);
  const moved = (from: object, to: object) => [
    [from, 'd'],
    [from, ''],
    [to, 'c'],
  ];
  expect(keys).toEqual([
    ...moved({ k: '00000000-0000-4000-8000-000000000001' }, { k: 'ffffffff-0000-4000-8000-000000000000' }),
    ...moved({ k: 'äb1' }, { k: 'ö' }),
    ...moved({ n: 1, k: 'glad' }, { n: 1, k: 'ok' }),
    ...moved({ k: 'NAN' }, { k: '-1' }),
    [null, 'c'],
  ]);
});

test('rows that are hidden from the role are no empty table', async () => {
  const scenario = await servers.scenario();
  await scenario.run(
    'CREATE TABLE t (id int PRIMARY KEY)',
    'INSERT INTO t VALUES (1)',
    'ALTER TABLE t ENABLE ROW LEVEL SECURITY',
    'CREATE PUBLICATION pub FOR TABLE t',
    "CREATE ROLE blinded LOGIN REPLICATION PASSWORD 'b'",
    'GRANT SELECT ON t TO blinded',
  );
  const task = scenario.task({
    ...{ 'snapshot.mode': 'initial', 'publication.autocreate.mode': 'disabled' },
    ...{ 'database.user': 'blinded', 'database.password': 'b' },
  });
  const reading = task.start().then(() => task.until(() => false));
  await expect(reading).rejects.toMatchObject({
    retriable: false,
    message: expect.stringContaining('row-level security'),
  });
  expect(task.rows).toEqual([]);
});

test('an event that is inserted into an outbox and deleted at once comes once, in the order of its aggregate', async () => {
  const scenario = await servers.scenario();
  await scenario.run(
    'CREATE TABLE outbox (id uuid PRIMARY KEY, aggregatetype text, aggregateid text, type text, payload jsonb)',
  );
  const task = await scenario.task({ 'outbox.table.include.list': 'public.outbox' }).start();
  for (let event = 0; event < 6; event += 1) {
    await scenario.run(
      `BEGIN; INSERT INTO outbox VALUES (gen_random_uuid(), 'Order', 'o-${event % 2}', 'Changed', '{"n": ${event}}');
        DELETE FROM outbox; COMMIT`,
    );
  }
  await task.until(() => task.store.records.length >= 6);
  await scenario.run('CREATE TABLE last (id int)');
  expect(task.store.records.map(({ topic, key, text }) => [topic, key, text])).toEqual(
    Array.from({ length: 6 }, (_, event) => ['outbox.event.Order', `o-${event % 2}`, `{"n": ${event}}`]),
  );
});
