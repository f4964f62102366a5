/** Change data capture is killed a few times at random instants; the long run is the program beside this. */

import { expect, test } from 'vitest';
import { postgresVersions } from '../kits/postgres-server.ts';
import { runPostgres } from './postgres.ts';

const seed = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1_000_000);

test.each(postgresVersions)(
  `every change of Postgres %i arrives once and in order, whatever is killed, seed ${seed}`,
  { timeout: 240_000 },
  async (version) => {
    const report = await runPostgres({ version, kills: 5, rows: 20_000, seed, longestRunMs: 3_000 });
    const exact = { missing: 0, duplicates: 0, outOfOrder: 0, different: 0, examples: [] };
    expect(report).toMatchObject(exact);
    expect(report.arrived).toBeGreaterThan(20_000);
    expect(report.onDemand).toBeGreaterThan(1_000);
    // One part of the snapshot for each kill, at most.
    expect(report.readAgain).toBeLessThan(5 * 1_000);
  },
);

test(`no transaction of Postgres is ever seen in part, whatever is killed, seed ${seed}`, {
  timeout: 240_000,
}, async () => {
  const boundary = 'connector';
  const report = await runPostgres({ version: 18, kills: 4, rows: 20_000, seed, longestRunMs: 3_000, boundary });
  expect(report).toMatchObject({ missing: 0, duplicates: 0, outOfOrder: 0, different: 0, split: 0, examples: [] });
  expect(report.arrived).toBeGreaterThan(20_000);
});
