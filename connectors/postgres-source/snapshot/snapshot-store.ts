/** What is stored of a snapshot: a source partition for each table, and one that says whether all of them are read. Pure. */

import type { SourceOffset } from '../../contract/record.ts';
import type { SourcePosition } from '../../contract/source.ts';
import type { CatalogTable } from '../catalog/captured-tables.ts';
import { decodeFence, type Fence, hasSeen } from './fence.ts';
import type { SnapshotSource } from './sources.ts';

export interface StoredSnapshot {
  /** It was begun, and not all tables are read. */
  readonly isOpen: boolean;
  /** By `schema.table` of where rows lie. */
  readonly tables: ReadonlyMap<string, SourceOffset>;
}

/** `server` as in the source partition of the stream. */
export function storedSnapshot(positions: readonly SourcePosition[], server: string): StoredSnapshot {
  const tables = new Map<string, SourceOffset>();
  let isOpen = false;
  for (const { partition, offset } of positions) {
    if (partition['snapshot'] !== server || offset === null) continue;
    const table = partition['table'];
    if (typeof table === 'string') tables.set(table, offset);
    else isOpen = offset['open'] === true;
  }
  return { isOpen, tables };
}

/**
 * Whether there are tables that were not captured when the others were read. A partition whose siblings are known tells
 * its changes from its beginning, and is none of them.
 */
export function hasUnread(stored: StoredSnapshot, sources: readonly SnapshotSource[]): boolean {
  // Nothing was ever read: a position of Debezium, or of changes alone.
  if (stored.tables.size === 0) return false;
  const isKnown = ({ schema, table }: CatalogTable) => stored.tables.has(`${schema}.${table}`);
  const known = new Set(sources.filter((each) => isKnown(each.stored)).map((each) => each.stored.rootOid));
  return sources.some((each) => !known.has(each.stored.rootOid));
}

/** Stored with the first row, and again when all tables are read. */
export function snapshotMark(server: string, isOpen: boolean): SourcePosition {
  return { partition: { snapshot: server }, offset: { open: isOpen } };
}

/** `offset` null forgets the table. */
export function tablePosition(server: string, table: string, offset: SourceOffset | null): SourcePosition {
  return { partition: { snapshot: server, table }, offset };
}

/**
 * Changes in the log that were read with their tables already. Where a table was read at several moments (its parts before
 * and after an interruption, partitions that come under one name), only what all of them saw counts.
 */
export class Fences {
  readonly #byTable = new Map<number, readonly Fence[]>();
  /** By object id of the table: behind the last of the moments it was read at, where there were several. */
  readonly #momentsLsn = new Map<number, bigint>();

  constructor(stored: ReadonlyMap<string, SourceOffset>) {
    const unfenced = new Set<number>();
    for (const offset of stored.values()) {
      const { oid } = offset;
      if (typeof oid !== 'number') continue;
      const { moments_lsn: text } = offset;
      const momentsLsn = typeof text === 'string' && /^\d+$/.test(text) ? BigInt(text) : 0n;
      if (momentsLsn > (this.#momentsLsn.get(oid) ?? 0n)) this.#momentsLsn.set(oid, momentsLsn);
      const fence = offset['done'] === true ? decodeFence(offset) : undefined;
      if (fence === undefined) unfenced.add(oid);
      else this.#byTable.set(oid, [...(this.#byTable.get(oid) ?? []), fence]);
    }
    for (const oid of unfenced) this.#byTable.delete(oid);
  }

  /** Nothing is left to ask for. */
  get isEmpty(): boolean {
    return this.#byTable.size === 0 && this.#momentsLsn.size === 0;
  }

  /** Whether a change of the table need not be told: its transaction was seen when the table was read. */
  isSeen(tableOid: number, transactionId: number): boolean {
    return this.#byTable.get(tableOid)?.every((fence) => hasSeen(fence, transactionId)) === true;
  }

  /**
   * Whether a change of the table may be the first that is told of its row: one that went, between two moments, from a
   * part that was not read yet to one that was.
   */
  mayLackRow(tableOid: number): boolean {
    return this.#momentsLsn.has(tableOid);
  }

  /** Everything before the position was told: what ends there stands for nothing any more. */
  passed(lsn: bigint): void {
    for (const [oid, fences] of this.#byTable) {
      if (fences.every(({ endLsn }) => endLsn <= lsn)) this.#byTable.delete(oid);
    }
    for (const [oid, momentsLsn] of this.#momentsLsn) if (momentsLsn <= lsn) this.#momentsLsn.delete(oid);
  }
}
