/** Transactions seen although they were aborted, and transactions seen in part. */

import type { Anomaly } from '../anomaly.ts';
import type { Evidence } from '../evidence.ts';

export function abortedReads({ history, writers }: Evidence): Anomaly[] {
  const anomalies: Anomaly[] = [];
  for (const { process, polls } of history) {
    for (const { partition, records } of polls) {
      for (const { offset, value } of records) {
        const writer = writers.get(value)?.operation;
        if (writer?.outcome !== 'fail') continue;
        const message = `${process} read ${value} at ${partition} ${offset}, which ${writer.process} did not bring about`;
        anomalies.push({ kind: 'aborted-read', message });
      }
    }
  }
  return anomalies;
}

/** Judged by the last reads, when no transaction is open any more. */
export function tornTransactions({ history, lastReads }: Evidence): Anomaly[] {
  const anomalies: Anomaly[] = [];
  for (const { kind, outcome, process, sends } of history) {
    if (kind !== 'transaction' || outcome === 'fail') continue;
    const judged = sends.filter(({ partition }) => lastReads.has(partition));
    const missing = judged.filter(({ partition, value }) => lastReads.get(partition)?.values.has(value) !== true);
    if (missing.length === 0 || missing.length === judged.length) continue;
    const names = missing.map(({ partition, value }) => `${value} in ${partition}`).join(', ');
    anomalies.push({
      kind: 'torn-transaction',
      message: `of ${judged.length} records of a transaction of ${process} these are missing: ${names}`,
    });
  }
  return anomalies;
}
