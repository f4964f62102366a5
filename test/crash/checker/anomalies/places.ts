/** One value at two places, two values at one place, and values that nobody sent. */

import type { Anomaly } from '../anomaly.ts';
import { type Evidence, entryOf } from '../evidence.ts';

export function duplicates({ valuesAt }: Evidence): Anomaly[] {
  const places = new Map<string, string[]>();
  for (const [partition, offsets] of valuesAt) {
    for (const [offset, values] of offsets) {
      for (const value of values) entryOf(places, value, () => []).push(`${partition} ${offset}`);
    }
  }
  return [...places]
    .filter(([, at]) => at.length > 1)
    .map(([value, at]) => ({ kind: 'duplicate', message: `${value} is at ${at.join(' and at ')}` }));
}

export function inconsistentOffsets({ valuesAt }: Evidence): Anomaly[] {
  const anomalies: Anomaly[] = [];
  for (const [partition, offsets] of valuesAt) {
    for (const [offset, values] of offsets) {
      if (values.size < 2) continue;
      anomalies.push({
        kind: 'inconsistent-offset',
        message: `${partition} ${offset} holds ${[...values].join(', ')}`,
      });
    }
  }
  return anomalies;
}

export function phantomReads({ valuesAt, writers }: Evidence): Anomaly[] {
  const anomalies: Anomaly[] = [];
  for (const [partition, offsets] of valuesAt) {
    for (const [offset, values] of offsets) {
      for (const value of values) {
        if (writers.has(value)) continue;
        anomalies.push({ kind: 'phantom-read', message: `${partition} ${offset} holds ${value}, which nobody sent` });
      }
    }
  }
  return anomalies;
}
