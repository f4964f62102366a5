/** A chunk of a table, held back until the stream has passed the moment it was read at, less what changes meanwhile. Pure. */

import { unsentPositions } from '../envelope/reselect.ts';
import { type TableShape, type Tuple, valueKinds } from '../row.ts';
import { type Fence, hasSeen } from '../snapshot/fence.ts';

/** Changes that may be told while the chunk is on its way. */
const mostEarly = 65_536;

export interface HeldChunk {
  readonly shape: TableShape;
  /** In the order of the read. */
  readonly rows: readonly Tuple[];
  readonly fence: Fence;
}

export type RowOperation = 'c' | 'u' | 'd' | 't';

/** A change that was told before the chunk was there. */
interface EarlyChange {
  readonly transactionId: number;
  readonly shape: TableShape;
  /** Of the row it stands for; null where it is not known, undefined for all rows. */
  readonly key: string | null | undefined;
  /** To drop the row is not enough: it would have to be written before the change. */
  readonly needsRow: boolean;
}

/**
 * `change` must be called for each change of the table that is told, from before the read's moment on; `hold` when the
 * chunk is there; `take` gives what is left once everything that the read has seen was told. A row leaves the window once:
 * it is given out, or a change that the read has not seen stands for it.
 */
export class Window {
  readonly tableOid: number;
  readonly #columns: readonly string[];
  readonly #rows = new Map<string, Tuple>();
  #early: EarlyChange[] = [];
  #chunk: HeldChunk | undefined;
  #isStale = false;
  /** The last shape of a change, and where its columns are. */
  #shape: TableShape | undefined;
  #positions: readonly number[] = [];
  #isSameShape = true;

  /** `columns` tell rows apart, and are in every old tuple of the stream. */
  constructor(tableOid: number, columns: readonly string[]) {
    this.tableOid = tableOid;
    this.#columns = columns;
  }

  /** The chunk is of no use and must be read again. */
  get isStale(): boolean {
    return this.#isStale;
  }

  /** The chunk is there. */
  get isHolding(): boolean {
    return this.#chunk !== undefined;
  }

  /** A row that must be given out before the change, or null. The tuples are not kept. */
  change(
    op: RowOperation,
    shape: TableShape,
    before: Tuple | null,
    after: Tuple | null,
    transactionId: number,
  ): Tuple | null {
    const chunk = this.#chunk;
    if (this.#isStale || (chunk !== undefined && hasSeen(chunk.fence, transactionId))) return null;
    const oldKey = this.#keyOf(shape, before, null);
    const newKey = this.#keyOf(shape, after, before);
    const needsRow = op === 'u' && after !== null && unsentPositions(after, null).length > 0;
    // No row has the new key: whoever had it was told of before, and has left the window.
    const key = oldKey ?? newKey;
    if (chunk !== undefined) return this.#drop({ transactionId, shape, key, needsRow });
    if (this.#early.length >= mostEarly) this.#isStale = true;
    else this.#early.push({ transactionId, shape, key, needsRow });
    return null;
  }

  hold(chunk: HeldChunk): void {
    this.#chunk = chunk;
    // Compared with the chunk's own shape from now on.
    this.#shape = undefined;
    const positions = positionsOf(chunk.shape, this.#columns);
    for (const row of chunk.rows) {
      const key = keyText(row, positions, null);
      if (key === null) this.#isStale = true;
      else this.#rows.set(key, row);
    }
    for (const early of this.#early) {
      if (hasSeen(chunk.fence, early.transactionId)) continue;
      if (this.#drop(early) !== null) this.#isStale = true;
    }
    this.#early = [];
  }

  /** The next row of what is left; null when nothing is. */
  take(): Tuple | null {
    for (const [key, row] of this.#rows) {
      this.#rows.delete(key);
      return row;
    }
    return null;
  }

  /** The read has not seen the change. */
  #drop({ shape, key, needsRow }: EarlyChange): Tuple | null {
    this.#look(shape);
    // Whoever wrote with another shape before the read was seen by it: this one came after a change of the table.
    if (!this.#isSameShape || key === null) this.#isStale = true;
    if (key === undefined) this.#rows.clear();
    const row = this.#rows.get(key ?? '');
    this.#rows.delete(key ?? '');
    return needsRow ? (row ?? null) : null;
  }

  /** undefined where there is no tuple, null where it does not say the key. */
  #keyOf(shape: TableShape, tuple: Tuple | null, old: Tuple | null): string | null | undefined {
    if (tuple === null) return undefined;
    this.#look(shape);
    return keyText(tuple, this.#positions, old);
  }

  #look(shape: TableShape): void {
    if (shape === this.#shape) return;
    this.#shape = shape;
    this.#positions = positionsOf(shape, this.#columns);
    this.#isSameShape = this.#chunk === undefined || haveSameColumns(shape, this.#chunk.shape);
  }
}

/** Whether rows of both have the same values, and their old tuples too. */
export function haveSameColumns(a: TableShape, b: TableShape): boolean {
  if (a === b) return true;
  const isSame = a.columns.length === b.columns.length && a.replicaIdentity === b.replicaIdentity;
  return (
    isSame &&
    a.columns.every(({ name, typeOid, typeModifier, isKey }, i) => {
      const other = b.columns[i];
      const hasSameType = typeOid === other?.typeOid && typeModifier === other.typeModifier;
      return hasSameType && name === other.name && isKey === other.isKey;
    })
  );
}

/** -1 for a column that is not there. */
function positionsOf(shape: TableShape, names: readonly string[]): number[] {
  return names.map((name) => shape.columns.findIndex((column) => column.name === name));
}

/** null when a value of it was not sent, or is null. */
function keyText(tuple: Tuple, positions: readonly number[], old: Tuple | null): string | null {
  let text = '';
  for (const position of positions) {
    // An unchanged large value of the key is in the old tuple.
    const holder = tuple.kinds[position] === valueKinds.unchanged && old !== null ? old : tuple;
    if (holder.kinds[position] !== valueKinds.text) return null;
    const [start, end] = [holder.starts[position]!, holder.ends[position]!];
    text += `${end - start}:${holder.bytes.toString('latin1', start, end)}`;
  }
  return text;
}
