/** The encoders of the tables whose rows come by: made when a table is described, which takes questions to the catalog. */

import type { CatalogPort } from '../catalog/port.ts';
import { tableFacts } from '../catalog/table-facts.ts';
import type { TypeCatalog } from '../catalog/types.ts';
import type { TableEncoder } from '../envelope/change.ts';
import { compileTable } from '../envelope/compile-table.ts';
import type { EnvelopeOptions } from '../envelope/options.ts';
import { filledTuple, reselectQuery } from '../envelope/reselect.ts';
import type { TableShape, Tuple } from '../row.ts';
import { isGone } from '../wire/server-errors.ts';

/** Which changes a snapshot has told already. */
export interface SeenChanges {
  isSeen(tableOid: number, transactionId: number): boolean;
  /** Nothing may have been told of a row that is changed: what the change leaves out is known nowhere. */
  mayLackRow(tableOid: number): boolean;
  /** Everything before the position was told. */
  passed(lsn: bigint): void;
}

export interface TablesOptions {
  readonly sql: CatalogPort;
  readonly types: TypeCatalog;
  readonly envelope: EnvelopeOptions;
  readonly isCaptured: (schema: string, table: string) => boolean;
  /** Told once of each shape, when it is first seen. */
  readonly onTable?: (encoder: TableEncoder) => void;
}

export class Tables {
  readonly #options: TablesOptions;
  /** null stands for a table that is not captured. By identity: a changed table has another shape. */
  readonly #encoders = new WeakMap<TableShape, TableEncoder | null>();
  #missing: TableShape[] = [];

  constructor(options: TablesOptions) {
    this.#options = options;
  }

  /** The table's rows will come soon. */
  announce(shape: TableShape): void {
    if (!this.#options.isCaptured(shape.schema, shape.table)) this.#encoders.set(shape, null);
    else if (!this.#encoders.has(shape)) this.#missing.push(shape);
  }

  /** Whether `load` must be called before anything more is read. */
  get areMissing(): boolean {
    return this.#missing.length > 0;
  }

  /** Rejects with `postgres/…`. */
  async load(): Promise<void> {
    const missing = this.#missing;
    this.#missing = [];
    for (const shape of missing) await this.encoderOf(shape);
  }

  /** null for a table that is not captured. */
  get(shape: TableShape): TableEncoder | null {
    const encoder = this.#encoders.get(shape);
    if (encoder === undefined) throw new Error(`${shape.schema}.${shape.table} was not announced and loaded`);
    return encoder;
  }

  /** The row with what the table has at `positions` now; as it was given where the row, the table or a column is gone. */
  async reselect({ shape, facts }: TableEncoder, row: Tuple, positions: readonly number[]): Promise<Tuple> {
    const query = reselectQuery(shape, facts.primaryKey, row, positions);
    if (query === null) return row;
    const found = await this.#options.sql.query(query.text, query.values).catch((error: unknown) => {
      if (isGone(error)) return [];
      throw error;
    });
    const [now] = found;
    if (now === undefined) return row;
    return filledTuple(
      row,
      positions,
      positions.map((position) => now[shape.columns[position]?.name ?? ''] ?? null),
    );
  }

  async encoderOf(shape: TableShape): Promise<TableEncoder> {
    const { sql, types, envelope, onTable } = this.#options;
    await types.load(shape.columns.map(({ typeOid }) => typeOid));
    const encoder = compileTable(shape, await tableFacts(sql, shape.tableOid), envelope);
    this.#encoders.set(shape, encoder);
    onTable?.(encoder);
    return encoder;
  }
}
