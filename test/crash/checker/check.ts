/** Judges a history: every kind of anomaly, from one look at what the operations say together. */

import { cycles } from './anomalies/cycles.ts';
import { ignoredFences } from './anomalies/fences.ts';
import { lostWrites } from './anomalies/lost-writes.ts';
import { duplicates, inconsistentOffsets, phantomReads } from './anomalies/places.ts';
import { pollOrder } from './anomalies/polls.ts';
import { realtimeOrder } from './anomalies/realtime.ts';
import { sendOrder } from './anomalies/sends.ts';
import { abortedReads, tornTransactions } from './anomalies/transactions.ts';
import { transforms } from './anomalies/transforms.ts';
import type { Anomaly } from './anomaly.ts';
import { collectEvidence } from './evidence.ts';
import type { History } from './history.ts';

export interface CheckOptions {
  /** Input partitions whose records were all to be transformed before the last read, with the topics to hold the results. */
  readonly drained?: ReadonlyMap<string, readonly string[]>;
  /** Of a system whose transactions do not interleave; Kafka's do. */
  readonly isWriteIsolated?: boolean;
}

export function check(
  history: History,
  { drained = new Map(), isWriteIsolated = false }: CheckOptions = {},
): Anomaly[] {
  const evidence = collectEvidence(history);
  return [
    ...lostWrites(evidence),
    ...duplicates(evidence),
    ...inconsistentOffsets(evidence),
    ...phantomReads(evidence),
    ...abortedReads(evidence),
    ...tornTransactions(evidence),
    ...pollOrder(evidence),
    ...sendOrder(evidence),
    ...ignoredFences(evidence),
    ...transforms(evidence, drained),
    ...realtimeOrder(evidence),
    ...cycles(evidence, isWriteIsolated),
  ];
}
