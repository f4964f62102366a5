/** The strategy `reselect` for unchanged TOAST values: which columns to ask the table for, how, and the tuple with the answer in it. */

import { quoteName, quoteTable } from '../catalog/names.ts';
import { type TableShape, type Tuple, valueKinds } from '../row.ts';

/** Positions of the values that were not sent and that `old`, an old row sent in full, does not know either. */
export function unsentPositions(tuple: Tuple, old: Tuple | null): number[] {
  const positions: number[] = [];
  for (let i = 0; i < tuple.columnCount; i++) {
    const isKnown = old !== null && old.kinds[i] === valueKinds.text;
    if (tuple.kinds[i] === valueKinds.unchanged && !isKnown) positions.push(i);
  }
  return positions;
}

export interface ReselectQuery {
  readonly text: string;
  /** Texts of the key, for `$1`, `$2` …; the statement casts them. */
  readonly values: readonly string[];
}

/**
 * One row by its primary key, values in the text of their types as the session prints them. null when the row has no
 * key to ask by. The row may be newer than the change, or gone: that is what reselecting means.
 */
export function reselectQuery(
  shape: TableShape,
  primaryKey: readonly string[],
  tuple: Tuple,
  positions: readonly number[],
): ReselectQuery | null {
  const values: string[] = [];
  const conditions: string[] = [];
  for (const name of primaryKey) {
    const position = shape.columns.findIndex((column) => column.name === name);
    if (position < 0 || tuple.kinds[position] !== valueKinds.text) return null;
    values.push(tuple.bytes.toString('utf8', tuple.starts[position], tuple.ends[position]));
    // The parameter takes the type of the column it is compared with.
    conditions.push(`${quoteName(name)} = $${values.length}`);
  }
  if (values.length === 0) return null;
  const columns = positions.map((position) => quoteName(shape.columns[position]?.name ?? ''));
  return { text: `SELECT ${columns.join(', ')} FROM ${quoteTable(shape)} WHERE ${conditions.join(' AND ')}`, values };
}

/** The tuple with `texts` (null for NULL) at `positions`, in memory of its own: the reader goes on using its bytes. */
export function filledTuple(tuple: Tuple, positions: readonly number[], texts: readonly (string | null)[]): Tuple {
  const { columnCount } = tuple;
  const added = new Map(positions.map((position, i) => [position, texts[i] ?? null]));
  const kinds = Uint8Array.from(tuple.kinds.subarray(0, columnCount));
  const starts = new Uint32Array(columnCount);
  const ends = new Uint32Array(columnCount);
  const values: Buffer[] = [];
  let at = 0;
  for (let i = 0; i < columnCount; i++) {
    const text = added.get(i);
    if (text !== undefined) kinds[i] = text === null ? valueKinds.null : valueKinds.text;
    const isKept = text === undefined && kinds[i] === valueKinds.text;
    const value = isKept ? tuple.bytes.subarray(tuple.starts[i], tuple.ends[i]) : Buffer.from(text ?? '');
    values.push(value);
    starts[i] = at;
    at += value.length;
    ends[i] = at;
  }
  return { bytes: Buffer.concat(values), columnCount, kinds, starts, ends };
}
