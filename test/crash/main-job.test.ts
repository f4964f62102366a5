/** The main job is killed a few times at random instants, with each kind of target; the long run is the program beside this. */

import { expect, test } from 'vitest';
import { lineBytes } from './lines.ts';
import { runMainJob } from './main-job.ts';

const seed = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1_000_000);
const kills = 5;
/** What one poll of the source may hold, the most a kill can double. */
const linesInFlight = Math.ceil((4 * 1024 * 1024) / lineBytes) + 1;

test.each(['local', 's3'] as const)(
  `kills lose nothing on the way to %s, seed ${seed}`,
  { timeout: 240_000 },
  async (store) => {
    const report = await runMainJob({ kills, files: 6, bytes: 40_000_000, store, seed, longestRunMs: 3_000 });
    const clean = { missing: 0, outOfOrder: 0, corrupt: 0, examples: [] };
    expect(report).toMatchObject({ topic: clean, target: clean, targetEqualsTopic: true });
    expect(report.topic.duplicates).toBeLessThanOrEqual(kills * linesInFlight);
    expect(report.objects).toBeGreaterThan(0);
  },
);
