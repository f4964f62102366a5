/** Acknowledged records of one process that stand in a partition in another order than it sent them. */

import type { Anomaly } from '../anomaly.ts';
import { type Evidence, entryOf } from '../evidence.ts';

export function sendOrder({ history }: Evidence): Anomaly[] {
  const anomalies: Anomaly[] = [];
  const positions = new Map<string, { offset: number; operation: number }>();
  for (const [index, { process, sends }] of history.entries()) {
    for (const { partition, offset, value } of sends) {
      if (offset === undefined) continue;
      const name = `${process} ${partition}`;
      const last = entryOf(positions, name, () => ({ offset: -1, operation: -1 }));
      if (offset <= last.offset) {
        const kind = last.operation === index ? 'internal-nonmonotonic-send' : 'nonmonotonic-send';
        anomalies.push({ kind, message: `${process} sent ${value} to ${partition} ${offset} after ${last.offset}` });
      }
      positions.set(name, { offset, operation: index });
    }
  }
  return anomalies;
}
