/** Which columns make a record's key: those of `message.key.columns`, else the primary key, else the replica identity. */

import type { TableShape } from '../row.ts';
import { valueErrors } from '../values/error-codes.ts';
import { patternOf, splitList } from './patterns.ts';

const setting = 'message.key.columns';

/** The names asked for, in their order; null where the setting says nothing about the table. */
export type KeyRule = (schema: string, table: string) => readonly string[] | null;

export const noKeyRule: KeyRule = () => null;

/** `schema.table:column,column;pattern:column`, tables as patterns. Throws `postgres-values/bad-setting`. */
export function keyRule(text: string): KeyRule {
  const rules = splitList(text, ';').map((each) => {
    const colon = each.lastIndexOf(':');
    const columns = splitList(each.slice(colon + 1), ',');
    if (colon <= 0 || columns.length === 0) {
      throw valueErrors.error('bad-setting', {
        message: `${setting} has an entry without tables or columns: ${each}`,
        where: setting,
        fix: 'Write schema.table:column,column and divide tables by semicolons.',
      });
    }
    return { pattern: patternOf(each.slice(0, colon).trim(), setting), columns };
  });
  return (schema, table) => rules.find(({ pattern }) => pattern.test(`${schema}.${table}`))?.columns ?? null;
}

/** Positions in the shape, in the order of the key; empty when the table has no key. */
export function keyPositions(shape: TableShape, primaryKey: readonly string[], rule: KeyRule): readonly number[] {
  const wanted = rule(shape.schema, shape.table) ?? primaryKey;
  const positions = wanted.map((name) => shape.columns.findIndex((column) => column.name === name));
  if (positions.length > 0 && !positions.includes(-1)) return positions;
  if (shape.replicaIdentity === 'full' || shape.replicaIdentity === 'nothing') return [];
  return shape.columns.flatMap((column, i) => (column.isKey ? [i] : []));
}
