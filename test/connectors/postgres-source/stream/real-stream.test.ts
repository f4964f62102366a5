/** The stream of real servers: what is written comes out once and in order, also when transactions come in pieces and readers stop anywhere. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type PostgresServer, postgresVersions, startPostgres } from '../../../kits/postgres-server.ts';
import { type OpenedStream, openStream } from './opened-stream.ts';

describe.each(postgresVersions)('the stream of Postgres %i', (version) => {
  let server: PostgresServer;
  const folder = mkdtempSync(join(tmpdir(), 'millrace-stream-'));
  const streams: OpenedStream[] = [];

  const open = async (options: Partial<Parameters<typeof openStream>[1]> = {}) => {
    const stream = await openStream(server, { slotName: 's', spoolFolder: folder, ...options });
    streams.push(stream);
    return stream;
  };

  beforeAll(async () => {
    server = await startPostgres({ version, settings: { logical_decoding_work_mem: '64kB' } });
    await server.query('CREATE PUBLICATION pub FOR ALL TABLES');
  });
  afterEach(async () => {
    for (const stream of streams.splice(0)) await stream.close();
  });
  afterAll(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const withSlot = async (work: (slotName: string) => Promise<void>) => {
    const slotName = `s${Math.random().toString(36).slice(2, 10)}`;
    await server.query(`SELECT pg_create_logical_replication_slot('${slotName}', 'pgoutput')`);
    await work(slotName);
  };

  test('inserts, updates, deletes and truncates, each as it was', () =>
    withSlot(async (slotName) => {
      await server.query('CREATE TABLE a (id int PRIMARY KEY, t text)');
      await server.query("INSERT INTO a VALUES (1, 'one'), (2, 'zwölf')");
      await server.query("UPDATE a SET t = 'eins' WHERE id = 1");
      await server.query('UPDATE a SET id = 3 WHERE id = 2');
      await server.query('DELETE FROM a WHERE id = 1');
      await server.query('TRUNCATE a');
      const stream = await open({ slotName });
      await stream.until(() => stream.changes.length >= 8);
      expect(stream.changes.map(({ op, key, after }) => [op, key?.['id'], after?.['t']])).toEqual([
        ['c', 1, 'one'],
        ['c', 2, 'zwölf'],
        ['u', 1, 'eins'],
        ['d', 2, undefined],
        [undefined, 2, undefined],
        ['c', 3, 'zwölf'],
        ['d', 1, undefined],
        [undefined, 1, undefined],
      ]);
    }));

  test('a large transaction comes in pieces, without what was rolled back in it', () =>
    withSlot(async (slotName) => {
      await server.query('CREATE TABLE big (id int PRIMARY KEY, t text)');
      const client = await server.connect();
      await client.query('BEGIN');
      await client.query("INSERT INTO big SELECT i, repeat('x', 100) FROM generate_series(1, 3000) i");
      await client.query('SAVEPOINT one');
      await client.query("INSERT INTO big SELECT i, 'undone' FROM generate_series(10001, 13000) i");
      await client.query('ALTER TABLE big ADD COLUMN gone int');
      await client.query("INSERT INTO big SELECT i, 'undone', 1 FROM generate_series(20001, 23000) i");
      await client.query('ROLLBACK TO one');
      await client.query("INSERT INTO big SELECT i, 'kept' FROM generate_series(3001, 6000) i");
      await client.query('COMMIT');
      await client.query('BEGIN');
      await client.query("INSERT INTO big SELECT i, 'never' FROM generate_series(30001, 36000) i");
      await client.query('ROLLBACK');
      await client.query("INSERT INTO big VALUES (9999, 'last')");
      await client.end();
      const stream = await open({ slotName, spoolMemoryBytes: 100_000 });
      await stream.until(() => stream.changes.some(({ after }) => after?.['id'] === 9999));
      expect(stream.pieces).toBeGreaterThan(1);
      const ids = stream.changes.map(({ after }) => after?.['id']);
      expect(ids).toEqual([...Array.from({ length: 6000 }, (_, index) => index + 1), 9999]);
      expect(stream.changes.filter(({ after }) => 'gone' in (after ?? {}))).toEqual([]);
      expect(stream.spooledBytes).toBe(0);
    }));

  test('values of a column that is left out are readable in no file while their transaction is open', () =>
    withSlot(async (slotName) => {
      await server.query('CREATE TABLE hidden (id int PRIMARY KEY, note text, secret text)');
      const columns = { isIncluded: (name: string) => !name.endsWith('.secret'), transformOf: () => null };
      const stream = await open({ slotName, spoolMemoryBytes: 100_000, envelope: { columns } });
      const client = await server.connect();
      await client.query('BEGIN');
      const rows = "SELECT i, 'to be seen', 'never to be seen' FROM generate_series(1, 5000) i";
      await client.query(`INSERT INTO hidden ${rows}`);
      const files = () => {
        const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
        return Buffer.concat(entries.map(({ parentPath, name }) => readFileSync(join(parentPath, name))));
      };
      await stream.until(() => files().length > 200_000);
      expect(files().includes('to be seen')).toBe(false);
      await client.query('COMMIT');
      await client.end();
      await stream.until(() => stream.changes.length === 5000 && stream.spooledBytes === 0);
      expect(stream.changes.at(-1)?.after).toEqual({ id: 5000, note: 'to be seen' });
      expect(files().length).toBe(0);
    }));

  test('a reader that stops anywhere goes on behind what it took', () =>
    withSlot(async (slotName) => {
      await server.query('CREATE TABLE steps (id int PRIMARY KEY)');
      for (let id = 0; id < 30; id += 10) {
        const rows = Array.from({ length: 10 }, (_, index) => `(${id + index})`).join(', ');
        await server.query(`INSERT INTO steps VALUES ${rows}`);
      }
      await server.query('INSERT INTO steps VALUES (30)');
      const ids: unknown[] = [];
      let position = { lsn: 0n, partial: undefined } as OpenedStream['position'];
      while (ids.length < 31) {
        const stream = await open({ slotName, position });
        await stream.until(() => stream.changes.length >= 7 || ids.length + stream.changes.length === 31, 7);
        ids.push(...stream.changes.map(({ after }) => after?.['id']));
        position = stream.position;
        await stream.close();
      }
      expect(ids).toEqual(Array.from({ length: 31 }, (_, index) => index));
    }));

  test('the slot moves when what was read is durable, and while nothing happens', () =>
    withSlot(async (slotName) => {
      await server.query('CREATE TABLE idle (id int PRIMARY KEY)');
      const stream = await open({ slotName });
      await server.query('INSERT INTO idle VALUES (1)');
      await stream.until(() => stream.position.lsn > 0n);
      const confirmed = async () => {
        const text = `SELECT confirmed_flush_lsn - '0/0' AS lsn FROM pg_replication_slots WHERE slot_name = '${slotName}'`;
        return BigInt((await server.query(text))[0]?.['lsn'] ?? 0);
      };
      const taken = stream.position.lsn;
      expect(await confirmed()).toBeLessThan(taken);
      stream.acknowledge(taken);
      await expect.poll(confirmed).toBe(taken);
      // Nothing of this is captured.
      await server.query('SELECT pg_switch_wal()');
      await server.query('CHECKPOINT');
      await stream.until(() => stream.quietLsn > taken);
      stream.acknowledge(stream.quietLsn);
      await expect.poll(confirmed).toBeGreaterThan(taken);
    }));

  test('logical messages, of transactions and of none', () =>
    withSlot(async (slotName) => {
      await server.query("SELECT pg_logical_emit_message(true, 'in', 'content')");
      await server.query("SELECT pg_logical_emit_message(false, 'out', '\\x0001'::bytea)");
      const client = await server.connect();
      await client.query('BEGIN');
      await client.query("SELECT pg_logical_emit_message(true, 'undone', 'x')");
      await client.query('ROLLBACK');
      await client.end();
      const stream = await open({ slotName });
      await stream.until(() => stream.changes.length === 2);
      expect(stream.changes.map(({ op, message }) => [op, message])).toEqual([
        ['m', { prefix: 'in', content: Buffer.from('content').toString('base64') }],
        ['m', { prefix: 'out', content: 'AAE=' }],
      ]);
    }));

  test('a server that is stopped ends promptly while it is read, and the reader hears of it', () =>
    withSlot(async (slotName) => {
      const stream = await open({ slotName });
      // The server waits until everything is acknowledged, its last words included.
      const read = stream.until(() => {
        stream.acknowledge(stream.quietLsn);
        return false;
      });
      const ended = expect(read).rejects.toMatchObject({ code: 'postgres/unreachable', retriable: true });
      const startedMs = performance.now();
      await server.stop();
      await ended;
      expect(performance.now() - startedMs).toBeLessThan(10_000);
      await server.start({ logical_decoding_work_mem: '64kB' });
    }));

  test('what cannot work says why', async () => {
    await expect(openStream(server, { slotName: 's', spoolFolder: folder, password: 'wrong' })).rejects.toMatchObject({
      code: 'postgres/refused',
      retriable: false,
    });
    const stream = await open({ slotName: 'no_such_slot' });
    await expect(stream.until(() => false)).rejects.toMatchObject({ code: 'postgres/slot-lost' });
  });
});
