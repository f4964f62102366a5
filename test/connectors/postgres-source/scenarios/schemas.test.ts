/** Tables that change while they are captured: columns, names, partitions, types, keys, and what of them is published. */

import { describe, expect, test } from 'vitest';
import { postgresVersions } from '../../../kits/postgres-server.ts';
import type { RunningTask } from '../running-task.ts';
import { ScenarioServer } from './scenario-server.ts';

describe.each(postgresVersions)('PostgreSQL %i', (version) => {
  const servers = new ScenarioServer(version);

  /** What came, short: the operation and the new row, or the old one of a delete. */
  const told = (task: RunningTask) => task.rows.map(({ op, before, after }) => [op, op === 'd' ? before : after]);
  const come = (task: RunningTask, count: number) => task.until(() => task.rows.length >= count);

  test('columns that come, go and change, while nobody reads and with older changes waiting', async () => {
    const scenario = await servers.scenario();
    await scenario.run('CREATE TABLE t (id int PRIMARY KEY, a varchar(5), n int)');
    const first = await scenario.task().start();
    await scenario.run("INSERT INTO t VALUES (1, 'a', 1)");
    await come(first, 1);
    await first.stop();
    await scenario.run(
      "INSERT INTO t VALUES (2, 'b', 2)",
      "ALTER TABLE t ADD COLUMN d text DEFAULT 'default', ADD COLUMN e int",
      "INSERT INTO t (id, a, n) VALUES (3, 'c', 3)",
      'ALTER TABLE t ALTER n TYPE bigint, ALTER a TYPE varchar(20)',
      "INSERT INTO t VALUES (4, 'longer than five', 5000000000, 'd', 4)",
      'ALTER TABLE t DROP COLUMN e, DROP COLUMN n',
      "INSERT INTO t VALUES (5, 'e', 'd')",
      'ALTER TABLE t RENAME COLUMN a TO renamed',
      "BEGIN; INSERT INTO t VALUES (6, 'f', 'd'); ALTER TABLE t ADD COLUMN n text; INSERT INTO t VALUES (7, 'g', 'd', 'text now'); COMMIT",
    );
    const task = await scenario.task({}, first.store).start();
    await come(task, 7);
    expect(told(task).map(([, row]) => row)).toEqual([
      { id: 1, a: 'a', n: 1 },
      { id: 2, a: 'b', n: 2 },
      { id: 3, a: 'c', n: 3, d: 'default', e: null },
      { id: 4, a: 'longer than five', n: 5_000_000_000, d: 'd', e: 4 },
      { id: 5, a: 'e', d: 'd' },
      { id: 6, renamed: 'f', d: 'd' },
      { id: 7, renamed: 'g', d: 'd', n: 'text now' },
    ]);
  });

  test('tables that are renamed, moved, dropped and made anew', async () => {
    const scenario = await servers.scenario();
    await scenario.run(
      'CREATE SCHEMA other',
      'CREATE TABLE t (id int PRIMARY KEY)',
      'CREATE PUBLICATION pub FOR ALL TABLES',
    );
    const task = await scenario.task().start();
    await scenario.run(
      'INSERT INTO t VALUES (1)',
      'ALTER TABLE t RENAME TO u',
      'INSERT INTO u VALUES (2)',
      'ALTER TABLE u SET SCHEMA other',
      'INSERT INTO other.u VALUES (3)',
      'CREATE TABLE t (name text PRIMARY KEY)',
      "INSERT INTO t VALUES ('four')",
      'DROP TABLE t',
      'CREATE TABLE t (id bigint PRIMARY KEY, v text)',
      "INSERT INTO t VALUES (5, 'five')",
    );
    await come(task, 5);
    expect(task.rows.map(({ topic, after }) => [topic, after])).toEqual([
      ['p.public.t', { id: 1 }],
      ['p.public.u', { id: 2 }],
      ['p.other.u', { id: 3 }],
      ['p.public.t', { name: 'four' }],
      ['p.public.t', { id: 5, v: 'five' }],
    ]);
  });

  test.each([false, true])('partitions that come and go, under the name of the root: %s', async (isViaRoot) => {
    const scenario = await servers.scenario();
    await scenario.run(
      'CREATE TABLE m (id int PRIMARY KEY, v text) PARTITION BY RANGE (id)',
      'CREATE TABLE m1 PARTITION OF m FOR VALUES FROM (0) TO (10)',
    );
    const task = await scenario
      .task({ 'publish.via.partition.root': String(isViaRoot), 'table.include.list': 'public.m.*' })
      .start();
    // Its columns are in another order.
    await scenario.run(
      "INSERT INTO m VALUES (1, 'a')",
      'CREATE TABLE m2 (v text, id int NOT NULL PRIMARY KEY)',
      'ALTER TABLE m ATTACH PARTITION m2 FOR VALUES FROM (10) TO (20)',
      "INSERT INTO m VALUES (11, 'b')",
      'CREATE TABLE m3 PARTITION OF m FOR VALUES FROM (20) TO (30)',
      "INSERT INTO m VALUES (21, 'c')",
      // From one partition into another.
      'UPDATE m SET id = 2 WHERE id = 21',
      'ALTER TABLE m DETACH PARTITION m3',
      "INSERT INTO m3 VALUES (22, 'no longer captured')",
      "INSERT INTO m VALUES (3, 'd')",
    );
    await come(task, 6);
    const of = (name: string) => (isViaRoot ? 'm' : name);
    expect(
      task.rows.map(({ op, source, before, after }) => [op, source?.['table'], (after ?? before)?.['id']]),
    ).toEqual([
      ['c', of('m1'), 1],
      ['c', of('m2'), 11],
      ['c', of('m3'), 21],
      ['d', of('m3'), 21],
      ['c', of('m1'), 2],
      ['c', of('m1'), 3],
    ]);
    expect(task.rows[1]?.after).toEqual({ id: 11, v: 'b' });
  });

  test('tables that inherit from each other: each row under its own table', async () => {
    const scenario = await servers.scenario();
    await scenario.run(
      'CREATE TABLE parent (id int PRIMARY KEY)',
      'CREATE TABLE child (v text, PRIMARY KEY (id)) INHERITS (parent)',
      'INSERT INTO parent VALUES (1)',
      "INSERT INTO child VALUES (2, 'a')",
    );
    const task = await scenario.task({ 'snapshot.mode': 'initial' }).start();
    await come(task, 2);
    await scenario.run('INSERT INTO parent VALUES (3)', "INSERT INTO child VALUES (4, 'b')");
    await come(task, 4);
    const rows = task.rows.map(({ op, source, after }) => [op, source?.['table'], after]);
    expect(rows.slice(0, 2).sort()).toEqual([
      ['r', 'child', { id: 2, v: 'a' }],
      ['r', 'parent', { id: 1 }],
    ]);
    expect(rows.slice(2)).toEqual([
      ['c', 'parent', { id: 3 }],
      ['c', 'child', { id: 4, v: 'b' }],
    ]);
  });

  test('generated columns are in rows of tables exactly if they are in changes', async () => {
    const scenario = await servers.scenario();
    const virtual = version >= 18 ? ', w int GENERATED ALWAYS AS (id * 3) VIRTUAL' : '';
    await scenario.run(
      `CREATE TABLE t (id int PRIMARY KEY, g int GENERATED ALWAYS AS (id * 2) STORED${virtual})`,
      'INSERT INTO t VALUES (1)',
    );
    const options =
      version >= 18 ? ["publish = 'insert'", 'publish_generated_columns = stored'] : ["publish = 'insert'"];
    for (const [index, option] of options.entries()) {
      const own = { 'slot.name': `${scenario.slotName}_${index}`, 'publication.name': `pub_${index}` };
      await scenario.run(`CREATE PUBLICATION pub_${index} FOR TABLE t WITH (${option})`);
      const task = await scenario
        .task({ ...own, 'snapshot.mode': 'initial', 'publication.autocreate.mode': 'disabled' })
        .start();
      await task.until(() => task.rows.some(({ op, after }) => op === 'r' && after?.['id'] === 1));
      const id = 10 + index;
      await scenario.run(`INSERT INTO t VALUES (${id})`);
      await task.until(() => task.rows.at(-1)?.after?.['id'] === id);
      expect(task.rows[0]?.after).toEqual(index === 0 ? { id: 1 } : { id: 1, g: 2 });
      expect(task.rows.at(-1)?.after).toEqual(index === 0 ? { id } : { id, g: 2 * id });
      await task.stop();
    }
  });

  test('values and types that come into being while they are captured', async () => {
    const scenario = await servers.scenario();
    await scenario.run(
      "CREATE TYPE mood AS ENUM ('sad')",
      'CREATE TABLE t (id int PRIMARY KEY, m mood)',
      'CREATE PUBLICATION pub FOR ALL TABLES',
    );
    const task = await scenario
      .task({ 'value.converter.schemas.enable': 'true', 'include.unknown.datatypes': 'true' })
      .start();
    await scenario.run("INSERT INTO t VALUES (1, 'sad')");
    await task.until(() => task.store.records.length === 1);
    await scenario.run(
      "ALTER TYPE mood ADD VALUE 'glad'",
      "INSERT INTO t VALUES (2, 'glad')",
      'CREATE DOMAIN cents AS numeric(6,2)',
      'CREATE TYPE pair AS (a int, b text)',
      "CREATE TYPE size AS ENUM ('s', 'l')",
      'ALTER TABLE t ADD c cents, ADD p pair, ADD s size',
      "INSERT INTO t VALUES (3, 'glad', 1.5, ROW(1, 'x'), 'l')",
    );
    await task.until(() => task.store.records.length === 3);
    const values = task.store.records.map(({ text }) => JSON.parse(text));
    expect(values.map(({ payload }) => payload.after)).toEqual([
      { id: 1, m: 'sad' },
      { id: 2, m: 'glad' },
      { id: 3, m: 'glad', c: 'AJY=', p: Buffer.from('(1,x)').toString('base64'), s: 'l' },
    ]);
    const fields = values[2].schema.fields.find(({ field }: { field: string }) => field === 'after').fields;
    const allowed = Object.fromEntries(
      fields.map(({ field, parameters }: { field: string; parameters?: { allowed?: string } }) => [
        field,
        parameters?.allowed,
      ]),
    );
    expect(allowed).toMatchObject({ m: 'sad,glad', s: 's,l' });
  });

  test('a key and an identity that change', async () => {
    const scenario = await servers.scenario();
    // What an index only includes is not of its key.
    await scenario.run(
      'CREATE TABLE t (id int, u int NOT NULL, v text, PRIMARY KEY (id) INCLUDE (v))',
      'CREATE UNIQUE INDEX by_u ON t (u)',
    );
    const task = await scenario.task().start();
    // One after the other: a primary key is that of the catalog when a shape is first seen.
    const steps: readonly (readonly string[])[] = [
      ["INSERT INTO t VALUES (1, 10, 'a')"],
      ["UPDATE t SET v = 'b'"],
      ['ALTER TABLE t REPLICA IDENTITY FULL', "UPDATE t SET v = 'c'"],
      ['ALTER TABLE t REPLICA IDENTITY USING INDEX by_u', 'UPDATE t SET id = 2'],
      ['ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (u)', "INSERT INTO t VALUES (3, 30, 'd')"],
      ['ALTER TABLE t DROP CONSTRAINT t_pkey, REPLICA IDENTITY NOTHING', "INSERT INTO t VALUES (4, 40, 'e')"],
    ];
    for (const [done, statements] of steps.entries()) {
      await scenario.run(...statements);
      await come(task, done + 1);
    }
    const changes = task.store.records.filter(({ text }) => text !== '');
    expect(changes.map(({ key }) => key && JSON.parse(key))).toEqual([
      { id: 1 },
      { id: 1 },
      { id: 1 },
      { id: 2 },
      { u: 30 },
      null,
    ]);
    expect(task.rows.map(({ op, before, after }) => [op, before, after?.['id']])).toEqual([
      ['c', null, 1],
      ['u', null, 1],
      ['u', { id: 1, u: 10, v: 'b' }, 1],
      ['u', null, 2],
      ['c', null, 3],
      ['c', null, 4],
    ]);
  });

  test('columns and rows that the publication leaves out, in tables and changes', async () => {
    const scenario = await servers.scenario();
    await scenario.run(
      'CREATE TABLE t (id int PRIMARY KEY, shown text, hidden text)',
      "INSERT INTO t VALUES (1, 'a', 'x'), (20, 'b', 'x')",
      'CREATE PUBLICATION pub FOR TABLE t (id, shown) WHERE (id < 10)',
    );
    const task = await scenario.task({ 'snapshot.mode': 'initial', 'publication.autocreate.mode': 'disabled' }).start();
    await come(task, 1);
    await scenario.run(
      "INSERT INTO t VALUES (2, 'c', 'y'), (30, 'd', 'y')",
      // Out of what is published, and into it.
      'UPDATE t SET id = 40 WHERE id = 2',
      'UPDATE t SET id = 3 WHERE id = 20',
      "UPDATE t SET hidden = 'z' WHERE id = 30",
      'DELETE FROM t WHERE id = 30',
      'DELETE FROM t WHERE id = 1',
    );
    await come(task, 5);
    expect(told(task)).toEqual([
      ['r', { id: 1, shown: 'a' }],
      ['c', { id: 2, shown: 'c' }],
      ['d', { id: 2, shown: null }],
      ['c', { id: 3, shown: 'b' }],
      ['d', { id: 1, shown: null }],
    ]);
    expect(task.store.records.map(({ text }) => text).join('')).not.toMatch(/hidden|"[xyz]"/);
  });

  test('tables that are emptied: one, many, what depends on them, between inserts', async () => {
    const scenario = await servers.scenario();
    await scenario.run(
      'CREATE TABLE a (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY)',
      'CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a)',
      'CREATE TABLE c (id int PRIMARY KEY)',
    );
    const task = await scenario.task({ 'skipped.operations': 'none' }).start();
    await scenario.run(
      'INSERT INTO c VALUES (1)',
      'TRUNCATE c',
      'INSERT INTO c VALUES (2)',
      'INSERT INTO a DEFAULT VALUES',
      'INSERT INTO b VALUES (1, 1)',
      'TRUNCATE a, c RESTART IDENTITY CASCADE',
      'INSERT INTO a DEFAULT VALUES',
    );
    await come(task, 9);
    const order = task.rows.map(({ op, source, after }) => `${op} ${source?.['table']} ${after?.['id'] ?? ''}`.trim());
    expect(order.slice(0, 5)).toEqual(['c c 1', 't c', 'c c 2', 'c a 1', 'c b 1']);
    expect(order.slice(5, 8).sort()).toEqual(['t a', 't b', 't c']);
    expect(order[8]).toBe('c a 1');
    expect(task.store.records.filter(({ text }) => text.includes('"op":"t"')).map(({ key }) => key)).toEqual([
      null,
      null,
      null,
      null,
    ]);
  });
});
