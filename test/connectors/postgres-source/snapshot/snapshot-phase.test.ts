/** The snapshot of a task: its records, what it stores, and where an interrupted one goes on. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { definition } from '../../../../connectors/postgres-source/config.ts';
import { RecordSink } from '../../../../connectors/postgres-source/record-sink.ts';
import { openSession } from '../../../../connectors/postgres-source/session.ts';
import { createSlot } from '../../../../connectors/postgres-source/slot/take-slot.ts';
import { SnapshotPhase } from '../../../../connectors/postgres-source/snapshot/snapshot-phase.ts';
import { Fences, storedSnapshot } from '../../../../connectors/postgres-source/snapshot/snapshot-store.ts';
import { Tables } from '../../../../connectors/postgres-source/stream/tables.ts';
import { openSql } from '../../../../connectors/postgres-source/wire/connect.ts';
import { systemClock } from '../../../../core/base/clock.ts';
import { type PostgresServer, postgresVersions, startPostgres } from '../../../kits/postgres-server.ts';
import { MemoryGauges, MemoryLogger, MemoryOutput, SourceStore } from '../../../kits/source-kit.ts';

describe.each(postgresVersions)('PostgreSQL %i', (version) => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres({ version });
    await server.query(
      'CREATE TABLE one (id int PRIMARY KEY, v text, secret text, twice int GENERATED ALWAYS AS (id * 2) STORED)',
    );
    await server.query("INSERT INTO one SELECT n, 'v' || n, 's' FROM generate_series(1, 5000) n");
    await server.query('CREATE TABLE two (id int PRIMARY KEY, gone boolean)');
    await server.query('INSERT INTO two VALUES (1, false), (2, true)');
    await server.query('CREATE TABLE three (a int)');
  });
  afterAll(() => server.close());

  /** Polls until the snapshot is complete, or as often as asked. */
  async function run(
    store: SourceStore,
    {
      settings = {},
      polls = 1000,
      room = 1 << 20,
      isNew = false,
      slot = '',
      marksTransactions = false,
    }: {
      settings?: Record<string, string>;
      polls?: number;
      room?: number;
      isNew?: boolean;
      slot?: string;
      /** Stores only what ends with a whole part. */
      marksTransactions?: boolean;
    } = {},
  ): Promise<{ isComplete: boolean; gauges: MemoryGauges }> {
    const config = definition.require({
      name: 'shop',
      'connector.class': 'postgres',
      'database.url': server.url,
      'topic.prefix': 'p',
      'key.converter.schemas.enable': 'false',
      'value.converter.schemas.enable': 'false',
      'snapshot.chunk.bytes': '64KiB',
      ...settings,
    });
    const [logger, gauges, clock] = [new MemoryLogger(), new MemoryGauges(), systemClock];
    const context = {
      connector: 'shop',
      taskIndex: 0,
      settings: {},
      once: false,
      marksTransactions,
      clock,
      logger,
      gauges,
      storedPositions: store.positions,
    };
    const session = await openSession(config, context);
    const { sql, types, envelope, filter, connect } = session;
    const tables = new Tables({ sql, types, envelope, isCaptured: () => true });
    const target = new RecordSink();
    const made =
      slot === ''
        ? undefined
        : await createSlot(session.replication, {
            name: slot,
            serverVersion: session.server.version,
            failover: false,
            twoPhase: false,
          });
    const phase = await SnapshotPhase.open({
      ...{ config, context, sql, filter, target, isNew, server: session.server, serverName: 'p' },
      connect: () => openSql(connect),
      encoderOf: (shape) => tables.encoderOf(shape),
      slotSnapshot: made?.snapshotName,
      lsn: made?.consistentLsn ?? 7n,
      finalPosition: () => ({ partition: { server: 'p' }, offset: { lsn: 7 } }),
    });
    const held: MemoryOutput[] = [];
    try {
      for (let i = 0; i < polls; i++) {
        const output = new MemoryOutput(room);
        target.open(output, clock.nowMs());
        const isComplete = await phase.poll(output, new AbortController().signal);
        held.push(output);
        if (phase.isBetweenParts) for (const each of held.splice(0)) store.take(each);
        if (isComplete) return { isComplete, gauges };
      }
      return { isComplete: false, gauges };
    } finally {
      await phase.close();
      await session.replication.close();
      await session.client.end();
    }
  }

  const values = (store: SourceStore) => store.records.map(({ text }) => JSON.parse(text));
  const stored = (store: SourceStore) => storedSnapshot(store.positions, 'p');

  test('reads the captured tables as of the moment the slot was made at', async () => {
    const store = new SourceStore();
    const settings = { 'column.exclude.list': 'public.one.secret', 'publication.name': `pub_${version}` };
    const { gauges } = await run(store, { settings, slot: 'phase' });
    const rows = values(store);
    expect(rows).toHaveLength(5002);
    const first = rows.find(({ after, source }) => source.table === 'one' && after.id === 1);
    expect(first).toMatchObject({
      op: 'r',
      before: null,
      after: { id: 1, v: 'v1' },
      source: { schema: 'public', snapshot: 'first' },
    });
    expect(Object.keys(first.after)).toEqual(['id', 'v']);
    expect(rows.filter(({ source }) => source.snapshot === 'first_in_data_collection')).toHaveLength(1);
    expect(store.records.map(({ topic }) => topic).filter((each, i, all) => all.indexOf(each) === i)).toEqual([
      'p.public.one',
      'p.public.two',
    ]);
    expect(gauges.values).toMatchObject({
      snapshot_rows_total: 5002,
      snapshot_tables: 3,
      snapshot_tables_done: 3,
      snapshot_remaining_seconds: 0,
    });
    expect(stored(store).isOpen).toBe(false);
    expect(store.positions).toContainEqual({ partition: { server: 'p' }, offset: { lsn: 7 } });
    // The slot tells nothing of what was seen.
    expect(new Fences(stored(store).tables).isEmpty).toBe(true);
    await server.query("SELECT pg_drop_replication_slot('phase')");
  });

  test('goes on where it was interrupted, at a moment of its own', async () => {
    const store = new SourceStore();
    const settings = { 'snapshot.max.threads': '2' };
    await run(store, { settings, polls: 6, room: 1 << 17 });
    const before = store.records.length;
    expect(before).toBeGreaterThan(1000);
    expect(before).toBeLessThan(5000);
    expect(stored(store).isOpen).toBe(true);
    await run(store, { settings });
    const ids = values(store)
      .filter(({ source }) => source.table === 'one')
      .map(({ after }) => after.id);
    expect(new Set(ids).size).toBe(5000);
    expect(ids.length).toBeLessThan(5000 + 2 * 2000);
    expect(stored(store).isOpen).toBe(false);
    const fences = new Fences(stored(store).tables);
    const oids = Object.fromEntries(
      (await server.query("SELECT relname, oid FROM pg_class WHERE relname IN ('one', 'two')")).map(
        ({ relname, oid }) => [relname, Number(oid)],
      ),
    );
    expect(fences.isSeen(oids['two'] ?? 0, 3)).toBe(true);
    // Of two moments: what came between them is only in the log.
    expect(fences.isSeen(oids['one'] ?? 0, 3)).toBe(false);
    fences.passed(2n ** 62n);
    expect(fences.isEmpty).toBe(true);
    const count = store.records.length;
    await run(store, { settings, isNew: true });
    expect(store.records.length - count).toBe(5002);
  });

  test.each(['1', '3'])(
    'marks the first and the last row of each table and of all, over %s connections',
    async (threads) => {
      const settings = { 'snapshot.max.threads': threads };
      const store = new SourceStore();
      await run(store, { settings });
      const marks = values(store).map(({ source }) => [source.table, source.snapshot]);
      const ofTable = (name: string) => marks.filter(([table]) => table === name).map(([, mark]) => mark);
      // The last table of all is empty.
      expect(marks.at(-1)?.[1]).toBe('last');
      for (const name of ['one', 'two']) {
        const [first, ...between] = ofTable(name);
        expect(['first', 'first_in_data_collection']).toContain(first);
        expect(['last', 'last_in_data_collection']).toContain(between.pop());
        expect(between.filter((mark) => mark !== 'true')).toEqual([]);
      }
      const all = [...ofTable('one'), ...ofTable('two')];
      const counts = ['first', 'first_in_data_collection', 'last_in_data_collection', 'last'].map((mark) => {
        return all.filter((each) => each === mark).length;
      });
      expect(counts).toEqual([1, 1, 1, 1]);
    },
  );

  test('one row is the last; an interrupted snapshot has none, and its end has one', async () => {
    const one = new SourceStore();
    await run(one, {
      settings: {
        'table.include.list': 'public.two',
        'snapshot.select.statement.overrides.public.two': 'SELECT * FROM two LIMIT 1',
      },
    });
    expect(values(one).map(({ source }) => source.snapshot)).toEqual(['last']);
    const store = new SourceStore();
    const settings = { 'table.include.list': 'public\\.(one|three)', 'snapshot.max.threads': '2' };
    await run(store, { settings, polls: 6, room: 1 << 17 });
    const lasts = () => values(store).flatMap(({ source }, at) => (source.snapshot.startsWith('last') ? [at] : []));
    expect(store.records.length).toBeGreaterThan(1000);
    expect(lasts()).toEqual([]);
    await run(store, { settings });
    expect(lasts()).toEqual([store.records.length - 1]);
  });

  test.each(['1', '3'])(
    'tells no row twice where parts are written whole, however often it is interrupted, over %s connections',
    async (threads) => {
      const store = new SourceStore();
      const settings = { 'snapshot.max.threads': threads };
      let runs = 0;
      for (let isComplete = false; !isComplete; runs += 1) {
        ({ isComplete } = await run(store, { settings, polls: 9 + runs, room: 40_000, marksTransactions: true }));
      }
      expect(runs).toBeGreaterThan(4);
      const rows = values(store).map(({ source, after }) => `${source.table} ${after.id}`);
      expect(rows).toHaveLength(5002);
      expect(new Set(rows).size).toBe(5002);
      const marks = values(store).map(({ source }) => source.snapshot);
      expect(marks.filter((mark) => mark === 'last')).toHaveLength(1);
      expect(marks.at(-1)).toBe('last');
    },
  );

  test('reads what the settings and the publication say of a table', async () => {
    const store = new SourceStore();
    await server.query('CREATE PUBLICATION parts FOR TABLE one (id, v) WHERE (id <= 10), TABLE two');
    const { isComplete } = await run(store, {
      settings: {
        'publication.name': 'parts',
        'publication.autocreate.mode': 'disabled',
        'snapshot.include.collection.list': 'public.one,public.two',
        'snapshot.select.statement.overrides': 'public.two',
        'snapshot.select.statement.overrides.public.two': 'SELECT * FROM public.two WHERE NOT gone',
      },
    });
    expect(isComplete).toBe(true);
    const rows = values(store).map(({ source, after }) => [source.table, after]);
    expect(rows.filter(([table]) => table === 'two')).toEqual([['two', { id: 1, gone: false }]]);
    expect(rows.filter(([table]) => table === 'one').map(([, after]) => after)).toEqual(
      Array.from({ length: 10 }, (_, i) => ({ id: i + 1, v: `v${i + 1}` })),
    );
  });

  test('reads tables of every kind, with short limits set for the role', async () => {
    const wide = Array.from({ length: 1600 }, (_, i) => `c${i} bool`).join();
    const odd = [
      'CREATE SCHEMA "Odd. ""schema"',
      String.raw`CREATE TABLE "Odd. ""schema"."a\b.ü ""t""" ("Key" int, "key" text, "ключ ." text, PRIMARY KEY ("Key"))`,
      String.raw`INSERT INTO "Odd. ""schema"."a\b.ü ""t""" VALUES (1, E'line\nbreak \\N', '')`,
      `CREATE TABLE "Odd. ""schema".wide (${wide})`,
      'INSERT INTO "Odd. ""schema".wide (c0, c1599) VALUES (true, false)',
      'CREATE TABLE "Odd. ""schema".numbers (n numeric, e text, PRIMARY KEY (n, e))',
      `INSERT INTO "Odd. ""schema".numbers VALUES ('NaN', 'x'), (1.50, 'y')`,
      'ALTER ROLE postgres SET statement_timeout = 1',
      'ALTER ROLE postgres SET idle_in_transaction_session_timeout = 1',
      'ALTER ROLE postgres SET lock_timeout = 1',
    ];
    for (const statement of odd) await server.query(statement);
    const store = new SourceStore();
    const settings = {
      'schema.include.list': 'Odd\\. "schema',
      'publication.name': `odd_${version}`,
      'decimal.handling.mode': 'string',
      'snapshot.max.threads': '3',
    };
    await run(store, { settings });
    for (const each of ['statement_timeout', 'idle_in_transaction_session_timeout', 'lock_timeout']) {
      await server.query(`ALTER ROLE postgres RESET ${each}`);
    }
    const rows = values(store);
    const of = (table: string) => rows.filter(({ source }) => source.table === table).map(({ after }) => after);
    expect(of(String.raw`a\b.ü "t"`)).toEqual([{ Key: 1, key: 'line\nbreak \\N', 'ключ .': '' }]);
    expect(of('wide')).toHaveLength(1);
    expect(Object.keys(of('wide')[0])).toHaveLength(1600);
    expect(of('wide')[0]).toMatchObject({ c0: true, c1: null, c1599: false });
    expect(of('numbers')).toEqual([
      // As Debezium writes it.
      { n: 'NAN', e: 'x' },
      { n: '1.50', e: 'y' },
    ]);
    expect(stored(store).isOpen).toBe(false);
  });

  test('waits before it and after it where the settings say so, and captures no more tables than they allow', async () => {
    const store = new SourceStore();
    const settings = { 'table.include.list': 'public.two', 'snapshot.delay.ms': '150', 'streaming.delay.ms': '150' };
    const startedMs = performance.now();
    await run(store, {
      settings: { ...settings, 'guardrail.collections.max': '1', 'guardrail.collections.limit.action': 'fail' },
    });
    expect(performance.now() - startedMs).toBeGreaterThan(290);
    expect(store.records).toHaveLength(2);
    const many = run(store, {
      settings: { 'guardrail.collections.max': '1', 'guardrail.collections.limit.action': 'fail' },
    });
    await expect(many).rejects.toMatchObject({ code: 'postgres/too-many-tables' });
  });

  test('fails with what the server says', async () => {
    const failing = run(new SourceStore(), {
      settings: {
        'table.include.list': 'public.two',
        'snapshot.select.statement.overrides.public.two': 'SELECT nothing FROM nowhere',
      },
    });
    await expect(failing).rejects.toMatchObject({ where: 'public.two', message: expect.stringContaining('nowhere') });
  });
});
