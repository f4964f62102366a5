/** Whether the keys of records are known when rows are deleted or change their key: only the replica identity is in the log then. Pure. */

import type { Finding } from '../../contract/finding.ts';
import type { CatalogTable } from '../catalog/captured-tables.ts';
import type { TableKeys } from '../catalog/key-facts.ts';
import { quoteTable } from '../catalog/names.ts';
import type { KeyRule } from '../columns/key-columns.ts';

const setting = 'message.key.columns';

/** Nothing is said of tables without a replica identity, which is trouble of another kind. */
export function keyFindings(table: CatalogTable, keys: TableKeys | undefined, rule: KeyRule): Finding[] {
  if (keys === undefined || table.identity === 'nothing') return [];
  const asked = rule(table.schema, table.table);
  const absent = (asked ?? []).filter((name) => !keys.columns.includes(name));
  if (absent.length > 0) {
    const message = `${setting} names ${absent.join(', ')}, which it has not: its records have the key they would have without`;
    return [warning(table, message, [])];
  }
  const known = { full: keys.columns, default: keys.primaryKey, index: keys.identityIndex }[table.identity];
  const unknown = (asked ?? keys.primaryKey).filter((name) => !known.includes(name));
  if (unknown.length === 0) return [];
  const message = `the key of its records has ${unknown.join(', ')}, which its replica identity has not: deletes have no key and no tombstone, and a changed key is not told as one`;
  return [
    warning(table, message, [
      `ALTER TABLE ${quoteTable(table)} REPLICA IDENTITY ${asked === null ? 'DEFAULT' : 'FULL'}`,
    ]),
  ];
}

function warning({ schema, table }: CatalogTable, message: string, fix: readonly string[]): Finding {
  return { subject: `${schema}.${table}`, state: 'warning', message, fix };
}
