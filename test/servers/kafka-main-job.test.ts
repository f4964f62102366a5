/** The main job with its worker on a cluster of Apache Kafka: workers, threads and brokers are killed, and every line arrives exactly once. */

import { expect, test } from 'vitest';
import { runMainJob } from '../crash/main-job.ts';
import { kafkaBrokers } from './kafka-brokers.ts';

const seed = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1_000_000);

test(`the main job on three brokers, seed ${seed}`, { timeout: 900_000 }, async () => {
  const report = await runMainJob({
    kills: 12,
    files: 6,
    bytes: 20_000_000,
    store: 's3',
    seed,
    longestRunMs: 6_000,
    brokers: kafkaBrokers,
  });
  const exact = { missing: 0, duplicates: 0, outOfOrder: 0, corrupt: 0, examples: [] };
  expect(report).toMatchObject({ topic: exact, target: exact, targetEqualsTopic: true });
  expect(report.objects).toBeGreaterThan(0);
});
