/** The order in which a table is read chunk by chunk: by its key, each chunk behind the last key of the one before. Pure. */

import { quoteName } from '../catalog/names.ts';
import type { TableShape } from '../row.ts';

export interface KeyFacts {
  /** The columns of the primary key in their order. */
  readonly primaryKey: readonly string[];
  readonly notNull: ReadonlySet<string>;
  /** Columns that are unique by themselves. */
  readonly unique: ReadonlySet<string>;
}

/** The columns to read by, or why there are none. */
export function keyOrder(
  shape: TableShape,
  { primaryKey, notNull, unique }: KeyFacts,
  surrogateKey: string | null,
): readonly string[] | { readonly complaint: string } {
  const missing = (names: readonly string[]) => names.find((name) => shape.columns.every((each) => each.name !== name));
  if (surrogateKey === null) {
    if (primaryKey.length === 0) return { complaint: 'the table has no primary key; name a surrogate-key' };
    const column = missing(primaryKey);
    return column === undefined ? primaryKey : { complaint: `the publication leaves out ${column}, a part of the key` };
  }
  if (missing([surrogateKey]) !== undefined) return { complaint: `there is no column ${surrogateKey}` };
  if (!notNull.has(surrogateKey)) return { complaint: `the column ${surrogateKey} may be null` };
  // The key behind it tells rows apart that have the same value.
  if (missing(primaryKey) === undefined && primaryKey.length > 0)
    return [surrogateKey, ...primaryKey.filter((name) => name !== surrogateKey)];
  if (unique.has(surrogateKey)) return [surrogateKey];
  return { complaint: `the column ${surrogateKey} is not unique, and the table has no primary key` };
}

/**
 * The columns by which changes of the stream are found among rows: what every old tuple has, and with REPLICA IDENTITY
 * FULL, which has all, the order.
 */
export function tellingColumns(shape: TableShape, order: readonly string[]): readonly string[] {
  if (shape.replicaIdentity === 'full' || shape.replicaIdentity === 'nothing') return order;
  const identity = shape.columns.filter(({ isKey }) => isKey).map(({ name }) => name);
  return identity.length === 0 ? order : identity;
}

export interface ChunkQuestion {
  /** A table, `ONLY` a table, or a statement in brackets. */
  readonly from: string;
  readonly columns: readonly string[];
  readonly order: readonly string[];
  readonly conditions: readonly string[];
  /** Texts of the key: behind it, and up to it. */
  readonly after: readonly string[] | null;
  readonly upTo: readonly string[];
  readonly limit: number;
}

export function chunkStatement({ from, columns, order, conditions, after, upTo, limit }: ChunkQuestion): string {
  const keys = names(order);
  const all = conditions.map((each) => `(${each})`);
  if (after !== null) all.push(`(${keys}) > (${literals(after)})`);
  all.push(`(${keys}) <= (${literals(upTo)})`);
  return `SELECT ${names(columns)} FROM ${from} AS millrace WHERE ${all.join(' AND ')} ORDER BY ${keys} LIMIT ${limit}`;
}

/** The largest key there is now. */
export function lastKeyStatement({
  from,
  order,
  conditions,
}: Pick<ChunkQuestion, 'from' | 'order' | 'conditions'>): string {
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.map((each) => `(${each})`).join(' AND ')}`;
  const downward = order.map((name) => `${quoteName(name)} DESC`).join(', ');
  return `SELECT ${names(order)} FROM ${from} AS millrace${where} ORDER BY ${downward} LIMIT 1`;
}

function names(columns: readonly string[]): string {
  return columns.map(quoteName).join(', ');
}

/** Of unknown type: each takes that of the column it is compared with. */
function literals(texts: readonly string[]): string {
  return texts
    .map((text) => {
      const quoted = text.replaceAll("'", "''");
      // Whatever standard_conforming_strings says.
      return text.includes('\\') ? `E'${quoted.replaceAll('\\', '\\\\')}'` : `'${quoted}'`;
    })
    .join(', ');
}
