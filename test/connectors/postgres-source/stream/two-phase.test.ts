/** Prepared transactions on real servers: told when they are prepared or when they are committed, once wherever a reader stops. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type PostgresServer, postgresVersions, startPostgres } from '../../../kits/postgres-server.ts';
import { type OpenedStream, openStream } from './opened-stream.ts';

describe.each(postgresVersions)('prepared transactions of Postgres %i', (version) => {
  let server: PostgresServer;
  const folder = mkdtempSync(join(tmpdir(), 'millrace-two-phase-'));
  const streams: OpenedStream[] = [];
  let tables = 0;

  const slotIsFree = () =>
    expect
      .poll(() => server.query(`SELECT active_pid FROM pg_replication_slots WHERE slot_name = 's${tables}'`))
      .toEqual([{ active_pid: null }]);
  const open = async (options: Partial<Parameters<typeof openStream>[1]> = {}) => {
    await slotIsFree();
    const stream = await openStream(server, { slotName: `s${tables}`, spoolFolder: folder, ...options });
    streams.push(stream);
    return stream;
  };
  /** A table of its own with a slot, `t1` and `s1`; the log before it is behind the slot. */
  const newTable = async ({ twoPhase = true } = {}) => {
    tables += 1;
    await server.query(`CREATE TABLE t${tables} (id int PRIMARY KEY, t text)`);
    await server.query(`SELECT pg_create_logical_replication_slot('s${tables}', 'pgoutput', false, ${twoPhase})`);
    return `t${tables}`;
  };
  const prepare = async (gid: string, ...statements: readonly string[]) => {
    const client = await server.connect();
    for (const each of ['BEGIN', ...statements, `PREPARE TRANSACTION '${gid}'`]) await client.query(each);
    await client.end();
  };
  const insert = (table: string, from: number, to = from) =>
    `INSERT INTO ${table} SELECT i, repeat('x', 100) FROM generate_series(${from}, ${to}) i`;
  const idsOf = (changes: OpenedStream['changes']) => changes.map(({ after }) => after?.['id']);
  const series = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
  /** Reads until the row has come; returns all that came, and where the reader stood. */
  const readTo = async (id: number, position?: OpenedStream['position'], most?: number) => {
    const stream = await open(position === undefined ? {} : { position });
    await stream.until(() => idsOf(stream.changes).includes(id), most);
    const read = { ids: idsOf(stream.changes), changes: [...stream.changes], position: stream.position };
    await stream.close();
    streams.pop();
    return read;
  };

  beforeAll(async () => {
    const settings = { logical_decoding_work_mem: '64kB', max_prepared_transactions: '10' };
    server = await startPostgres({ version, settings });
    await server.query('CREATE PUBLICATION pub FOR ALL TABLES');
  });
  afterEach(async () => {
    for (const stream of streams.splice(0)) await stream.close();
    await slotIsFree();
    await server.query(`SELECT pg_drop_replication_slot('s${tables}')`);
  });
  afterAll(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('come when they are prepared, and neither their commit nor their rollback tells anything', async () => {
    const table = await newTable();
    await prepare('kept', insert(table, 1, 2));
    await prepare('undone', insert(table, 3));
    const stream = await open();
    await stream.until(() => stream.changes.length === 3);
    await stream.until(() => stream.position.partial === undefined);
    const prepared = stream.position.lsn;
    await server.query("COMMIT PREPARED 'kept'");
    await server.query("ROLLBACK PREPARED 'undone'");
    await stream.until(() => stream.position.lsn > prepared);
    await server.query(insert(table, 4));
    await stream.until(() => stream.changes.length === 4);
    expect(idsOf(stream.changes)).toEqual([1, 2, 3, 4]);
    expect(stream.changes.map(({ op }) => op)).toEqual(['c', 'c', 'c', 'c']);
  });

  test('come once when they are committed, where the slot is not made for them', async () => {
    const table = await newTable({ twoPhase: false });
    await prepare('kept', insert(table, 1, 2));
    await prepare('undone', insert(table, 3));
    await server.query(insert(table, 4));
    await server.query("COMMIT PREPARED 'kept'");
    await server.query("ROLLBACK PREPARED 'undone'");
    await server.query(insert(table, 5));
    expect((await readTo(5)).ids).toEqual([4, 1, 2, 5]);
  });

  test('a reader that stops between prepare and commit, or in the middle, gets each change once', async () => {
    const table = await newTable();
    await prepare('one', insert(table, 1, 10));
    const ids: unknown[] = [];
    let position: OpenedStream['position'] | undefined;
    while (ids.length < 10) {
      const read = await readTo(10, position, 3);
      position = read.position;
      ids.push(...read.ids);
    }
    await server.query("COMMIT PREPARED 'one'");
    await server.query(insert(table, 11));
    ids.push(...(await readTo(11, position)).ids);
    expect(ids).toEqual(series(1, 11));
  });

  test('a large one comes in pieces, without what was rolled back in it', async () => {
    const table = await newTable();
    const undone = ['SAVEPOINT one', insert(table, 10_001, 12_000), 'ROLLBACK TO one'];
    await prepare('big', insert(table, 1, 3000), ...undone, insert(table, 3001, 5000));
    const stream = await open({ spoolMemoryBytes: 100_000 });
    await stream.until(() => stream.changes.length >= 5000);
    expect(stream.pieces).toBeGreaterThan(1);
    await server.query("COMMIT PREPARED 'big'");
    await server.query(insert(table, 5001));
    await stream.until(() => stream.changes.length > 5000);
    expect(idsOf(stream.changes)).toEqual(series(1, 5001));
    expect(stream.spooledBytes).toBe(0);
    await stream.close();
    // Wherever a reader stops, the rest comes.
    const first = await readTo(5001, undefined, 1234);
    const second = await readTo(5001, first.position);
    expect([...first.ids, ...second.ids]).toEqual(series(1, 5001));
  });

  test('what was rolled back in a piece is said with its place where that is asked for', async () => {
    const table = await newTable();
    await prepare('big', insert(table, 1, 3000), 'SAVEPOINT s', insert(table, 4000, 6000), 'ROLLBACK TO s');
    await server.query("COMMIT PREPARED 'big'");
    await server.query(insert(table, 3001));
    const parameters = new Map(version >= 16 ? [['streaming', 'parallel']] : []);
    const stream = await open({ parameters });
    await stream.until(() => idsOf(stream.changes).includes(3001));
    expect(idsOf(stream.changes)).toEqual(series(1, 3001));
  });

  test('one that was prepared before the slot was complete comes when it is committed, once wherever a reader stops', async () => {
    tables += 1;
    const table = `t${tables}`;
    await server.query(`CREATE TABLE ${table} (id int PRIMARY KEY, t text)`);
    const [first, second] = [await server.connect(), await server.connect()];
    await first.query('BEGIN');
    await first.query('SELECT pg_current_xact_id()');
    const waitsForAnother = async () => {
      const waiting = `SELECT transactionid FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE NOT l.granted AND l.locktype = 'transactionid' AND a.query LIKE '%pg_create_logical%'`;
      return (await server.query(waiting))[0]?.['transactionid'] ?? '';
    };
    const creator = await server.connect();
    const creating = creator.query(`SELECT pg_create_logical_replication_slot('s${tables}', 'pgoutput', false, true)`);
    await expect.poll(waitsForAnother).not.toBe('');
    const waitedFor = await waitsForAnother();
    await second.query('BEGIN');
    await second.query('SELECT pg_current_xact_id()');
    await first.query('COMMIT');
    // The second was open when the first had ended; whatever begins now is decoded, and is not waited for.
    await expect.poll(async () => ['', waitedFor].includes(await waitsForAnother())).toBe(false);
    await prepare('early', insert(table, 1, 10));
    await second.query('COMMIT');
    await creating;
    for (const client of [first, second, creator]) await client.end();
    const [slot] = await server.query(
      `SELECT confirmed_flush_lsn - '0/0' AS lsn FROM pg_replication_slots WHERE slot_name = 's${tables}'`,
    );
    let position: OpenedStream['position'] = { lsn: BigInt(slot?.['lsn'] ?? 0), partial: undefined };
    await server.query(insert(table, 11));
    const ids: unknown[] = [];
    const before = await readTo(11, position);
    expect(before.ids).toEqual([11]);
    await server.query("COMMIT PREPARED 'early'");
    await server.query(insert(table, 12));
    while (!ids.includes(12)) {
      const read = await readTo(12, position, 4);
      position = read.position;
      ids.push(...read.ids);
    }
    expect(ids).toEqual([11, ...series(1, 10), 12]);
  });
});
