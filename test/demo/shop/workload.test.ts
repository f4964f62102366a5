/** The shop's round on a real Postgres: every kind of change comes up, and the shop stays as small as it was. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { schema } from '../../../demo/shop/schema.ts';
import { round, runWorkload } from '../../../demo/shop/workload.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { type PostgresServer, startPostgres } from '../../kits/postgres-server.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres({ version: 18 });
  const client = await server.connect();
  await client.query(schema);
  await client.end();
});
afterAll(() => server.close());

const count = async (table: string) => Number((await server.query(`SELECT count(*) FROM ${table}`))[0]?.['count']);

test('many rounds leave as many orders as there were', async () => {
  for (let rounds = 0; rounds < 20; rounds++) for (const statement of round) await server.query(statement);
  expect(await count('orders')).toBeLessThan(10);
  const [{ last } = {}] = await server.query('SELECT max(id) AS last FROM orders');
  expect(Number(last)).toBe(82);
  const statuses = await server.query('SELECT DISTINCT status FROM orders');
  for (const { status } of statuses) expect(['new', 'paid', 'shipped']).toContain(status);
});

test('goes on where somebody has emptied the tables', async () => {
  await server.query('DELETE FROM orders');
  for (const statement of round) await server.query(statement);
  await server.query('DELETE FROM orders');
  await server.query('DELETE FROM products');
  for (const statement of round) await server.query(statement);
});

test('keeps its rate, starts none while one runs, and stops when told', async () => {
  const clock = new FakeClock();
  const stopping = new AbortController();
  let started = 0;
  let answer: PromiseWithResolvers<void> | undefined;
  const database = {
    query: () => {
      started++;
      return answer?.promise ?? Promise.resolve();
    },
  };
  const running = runWorkload({ database, ratePerSecond: 10, clock, signal: stopping.signal });
  await clock.advance(1_000);
  expect(started).toBe(11);
  answer = Promise.withResolvers<void>();
  await clock.advance(5_000);
  expect(started).toBe(12);
  const slow = answer;
  answer = undefined;
  slow.resolve();
  await clock.advance(200);
  expect(started).toBe(15);
  stopping.abort();
  await running;
  await runWorkload({ database, ratePerSecond: 0, clock, signal: new AbortController().signal });
  expect(started).toBe(15);
});
