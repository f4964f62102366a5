/** Acknowledged records that a later read to the end does not have: lost when it read past them, unseen when it ended before. */

import type { Anomaly } from '../anomaly.ts';
import { type Evidence, entryOf } from '../evidence.ts';
import type { History, Operation, Poll, Send } from '../history.ts';

interface Acknowledged extends Send {
  readonly process: string;
  readonly at: number;
}

export function lostWrites({ history, lastReads }: Evidence): Anomaly[] {
  const acknowledged = acknowledgedWrites(history);
  const anomalies = new Map<string, Anomaly>();
  for (const read of history) {
    if (read.kind !== 'read-all' || read.outcome !== 'ok') continue;
    for (const poll of read.polls) {
      const isLast = lastReads.get(poll.partition)?.startedAt === read.startedAt;
      // A reader of committed records stops where a transaction is open; at the last read none is.
      const isHeldUp = !isLast && history.some((operation) => mayHoldUp(operation, read, poll));
      const { partition, fromOffset, toOffset, records } = poll;
      const seen = new Set(records.map(({ value }) => value));
      for (const write of acknowledged.get(partition) ?? []) {
        const isDue = write.at < read.startedAt && (write.offset ?? 0) >= fromOffset;
        // Of a record without an offset only a read of everything can say that it is missing.
        if (!isDue || seen.has(write.value) || (write.offset === undefined && fromOffset > 0)) continue;
        const isLost = write.offset === undefined ? isLast && records.length > 0 : write.offset < toOffset;
        if (!isLost && isHeldUp) continue;
        const where = `${write.value} of ${write.process} at ${partition} ${write.offset ?? 'somewhere'}`;
        const message = `${where} was acknowledged, and ${read.process} read ${fromOffset} to ${toOffset} without it`;
        anomalies.set(write.value, { kind: isLost ? 'lost-write' : 'unseen', message });
      }
    }
  }
  return [...anomalies.values()];
}

function acknowledgedWrites(history: History): Map<string, Acknowledged[]> {
  const acknowledged = new Map<string, Acknowledged[]>();
  for (const { outcome, process, endedAt, sends } of history) {
    if (outcome !== 'ok') continue;
    for (const send of sends) entryOf(acknowledged, send.partition, () => []).push({ ...send, process, at: endedAt });
  }
  return acknowledged;
}

function mayHoldUp({ kind, outcome, startedAt, endedAt, sends }: Operation, read: Operation, poll: Poll): boolean {
  if (kind !== 'transaction' || startedAt > read.endedAt) return false;
  const isOver = outcome !== 'info' && endedAt < read.startedAt;
  return (
    !isOver && sends.some(({ partition, offset }) => partition === poll.partition && (offset ?? 0) <= poll.toOffset)
  );
}
