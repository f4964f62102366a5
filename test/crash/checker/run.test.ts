/** A short checker run in a process that is killed; longer ones, and those that lose power, are the program beside this. */

import { expect, test } from 'vitest';
import { startChildBroker } from './brokers/child-broker.ts';
import { isClean, runWorkload } from './workload/workload.ts';

const seed = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1_000_000);

test(`no anomalies on a broker that is killed and cut off, seed ${seed}`, { timeout: 180_000 }, async () => {
  const broker = await startChildBroker();
  try {
    const faults = ['kill', 'cut', 'lose', 'restart'] as const;
    const report = await runWorkload(broker, { seed, seconds: 4, faults, meanGapMs: 700 });
    expect(report.examples, JSON.stringify(report, null, 2)).toEqual([]);
    expect(isClean(report)).toBe(true);
    expect(report.acknowledgedRecords).toBeGreaterThan(10);
  } finally {
    await broker.close();
  }
});
