/** Rows by COPY from a real server: all of them, as they are, and the connection is usable afterwards. */

import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { valueKinds } from '../../../../connectors/postgres-source/row.ts';
import { CopyFrames } from '../../../../connectors/postgres-source/snapshot/copy-frames.ts';
import { CopyOut } from '../../../../connectors/postgres-source/snapshot/copy-out.ts';
import { type PostgresServer, startPostgres } from '../../../kits/postgres-server.ts';

let server: PostgresServer;
let client: pg.Client;

beforeAll(async () => {
  server = await startPostgres({ version: 15 });
  client = await server.connect();
});
afterAll(async () => {
  await client.end();
  await server.close();
});

async function rowsOf(statement: string, width: number): Promise<(string | null)[][]> {
  let ready = Promise.withResolvers<void>();
  const copy = new CopyOut(client, statement, width, () => ready.resolve());
  const rows: (string | null)[][] = [];
  while (!copy.isDone) {
    for (let tuple = copy.next(); tuple !== null; tuple = copy.next()) {
      const { bytes, kinds, starts, ends } = tuple;
      const texts = Array.from({ length: width }, (_, i) => bytes.toString('utf8', starts[i], ends[i]));
      rows.push(texts.map((text, i) => (kinds[i] === valueKinds.null ? null : text)));
    }
    if (copy.isDone) break;
    await ready.promise;
    ready = Promise.withResolvers();
  }
  return rows;
}

test('many rows, with more than waits at a time', async () => {
  const statement =
    "SELECT n, CASE WHEN n % 3 = 0 THEN NULL ELSE repeat(E'a\\\\\\tb', n % 50) END FROM generate_series(1, 100000) n";
  const rows = await rowsOf(statement, 2);
  const expected = (await client.query(statement)).rows.map((row: Record<string, string | null>) => Object.values(row));
  expect(rows.length).toBe(100_000);
  expect(rows).toEqual(expected);
});

test('none, and a row larger than a chunk', async () => {
  expect(await rowsOf('SELECT 1 WHERE false', 1)).toEqual([]);
  const [row] = await rowsOf("SELECT repeat('x', 3000000)", 1);
  expect(row?.[0]).toHaveLength(3_000_000);
});

test('an error of the server is thrown, and the connection goes on', async () => {
  await expect(rowsOf('SELECT 1 / (3 - n) FROM generate_series(1, 5) n', 1)).rejects.toMatchObject({
    code: '22012',
    message: 'division by zero',
  });
  await expect(rowsOf('SELECT * FROM nowhere', 1)).rejects.toMatchObject({ code: '42P01' });
  expect((await client.query('SELECT 5 AS five')).rows).toEqual([{ five: '5' }]);
  expect(await rowsOf('SELECT 7', 1)).toEqual([['7']]);
});

test('a connection that breaks is an error', async () => {
  const own = await server.connect();
  const failed = Promise.withResolvers<void>();
  const copy: CopyOut = new CopyOut(own, 'SELECT pg_sleep(60)', 1, () => {
    try {
      copy.next();
    } catch (error) {
      failed.reject(error);
    }
  });
  let pid: string | null | undefined;
  while (pid === undefined) {
    const rows = await server.query("SELECT pid FROM pg_stat_activity WHERE query LIKE 'COPY (SELECT pg_sleep%'");
    pid = rows[0]?.['pid'];
  }
  await server.query('SELECT pg_terminate_backend($1)', [pid]);
  await expect(failed.promise).rejects.toThrow(/terminat|closed/);
  await own.end().catch(() => {});
});

test('frames may be divided at every byte', () => {
  const message = (tag: string, body: string) => {
    const head = Buffer.alloc(5);
    head.write(tag);
    head.writeUInt32BE(body.length + 4, 1);
    return Buffer.concat([head, Buffer.from(body)]);
  };
  const all = Buffer.concat([
    message('H', '\0\0\0'),
    message('d', 'one'),
    message('d', ''),
    message('N', 'Mnotice\0\0'),
    message('d', 'two'),
    message('c', ''),
    message('E', 'SERROR\0C57014\0Mstopped\0\0'),
    message('Z', 'I'),
  ]);
  for (let size = 1; size <= all.length; size++) {
    const frames = new CopyFrames();
    let data = '';
    for (let at = 0; at < all.length; at += size) {
      frames.feed(all.subarray(at, at + size));
      while (frames.next()) data += frames.bytes.toString('utf8', frames.start, frames.end);
    }
    expect([size, data, frames.isDone, frames.failure?.code]).toEqual([size, 'onetwo', true, '57014']);
  }
});
