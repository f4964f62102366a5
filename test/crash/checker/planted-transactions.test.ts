/** Planted bugs of a transaction coordinator, put between clients and broker: each must be found, and nothing without them. */

import { expect, test } from 'vitest';
import type { AnomalyKind } from './anomaly.ts';
import { startPowerBroker } from './brokers/power-broker.ts';
import type { Tampering } from './brokers/tampering-proxy.ts';
import { answerBeforeMarkers, ignoreFences, markersBeforeData } from './brokers/tamperings.ts';
import { runWorkload } from './workload/workload.ts';

const honest: Tampering = { onRequest: () => {} };

test.each<[string, Tampering, readonly AnomalyKind[]]>([
  ['no bug', honest, []],
  [
    'commits that are answered before their markers are written',
    answerBeforeMarkers(400),
    // Late for a reader; and when the id is taken over in between, they never come.
    ['unseen', 'lost-write'],
  ],
  [
    'markers that overtake the records of their transaction',
    markersBeforeData(200),
    ['lost-write', 'torn-transaction'],
  ],
  ['fences that are ignored', ignoreFences(), ['fence-ignored']],
])('%s', { timeout: 180_000 }, async (_, tampering, expected) => {
  const broker = await startPowerBroker({ tampering });
  try {
    const { anomalies, examples } = await runWorkload(broker, { seed: 3, seconds: 5, faults: [] });
    if (expected.length === 0) expect(examples).toEqual([]);
    else
      expect(
        expected.filter((kind) => anomalies[kind] !== undefined),
        examples.join('\n'),
      ).not.toEqual([]);
  } finally {
    await broker.close();
  }
});
