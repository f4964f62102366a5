/** What changed between two shapes of a table, as far as the stream tells it. Pure. */

import type { ColumnShape, ReplicaIdentity, TableShape } from '../row.ts';

export type ShapeChange =
  | { readonly change: 'table-appeared' }
  | { readonly change: 'table-renamed'; readonly from: string; readonly to: string }
  | { readonly change: 'column-added'; readonly column: string }
  | { readonly change: 'column-dropped'; readonly column: string }
  /** Same type at the same place under another name; the stream does not say whether it was one drop and one add. */
  | { readonly change: 'column-renamed'; readonly column: string; readonly to: string }
  | { readonly change: 'type-changed'; readonly column: string; readonly from: TypeName; readonly to: TypeName }
  | { readonly change: 'replica-identity-changed'; readonly from: ReplicaIdentity; readonly to: ReplicaIdentity };

interface TypeName {
  readonly typeOid: number;
  readonly typeModifier: number;
}

/** In the order: table, columns of the old shape, columns of the new one, identity. Empty when nothing changed. */
export function shapeChanges(before: TableShape | null, after: TableShape): ShapeChange[] {
  if (before === null) return [{ change: 'table-appeared' }];
  const changes: ShapeChange[] = [];
  const [from, to] = [`${before.schema}.${before.table}`, `${after.schema}.${after.table}`];
  if (from !== to) changes.push({ change: 'table-renamed', from, to });
  const renamed = renamedColumns(before, after);
  const newNames = new Set(renamed.values());
  for (const column of before.columns) changes.push(...oldColumnChanges(column, renamed.get(column.name), after));
  for (const column of after.columns) {
    const isKnown = newNames.has(column.name) || columnOf(before, column.name) !== undefined;
    if (!isKnown) changes.push({ change: 'column-added', column: column.name });
  }
  if (before.replicaIdentity !== after.replicaIdentity) {
    changes.push({ change: 'replica-identity-changed', from: before.replicaIdentity, to: after.replicaIdentity });
  }
  return changes;
}

function oldColumnChanges(column: ColumnShape, newName: string | undefined, after: TableShape): ShapeChange[] {
  if (newName !== undefined) return [{ change: 'column-renamed', column: column.name, to: newName }];
  const now = columnOf(after, column.name);
  if (now === undefined) return [{ change: 'column-dropped', column: column.name }];
  if (now.typeOid === column.typeOid && now.typeModifier === column.typeModifier) return [];
  return [{ change: 'type-changed', column: column.name, from: typeOf(column), to: typeOf(now) }];
}

/** Old name to new one, where as many columns as before stand at the same places with the same types. */
function renamedColumns(before: TableShape, after: TableShape): Map<string, string> {
  const renamed = new Map<string, string>();
  if (before.columns.length !== after.columns.length) return renamed;
  for (const [i, old] of before.columns.entries()) {
    const now = after.columns[i]!;
    const isNew =
      old.name !== now.name && columnOf(before, now.name) === undefined && columnOf(after, old.name) === undefined;
    if (isNew && old.typeOid === now.typeOid && old.typeModifier === now.typeModifier) renamed.set(old.name, now.name);
  }
  return renamed;
}

function columnOf(shape: TableShape, name: string): ColumnShape | undefined {
  return shape.columns.find((column) => column.name === name);
}

function typeOf({ typeOid, typeModifier }: ColumnShape): TypeName {
  return { typeOid, typeModifier };
}
