/** What the operations of a history say together: where each value was seen, who wrote it, and what each partition holds. */

import type { History, Operation, Poll } from './history.ts';

export interface Place {
  readonly partition: string;
  readonly offset: number;
}

export interface Writer {
  readonly operation: Operation;
  readonly place: Place | undefined;
}

export interface Evidence {
  readonly history: History;
  /** By value. */
  readonly writers: ReadonlyMap<string, Writer>;
  /** By partition and offset: all values somebody saw there or was told to be there. */
  readonly valuesAt: ReadonlyMap<string, ReadonlyMap<number, ReadonlySet<string>>>;
  /** By partition: the offsets at which a reader of committed records saw one, in order. */
  readonly visible: ReadonlyMap<string, readonly number[]>;
  /** By partition: the last read to its end. */
  readonly lastReads: ReadonlyMap<string, LastRead>;
}

export interface LastRead extends Poll {
  readonly startedAt: number;
  readonly values: ReadonlySet<string>;
}

export function collectEvidence(history: History): Evidence {
  const writers = new Map<string, Writer>();
  const valuesAt = new Map<string, Map<number, Set<string>>>();
  const visible = new Map<string, Set<number>>();
  const note = (partition: string, offset: number, value: string) => {
    const offsets = entryOf(valuesAt, partition, () => new Map<number, Set<string>>());
    entryOf(offsets, offset, () => new Set<string>()).add(value);
  };
  for (const operation of history) {
    for (const { partition, value, offset } of operation.sends) {
      writers.set(value, { operation, place: offset === undefined ? undefined : { partition, offset } });
      if (offset !== undefined) note(partition, offset, value);
    }
    for (const { partition, records } of operation.polls) {
      const offsets = entryOf(visible, partition, () => new Set<number>());
      for (const { offset, value } of records) {
        note(partition, offset, value);
        offsets.add(offset);
      }
    }
  }
  const sorted = [...visible].map(([partition, offsets]) => [partition, [...offsets].sort((a, b) => a - b)] as const);
  return { history, writers, valuesAt, visible: new Map(sorted), lastReads: lastReadsOf(history) };
}

function lastReadsOf(history: History): Map<string, LastRead> {
  const lastReads = new Map<string, LastRead>();
  for (const { kind, outcome, startedAt, polls } of history) {
    if (kind !== 'read-all' || outcome !== 'ok') continue;
    for (const poll of polls) {
      // Only a read of the whole partition says what is missing in it.
      if (poll.fromOffset > 0 || (lastReads.get(poll.partition)?.startedAt ?? -1) > startedAt) continue;
      lastReads.set(poll.partition, { ...poll, startedAt, values: new Set(poll.records.map(({ value }) => value)) });
    }
  }
  return lastReads;
}

/** The value of a key, made when it is missing. */
export function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
