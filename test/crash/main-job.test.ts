/** The main job is killed a few times at random instants, with each kind of target and broker; the long run is the program beside this. */

import { expect, test } from 'vitest';
import { runMainJob } from './main-job.ts';

const seed = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1_000_000);

test.each([
  ['local', 'within'],
  ['s3', 'apart'],
] as const)(
  `every line arrives exactly once in %s, with the broker %s, whatever is killed, seed ${seed}`,
  { timeout: 240_000 },
  async (store, brokers) => {
    const job = { kills: 7, files: 6, bytes: 40_000_000, store, brokers, seed, longestRunMs: 3_000 };
    const report = await runMainJob(job);
    const exact = { missing: 0, duplicates: 0, outOfOrder: 0, corrupt: 0, examples: [] };
    expect(report).toMatchObject({ topic: exact, target: exact, targetEqualsTopic: true });
    expect(report.objects).toBeGreaterThan(0);
  },
);
