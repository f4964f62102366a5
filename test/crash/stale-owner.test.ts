/** A stale owner is refused at the topic and at the target; the longer stop is the program beside this. */

import { expect, test } from 'vitest';
import { runStaleOwner } from './stale-owner.ts';

const seed = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1_000_000);

test.each(['local', 's3'] as const)(
  `a process that was stopped and replaced doubles nothing in %s, seed ${seed}`,
  { timeout: 240_000 },
  async (store) => {
    const report = await runStaleOwner({ store, seed, stoppedMs: 2_000 });
    const exact = { missing: 0, duplicates: 0, outOfOrder: 0, corrupt: 0, examples: [] };
    expect(report).toMatchObject({ topic: exact, target: exact, targetEqualsTopic: true });
    expect(report.fenced['services-source']).toBeGreaterThan(0);
  },
);
