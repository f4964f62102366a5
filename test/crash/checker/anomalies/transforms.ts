/** Records that were read, transformed and written in one transaction with their offset: each once, and in the end all. */

import type { Anomaly } from '../anomaly.ts';
import { type Evidence, entryOf } from '../evidence.ts';

/** @param drained partitions whose records were all to be transformed before the last read */
export function transforms({ history, lastReads }: Evidence, drained: ReadonlySet<string>): Anomaly[] {
  const made = new Map<string, string[]>();
  for (const { sends } of history) {
    for (const { partition, value, from } of sends) {
      if (from === undefined || lastReads.get(partition)?.values.has(value) !== true) continue;
      entryOf(made, from, () => []).push(value);
    }
  }
  const anomalies: Anomaly[] = [...made]
    .filter(([, values]) => values.length > 1)
    .map(([from, values]) => ({ kind: 'transformed-twice', message: `${from} became ${values.join(' and ')}` }));
  for (const partition of drained) {
    for (const { value, offset } of lastReads.get(partition)?.records ?? []) {
      if (made.has(value)) continue;
      const message = `${value} at ${partition} ${offset} was passed over: its offset was committed, nothing was made of it`;
      anomalies.push({ kind: 'never-transformed', message });
    }
  }
  return anomalies;
}
