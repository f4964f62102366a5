/** Readers that go back, or pass over records that others saw: within one poll and from one poll to the next. */

import type { Anomaly } from '../anomaly.ts';
import { type Evidence, entryOf } from '../evidence.ts';
import type { Poll } from '../history.ts';

export function pollOrder({ history, visible }: Evidence): Anomaly[] {
  const anomalies: Anomaly[] = [];
  /** By process and partition: the last offset it was given since it could last go anywhere. */
  const positions = new Map<string, Map<string, number>>();
  for (const { kind, process, polls } of history) {
    if (kind === 'assign') positions.delete(process);
    if (kind === 'read-all') for (const poll of polls) anomalies.push(...withinPoll(process, poll, visible));
    if (kind !== 'poll' && kind !== 'transaction') continue;
    const own = entryOf(positions, process, () => new Map<string, number>());
    for (const poll of polls) {
      anomalies.push(...withinPoll(process, poll, visible));
      const first = poll.records[0]?.offset;
      if (first === undefined) continue;
      const last = own.get(poll.partition);
      if (last !== undefined) {
        const message = `${process} went in ${poll.partition} from ${last} to ${first} in its next poll`;
        if (first <= last) anomalies.push({ kind: 'nonmonotonic-poll', message });
        else if (isPassedOver(visible.get(poll.partition), last, first)) anomalies.push({ kind: 'poll-skip', message });
      }
      own.set(poll.partition, poll.records.at(-1)?.offset ?? first);
    }
  }
  return anomalies;
}

function withinPoll(process: string, { partition, records }: Poll, visible: Evidence['visible']): Anomaly[] {
  const anomalies: Anomaly[] = [];
  for (let index = 1; index < records.length; index += 1) {
    const before = records[index - 1]!.offset;
    const { offset } = records[index]!;
    const message = `${process} went in ${partition} from ${before} to ${offset} within a poll`;
    if (offset <= before) anomalies.push({ kind: 'internal-nonmonotonic-poll', message });
    else if (isPassedOver(visible.get(partition), before, offset)) {
      anomalies.push({ kind: 'internal-poll-skip', message });
    }
  }
  return anomalies;
}

/** True when a visible offset lies between the two. */
function isPassedOver(offsets: readonly number[] | undefined, after: number, before: number): boolean {
  if (offsets === undefined || before - after < 2) return false;
  let low = 0;
  let high = offsets.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (offsets[middle]! <= after) low = middle + 1;
    else high = middle;
  }
  return (offsets[low] ?? before) < before;
}
