/** Records in an order that time forbids: behind one that began after this one had ended, or read before they were sent. */

import type { Anomaly } from '../anomaly.ts';
import type { Evidence } from '../evidence.ts';
import type { Operation } from '../history.ts';

export function realtimeOrder({ history, visible, valuesAt, writers }: Evidence): Anomaly[] {
  const anomalies: Anomaly[] = [];
  for (const [partition, offsets] of visible) {
    let latest: Operation | undefined;
    for (const offset of offsets) {
      const [value = ''] = valuesAt.get(partition)?.get(offset) ?? [];
      const writer = writers.get(value)?.operation;
      if (writer === undefined) continue;
      // What nobody knows the outcome of may have taken effect long after its process gave up.
      if (latest !== undefined && writer.outcome === 'ok' && writer.endedAt < latest.startedAt) {
        const message = `${value} at ${partition} ${offset} was acknowledged to ${writer.process} before ${latest.process} began to write what stands before it`;
        anomalies.push({ kind: 'realtime-order', message });
      }
      if (latest === undefined || writer.startedAt > latest.startedAt) latest = writer;
    }
  }
  for (const { process, endedAt, polls } of history) {
    for (const { partition, records } of polls) {
      for (const { value, offset } of records) {
        if ((writers.get(value)?.operation.startedAt ?? 0) <= endedAt) continue;
        const message = `${process} read ${value} at ${partition} ${offset} before it was sent`;
        anomalies.push({ kind: 'realtime-order', message });
      }
    }
  }
  return anomalies;
}
