/** Tables are read as of one moment, whatever is written meanwhile, and go on after an interruption where they were. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeFence, hasSeen } from '../../../../connectors/postgres-source/snapshot/fence.ts';
import { type PostgresServer, postgresVersions, startPostgres } from '../../../kits/postgres-server.ts';
import { openReader, takeRows } from './read-tables.ts';

/** Read as of several moments, so that there is no fence. */
const ofLaterMoments = { done: true, oid: expect.any(Number), moments_lsn: expect.stringMatching(/^\d+$/) };

describe.each(postgresVersions)('PostgreSQL %i', (version) => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres({ version, settings: { autovacuum: 'off' } });
    await server.query('CREATE TABLE empty (id int PRIMARY KEY)');
    await server.query('CREATE TABLE bare ()');
    await server.query('INSERT INTO bare SELECT FROM generate_series(1, 3)');
    await server.query('CREATE TABLE small (id int PRIMARY KEY, name text)');
    await server.query("INSERT INTO small VALUES (1, 'a'), (2, NULL), (3, E'tab\\there')");
  });
  afterAll(() => server.close());

  async function fill(table: string, rows: number): Promise<void> {
    await server.query(`CREATE TABLE ${table} (id int PRIMARY KEY, v text)`);
    await server.query(`INSERT INTO ${table} SELECT n, repeat('x', 80) || n FROM generate_series(1, ${rows}) n`);
  }

  /** What a reader should give, as of now. */
  async function expected(table: string): Promise<string[]> {
    return (await server.query(`SELECT id || ',' || v AS row FROM ${table}`))
      .map(({ row }) => `${table}(${row})`)
      .sort();
  }

  test('tables of every size', async () => {
    const reader = await openReader(server, { tables: ['empty', 'bare', 'small'] });
    const { rows, offsets } = await takeRows(reader);
    await reader.close();
    expect(rows).toEqual(['bare()', 'bare()', 'bare()', 'small(1,a)', 'small(2,NULL)', 'small(3,tab\there)']);
    expect([...offsets].map(([table, { done }]) => [table, done])).toEqual([
      ['public.bare', true],
      ['public.empty', true],
      ['public.small', true],
    ]);
    expect(reader.progress).toEqual({ tables: 3, tablesDone: 3, share: 1 });
  });

  test.each([1, 4])('a table of many parts over %i connections while it is written', async (laneCount) => {
    const table = `busy_${laneCount}`;
    await fill(table, 20_000);
    const before = await expected(table);
    const reader = await openReader(server, { tables: [table], laneCount });
    let id = 20_000;
    const between = async () => {
      id++;
      await server.query(`INSERT INTO ${table} VALUES (${id}, 'new')`);
      await server.query(`UPDATE ${table} SET v = 'changed' WHERE id = ${id - 20_000} OR id % 1000 = ${id % 1000}`);
      await server.query(`DELETE FROM ${table} WHERE id % 1000 = ${(id * 7) % 1000}`);
    };
    const { rows } = await takeRows(reader, undefined, { between });
    const connections = await server.query(
      "SELECT count(*) FROM pg_stat_activity WHERE backend_xmin IS NOT NULL OR state = 'idle in transaction'",
    );
    expect(Number(connections[0]?.['count'])).toBeLessThanOrEqual(laneCount + 2);
    await reader.close();
    expect(rows.sort()).toEqual(before);
    expect(reader.rowCount).toBe(before.length);
  });

  test('rows of a part are not mixed with those of others where they are to stay together', async () => {
    await fill('parts', 40_000);
    const reader = await openReader(server, {
      tables: ['empty', 'parts', 'small'],
      laneCount: 4,
      chunkBytes: 2 ** 19,
      keepsParts: true,
    });
    const given: { table: string; id: number; isBetween: boolean; place: string }[] = [];
    const { signal } = new AbortController();
    while (!reader.isDone) {
      for (let row = reader.next(); row !== null; row = reader.next()) {
        const id = Number(row.bytes.toString('utf8', row.starts[0], row.ends[0]));
        given.push({ table: reader.shape.table, id, isBetween: reader.isBetweenParts, place: reader.place });
      }
      await reader.arrival(signal);
    }
    await reader.close();
    const rows = given.filter(({ table }) => table === 'parts');
    expect(new Set(rows.map(({ id }) => id)).size).toBe(40_000);
    const ends = given.flatMap(({ isBetween }, at) => (isBetween ? [at] : []));
    const [size] = await server.query("SELECT ceil(pg_relation_size('parts') / 524288.0)::int AS parts");
    expect(ends).toHaveLength(Number(size?.['parts']) + 1);
    const jumps = given.flatMap(({ table, id }, at) => {
      const before = given[at - 1];
      return before !== undefined && (before.table !== table || before.id + 1 !== id) ? [at - 1] : [];
    });
    expect(jumps.filter((at) => !ends.includes(at))).toEqual([]);
    const places = given.flatMap(({ table, place }) => (place === 'within' ? [] : [[table, place]]));
    expect(places.map(([, place]) => place)).toEqual(['lastOfTable', 'last']);
    expect(places.map(([table]) => table).sort()).toEqual(['parts', 'small']);
  });

  test('goes on after an interruption with the parts that were not finished', async () => {
    await fill('long', 20_000);
    const stored = await expected('long');
    const first = await openReader(server, { tables: ['long'], laneCount: 2 });
    const taken = { rows: [] as string[], offsets: new Map() };
    await takeRows(first, taken, { stop: () => taken.rows.length >= 12_000 });
    await first.close();
    const already = taken.rows.length;
    const second = await openReader(server, { tables: ['long'], laneCount: 2, stored: taken.offsets });
    await takeRows(second, taken);
    await second.close();
    expect([...new Set(taken.rows)].sort()).toEqual(stored);
    // Two parts of 64 KiB were begun.
    const perPart = Math.ceil(2 ** 16 / 100);
    expect(taken.rows.length - stored.length).toBeLessThanOrEqual(2 * perPart);
    expect(already).toBeGreaterThanOrEqual(12_000);
    // What the second read saw may have been told by neither: no fence for a table of two moments.
    expect(taken.offsets.get('public.long')).toEqual(ofLaterMoments);
    const third = await openReader(server, { tables: ['long'], stored: taken.offsets });
    expect((await takeRows(third)).rows).toEqual([]);
    await third.close();
  });

  test.each([
    'VACUUM FULL rewritten',
    'CLUSTER rewritten USING rewritten_pkey',
    'ALTER TABLE rewritten ALTER v TYPE varchar(100)',
  ])('a table that is written anew meanwhile: %s', async (statement) => {
    await server.query('DROP TABLE IF EXISTS rewritten');
    await fill('rewritten', 10_000);
    const before = await expected('rewritten');
    const reader = await openReader(server, { tables: ['rewritten', 'small'] });
    const taken = { rows: [] as string[], offsets: new Map() };
    await takeRows(reader, taken, { stop: () => taken.rows.length === 3000 });
    const rewriting = server.query(statement);
    await takeRows(reader, taken);
    await rewriting;
    await reader.close();
    expect([...new Set(taken.rows)].sort()).toEqual(
      [...before, 'small(1,a)', 'small(2,NULL)', 'small(3,tab\there)'].sort(),
    );
    expect(taken.offsets.get('public.rewritten')).toEqual(ofLaterMoments);
  });

  test('a table that is gone meanwhile is no error', async () => {
    await fill('gone', 5000);
    const reader = await openReader(server, { tables: ['gone', 'small'] });
    const taken = { rows: [] as string[], offsets: new Map() };
    await takeRows(reader, taken, { stop: () => taken.rows.length === 1000 });
    const dropping = server.query('DROP TABLE gone');
    await takeRows(reader, taken);
    await dropping;
    await reader.close();
    expect(taken.rows.filter((each) => each.startsWith('small'))).toHaveLength(3);
  });

  test('a fence has seen what was read, and nothing that was not', async () => {
    const open = await server.connect();
    try {
      const idOf = async (client: { query(text: string): Promise<unknown> }) => {
        const result = (await client.query('SELECT txid_current()::bigint % (2::bigint ^ 32)::bigint AS id')) as
          | { rows: { id: string }[] }
          | { id: string }[];
        const rows = Array.isArray(result) ? result : result.rows;
        return Number(rows[0]?.id);
      };
      const seen = await idOf(server as never);
      await open.query('BEGIN');
      const running = await idOf(open);
      const seenToo = await idOf(server as never);
      const reader = await openReader(server, { tables: ['small'] });
      const later = await idOf(server as never);
      await open.query('COMMIT');
      const { offsets } = await takeRows(reader);
      await reader.close();
      const fence = decodeFence(offsets.get('public.small') ?? {});
      if (fence === undefined) throw new Error('there is no fence');
      expect([seen, running, seenToo, later].map((id) => hasSeen(fence, id))).toEqual([true, false, true, false]);
      const [row] = await server.query("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') AS lsn");
      expect(fence.endLsn > 0n && fence.endLsn <= BigInt(row?.['lsn'] ?? 0)).toBe(true);
    } finally {
      await open.end();
    }
  });

  test('partitions come under their own names, or under that of the table above them', async () => {
    await server.query('CREATE TABLE IF NOT EXISTS whole (id int, v text) PARTITION BY LIST (id)');
    await server.query('CREATE TABLE part_1 (v text, id int)');
    await server.query('ALTER TABLE whole ATTACH PARTITION part_1 FOR VALUES IN (1)');
    await server.query('CREATE TABLE part_2 PARTITION OF whole FOR VALUES IN (2)');
    await server.query("INSERT INTO whole VALUES (1, 'one'), (2, 'two')");
    const read = async (tables: string[], viaPartitionRoot: boolean) => {
      const reader = await openReader(server, { tables, viaPartitionRoot });
      const { rows, offsets } = await takeRows(reader);
      await reader.close();
      return [rows, [...offsets.keys()]];
    };
    expect(await read(['whole'], true)).toEqual([
      ['whole(1,one)', 'whole(2,two)'],
      ['public.part_1', 'public.part_2'],
    ]);
    expect(await read(['whole', 'part_1'], false)).toEqual([['part_1(one,1)'], ['public.part_1']]);
  });

  test('a table that is read holds no lock any more', async () => {
    const reader = await openReader(server, { tables: ['small'], laneCount: 2 });
    await takeRows(reader);
    const held = "SELECT FROM pg_locks WHERE relation = 'small'::regclass";
    while ((await server.query(held)).length > 0) await server.query('SELECT 1');
    expect(await server.query(held)).toEqual([]);
    await reader.close();
  });

  test('an error of the server fails the read', async () => {
    const reader = await openReader(server, {
      tables: ['small'],
      plan: async () => {
        throw new Error('no plan');
      },
    });
    await expect(takeRows(reader)).rejects.toThrow('no plan');
    await reader.close();
    await expect(openReader(server, { tables: [], slotSnapshot: 'nothing' })).rejects.toMatchObject({
      where: 'snapshot',
    });
  });
});
