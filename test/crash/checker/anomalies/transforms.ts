/** Records that were read, transformed and written in one transaction with their offset: each once, and in the end all. */

import type { Anomaly } from '../anomaly.ts';
import { type Evidence, entryOf } from '../evidence.ts';

/** @param drained input partitions whose records were all to be transformed before the last read, with the topics to hold the results */
export function transforms(
  { history, lastReads }: Evidence,
  drained: ReadonlyMap<string, readonly string[]>,
): Anomaly[] {
  const made = new Map<string, string[]>();
  for (const { sends } of history) {
    for (const { partition, value, from } of sends) {
      if (from === undefined || lastReads.get(partition)?.values.has(value) !== true) continue;
      entryOf(made, `${from} in ${topicOf(partition)}`, () => []).push(value);
    }
  }
  const anomalies: Anomaly[] = [...made]
    .filter(([, values]) => values.length > 1)
    .map(([what, values]) => ({ kind: 'transformed-twice', message: `${what} became ${values.join(' and ')}` }));
  for (const [partition, topics] of drained) {
    for (const { value, offset } of lastReads.get(partition)?.records ?? []) {
      for (const topic of topics) {
        if (made.has(`${value} in ${topic}`)) continue;
        const message = `${value} at ${partition} ${offset} was passed over: ${topic} has nothing made of it`;
        anomalies.push({ kind: 'never-transformed', message });
      }
    }
  }
  return anomalies;
}

const topicOf = (partition: string) => partition.slice(0, partition.lastIndexOf('-'));
