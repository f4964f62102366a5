/** Commits that were granted to a process after another one had taken its transactional id over. */

import type { Anomaly } from '../anomaly.ts';
import { type Evidence, entryOf } from '../evidence.ts';
import type { Operation } from '../history.ts';

export function ignoredFences({ history }: Evidence): Anomaly[] {
  const takeovers = new Map<string, Operation[]>();
  for (const operation of history) {
    const { kind, outcome, transactionalId } = operation;
    if (kind === 'init' && outcome === 'ok' && transactionalId !== undefined)
      entryOf(takeovers, transactionalId, () => []).push(operation);
  }
  const anomalies: Anomaly[] = [];
  for (const { kind, outcome, process, transactionalId, committingAt } of history) {
    if (kind !== 'transaction' || outcome !== 'ok' || transactionalId === undefined) continue;
    const inits = takeovers.get(transactionalId) ?? [];
    const own = inits.findLast((init) => init.process === process);
    const later = inits.find(
      (init) => init !== own && init.startedAt > (own?.endedAt ?? -1) && init.endedAt < (committingAt ?? 0),
    );
    if (later === undefined) continue;
    const message = `${process} committed as ${transactionalId} after ${later.process} had taken it over`;
    anomalies.push({ kind: 'fence-ignored', message });
  }
  return anomalies;
}
