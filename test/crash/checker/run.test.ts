/** Short checker runs, one in a process that is killed and one that loses power; the long ones are the program beside this. */

import { expect, test } from 'vitest';
import { startChildBroker } from './brokers/child-broker.ts';
import { startPowerBroker } from './brokers/power-broker.ts';
import { isClean, runWorkload } from './workload/workload.ts';

const seed = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1_000_000);

test.each([
  ['a broker that is killed and cut off', startChildBroker, ['kill', 'cut', 'lose', 'restart'] as const],
  ['a broker that loses power and room', startPowerBroker, ['power', 'full', 'clock'] as const],
])(`no anomalies on %s, seed ${seed}`, { timeout: 180_000 }, async (_, start, faults) => {
  const broker = await start();
  try {
    const report = await runWorkload(broker, { seed, seconds: 4, faults, meanGapMs: 700 });
    expect(report.examples, JSON.stringify(report, null, 2)).toEqual([]);
    expect(isClean(report)).toBe(true);
    expect(report.acknowledgedRecords).toBeGreaterThan(10);
  } finally {
    await broker.close();
  }
});
