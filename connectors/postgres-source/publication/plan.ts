/** What is to be done about the publication, as SQL: `publication.autocreate.mode`. Pure. */

import { quoteName, quoteTable } from '../catalog/names.ts';
import type { Operation } from '../envelope/change.ts';

interface PublishedTable {
  readonly schema: string;
  readonly table: string;
}

/** A publication as it is. */
export interface PublicationState {
  readonly isForAllTables: boolean;
  /** Named one by one; those that come with a schema of theirs are not here. */
  readonly tables: readonly PublishedTable[];
  /** FOR TABLES IN SCHEMA (PostgreSQL 15 and newer). */
  readonly schemas: readonly string[];
  readonly operations: ReadonlySet<PublishedOperation>;
}

type PublishedOperation = 'insert' | 'update' | 'delete' | 'truncate';

interface PublicationWish {
  readonly name: string;
  readonly mode: 'filtered' | 'all_tables' | 'disabled' | 'no_tables';
  /** Captured ones. */
  readonly tables: readonly PublishedTable[];
  readonly skippedOperations: ReadonlySet<Operation>;
  readonly viaPartitionRoot: boolean;
}

type PublicationPlan =
  | { readonly kind: 'statements'; readonly statements: readonly string[] }
  /** It is not there, and nobody may create it; `statement` would. */
  | { readonly kind: 'missing'; readonly statement: string };

const letters: readonly (readonly [Operation, PublishedOperation])[] = [
  ['c', 'insert'],
  ['u', 'update'],
  ['d', 'delete'],
  ['t', 'truncate'],
];

/** `current` is null when there is no publication of the name. An empty list of statements leaves all as it is. */
export function planPublication(current: PublicationState | null, wish: PublicationWish): PublicationPlan {
  if (current !== null)
    return { kind: 'statements', statements: wish.mode === 'filtered' ? changes(current, wish) : [] };
  if (wish.mode !== 'disabled') return { kind: 'statements', statements: [creation(wish, wish.mode)] };
  return { kind: 'missing', statement: creation(wish, 'filtered') };
}

/** Tables that are to be captured and are not published, for a publication that is left as it is. */
export function unpublished(current: PublicationState, wanted: readonly PublishedTable[]): PublishedTable[] {
  if (current.isForAllTables) return [];
  const there = new Set(current.tables.map(quoteTable));
  return wanted.filter((each) => !there.has(quoteTable(each)) && !current.schemas.includes(each.schema));
}

function creation(wish: PublicationWish, mode: 'filtered' | 'all_tables' | 'no_tables'): string {
  const tables = { all_tables: ' FOR ALL TABLES', no_tables: '', filtered: forTables(wish.tables) }[mode];
  const parameters: string[] = [];
  const operations = published(wish);
  if (mode !== 'no_tables' && operations.length < letters.length) parameters.push(publishParameter(operations));
  if (mode !== 'no_tables' && wish.viaPartitionRoot) parameters.push('publish_via_partition_root = true');
  const clause = parameters.length === 0 ? '' : ` WITH (${parameters.join(', ')})`;
  return `CREATE PUBLICATION ${quoteName(wish.name)}${tables}${clause}`;
}

function forTables(tables: readonly PublishedTable[]): string {
  return tables.length === 0 ? '' : ` FOR TABLE ${tables.map(quoteTable).join(', ')}`;
}

/** The fewest changes: tables that stay keep their column lists and row filters. */
function changes(current: PublicationState, wish: PublicationWish): string[] {
  const name = quoteName(wish.name);
  const statements: string[] = [];
  if (!current.isForAllTables) {
    const added = unpublished(current, wish.tables);
    const wanted = new Set(wish.tables.map(quoteTable));
    const dropped = current.tables.filter((each) => !wanted.has(quoteTable(each)));
    if (added.length > 0) statements.push(`ALTER PUBLICATION ${name} ADD TABLE ${added.map(quoteTable).join(', ')}`);
    if (dropped.length > 0)
      statements.push(`ALTER PUBLICATION ${name} DROP TABLE ${dropped.map(quoteTable).join(', ')}`);
  }
  const operations = published(wish);
  const isSame =
    operations.length === current.operations.size && operations.every((each) => current.operations.has(each));
  if (!isSame) statements.push(`ALTER PUBLICATION ${name} SET (${publishParameter(operations)})`);
  return statements;
}

/** Those that are not skipped, so that the server does not even send the others. */
function published({ skippedOperations }: PublicationWish): PublishedOperation[] {
  return letters.filter(([letter]) => !skippedOperations.has(letter)).map(([, operation]) => operation);
}

function publishParameter(operations: readonly PublishedOperation[]): string {
  return `publish = '${operations.join(', ')}'`;
}
