/** A planted bug: the disk says it has synced what it has not. The power fails, and the checker must miss what was acknowledged. */

import { expect, test } from 'vitest';
import type { Disk } from '../../../core/base/disk.ts';
import { startPowerBroker } from './brokers/power-broker.ts';
import { runWorkload } from './workload/workload.ts';

const records = /\/x-\d+\/\d+\.log$/;

/** Forwards everything but the syncs of the files with records. */
function lyingDisk(disk: Disk): Disk {
  return new Proxy(disk, {
    get: (target, name: keyof Disk) => {
      const call = target[name].bind(target) as (...args: unknown[]) => unknown;
      if (name !== 'open') return call;
      return async (...args: Parameters<Disk['open']>) => {
        const file = await target.open(...args);
        return records.test(file.path) ? { ...file, sync: () => Promise.resolve() } : file;
      };
    },
  });
}

const options = { seed: 5, seconds: 3, faults: ['power'], meanGapMs: 700, hasTransactions: false } as const;

test.each([
  ['an honest disk', (disk: Disk) => disk, []],
  ['a disk that lies', lyingDisk, ['lost-write']],
])('power failures on %s', async (_, wrapDisk, expected) => {
  const broker = await startPowerBroker({ wrapDisk });
  try {
    const report = await runWorkload(broker, options);
    expect(report.faults['power']).toBeGreaterThan(1);
    expect(Object.keys(report.anomalies), report.examples.join('\n')).toEqual(expect.arrayContaining(expected));
    if (expected.length === 0) expect(report.anomalies).toEqual({});
  } finally {
    await broker.close();
  }
});
