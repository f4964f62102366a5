/** What the parts of this connector hand to each other: the shape of a table, and one row as ranges of bytes. */

/** How a value of a tuple came over the wire: null, an unchanged TOAST value that was not sent, text, or binary. */
export const valueKinds = { null: 0x6e, unchanged: 0x75, text: 0x74, binary: 0x62 } as const;

/**
 * One row, filled anew for each: value `i` is `bytes[starts[i], ends[i])` in the text form of its type, UTF-8, where
 * `kinds[i]` says text; the ranges of other kinds mean nothing. Valid until the reader moves on.
 */
export interface Tuple {
  readonly bytes: Buffer;
  readonly columnCount: number;
  readonly kinds: Uint8Array;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

export interface ColumnShape {
  readonly name: string;
  /** An unsigned 32-bit number, as all object ids are. */
  readonly typeOid: number;
  /** The type's modifier (length, precision and scale …); -1 when it has none. */
  readonly typeModifier: number;
  /** Part of the replica identity. */
  readonly isKey: boolean;
}

/** What an update or a delete tells of the old row: the primary key, nothing, all of it, or the key of an index. */
export type ReplicaIdentity = 'default' | 'nothing' | 'full' | 'index';

/** By the letter that the stream and `pg_class.relreplident` have for it. */
export const replicaIdentities: Readonly<Record<string, ReplicaIdentity>> = {
  d: 'default',
  n: 'nothing',
  f: 'full',
  i: 'index',
};

/**
 * A table as it was when its rows were written. The stream's own description counts, never today's catalog: rows of the
 * past have columns that are gone by now. A new object for each change, so that identity tells whether it is the same.
 */
export interface TableShape {
  readonly tableOid: number;
  readonly schema: string;
  readonly table: string;
  readonly replicaIdentity: ReplicaIdentity;
  readonly columns: readonly ColumnShape[];
}
