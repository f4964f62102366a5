/** The columns of a table as records have them: compiled types, filtered, transformed, with what stands for missing values. */

import { keyPositions } from '../columns/key-columns.ts';
import { type TransformedCodec, transformCodec } from '../columns/transform-codec.ts';
import type { ColumnShape, TableShape } from '../row.ts';
import { compileType } from '../values/compile-type.ts';
import { type ConnectSchema, optional } from '../values/connect-schema.ts';
import type { TableFacts } from './change.ts';
import { defaultJson } from './column-defaults.ts';
import type { EnvelopeOptions } from './options.ts';

export interface TableColumn {
  readonly name: string;
  /** In the tuple. */
  readonly position: number;
  readonly codec: TransformedCodec;
  /** Of the field: optional, with its default. */
  readonly schema: ConnectSchema;
  readonly isRequired: boolean;
  /** Part of the replica identity, so that key tuples have it. */
  readonly isIdentity: boolean;
}

export interface TableColumns {
  readonly row: readonly TableColumn[];
  /** Never filtered or transformed. */
  readonly key: readonly TableColumn[];
  /** Names without a representation. */
  readonly leftOut: readonly string[];
}

export function tableColumns(shape: TableShape, facts: TableFacts, options: EnvelopeOptions): TableColumns {
  const row: TableColumn[] = [];
  const leftOut: string[] = [];
  for (const [position, column] of shape.columns.entries()) {
    const name = `${shape.schema}.${shape.table}.${column.name}`;
    if (!options.columns.isIncluded(name)) continue;
    const compiled = tableColumn(column, position, facts, options, name);
    if (compiled === null) leftOut.push(column.name);
    else row.push(compiled);
  }
  const key: TableColumn[] = [];
  for (const position of keyPositions(shape, facts.primaryKey, options.keys)) {
    const column = shape.columns[position];
    const compiled = column === undefined ? null : tableColumn(column, position, facts, options, null);
    if (compiled !== null) key.push(compiled);
  }
  return { row, key, leftOut };
}

/** `transformed` is the name to ask for a transform; null for none. */
function tableColumn(
  column: ColumnShape,
  position: number,
  facts: TableFacts,
  options: EnvelopeOptions,
  transformed: string | null,
): TableColumn | null {
  const plain = compileType(column.typeOid, column.typeModifier, options.types, options.modes);
  if (plain === null) return null;
  const transform = transformed === null ? null : options.columns.transformOf(transformed);
  const codec = transform === null ? plain : transformCodec(plain, transform, declaredLength(column));
  const isRequired = facts.notNull.has(column.name) || facts.primaryKey.includes(column.name);
  const expression = facts.defaults.get(column.name);
  const standard = expression === undefined ? undefined : defaultJson(expression, column.typeOid, codec);
  const schema = standard === undefined ? codec.schema : { ...codec.schema, defaultJson: standard };
  return {
    name: column.name,
    position,
    codec,
    schema: isRequired ? schema : optional(schema),
    isRequired,
    isIdentity: column.isKey,
  };
}

/** Of varchar(n) and char(n); -1 for everything else. */
function declaredLength(column: ColumnShape): number {
  const hasLength = column.typeOid === 1043 || column.typeOid === 1042;
  return hasLength && column.typeModifier >= 4 ? column.typeModifier - 4 : -1;
}
