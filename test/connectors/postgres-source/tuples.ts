/** Tuples and shapes for tests, and a target that keeps what it is given. */

import type { RecordHeader } from '../../../connectors/contract/record.ts';
import {
  type ChangeFacts,
  emptyFacts,
  type RecordTarget,
} from '../../../connectors/postgres-source/envelope/change.ts';
import {
  type ReplicaIdentity,
  type TableShape,
  type Tuple,
  valueKinds,
} from '../../../connectors/postgres-source/row.ts';

/** A TOAST value that did not change. */
export const unchanged = Symbol('unchanged');

export type Value = string | Buffer | null | typeof unchanged;

export function tuple(...values: readonly Value[]): Tuple {
  const parts = values.map((value) => (value === null || value === unchanged ? Buffer.alloc(0) : Buffer.from(value)));
  const starts = new Uint32Array(values.length);
  const ends = new Uint32Array(values.length);
  let at = 0;
  for (const [i, part] of parts.entries()) {
    starts[i] = at;
    at += part.length;
    ends[i] = at;
  }
  const kinds = Uint8Array.from(values, (value) => {
    if (value === null) return valueKinds.null;
    return value === unchanged ? valueKinds.unchanged : valueKinds.text;
  });
  return { bytes: Buffer.concat(parts), columnCount: values.length, kinds, starts, ends };
}

/** `{ id: 23 }` or with a modifier `{ n: [1700, 4] }`; names that end with `*` are part of the replica identity. */
export function shape(
  columns: Readonly<Record<string, number | readonly [oid: number, modifier: number]>>,
  replicaIdentity: ReplicaIdentity = 'default',
): TableShape {
  return {
    tableOid: 16_384,
    schema: 'public',
    table: 'orders',
    replicaIdentity,
    columns: Object.entries(columns).map(([name, type]) => {
      const [typeOid, typeModifier] = typeof type === 'number' ? [type, -1] : type;
      const isKey = name.endsWith('*') || replicaIdentity === 'full';
      return { name: name.replace('*', ''), typeOid, typeModifier, isKey };
    }),
  };
}

export function facts(given: Partial<ChangeFacts>): ChangeFacts {
  return {
    ...emptyFacts(),
    sourceTimeUs: 1_700_000_000_123_456,
    nowUs: 1_700_000_000_200_000,
    lsn: 23_988_080n,
    lastCommitLsn: 23_988_000n,
    transactionId: 571,
    ...given,
  };
}

export interface KeptRecord {
  readonly topic: string;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly RecordHeader[] | null;
}

export class KeptRecords implements RecordTarget {
  readonly records: KeptRecord[] = [];

  record(
    topic: string,
    bytes: Buffer,
    keyStart: number,
    keyEnd: number,
    valueStart: number,
    valueEnd: number,
    headers: readonly RecordHeader[] | null,
  ): void {
    this.records.push({
      topic,
      key: keyStart < 0 ? null : bytes.toString('utf8', keyStart, keyEnd),
      value: valueStart < 0 ? null : bytes.toString('utf8', valueStart, valueEnd),
      headers,
    });
  }
}
