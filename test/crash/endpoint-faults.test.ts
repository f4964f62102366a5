/** A misbehaving S3 endpoint, with every phase cut to a fiftieth of its full time. */

import { expect, test } from 'vitest';
import { runEndpointFaults } from './endpoint-faults.ts';

test('an endpoint that refuses, resets, lies and vanishes costs nothing but time', { timeout: 180_000 }, async () => {
  const report = await runEndpointFaults({ scale: 0.02, seed: 1 });
  const clean = { missing: 0, duplicates: 0, doubled: [], outOfOrder: 0, corrupt: 0, examples: [] };
  expect(report).toMatchObject({ topic: clean, target: clean, targetEqualsTopic: true, taskFailures: 0 });
  expect(Object.keys(report.faults)).toEqual(expect.arrayContaining(['error', 'reset']));
});
