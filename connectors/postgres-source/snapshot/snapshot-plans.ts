/** What a snapshot reads, by the settings and the publication: the tables, and of each the columns and rows that its changes have. */

import { type CatalogTable, catalogTables } from '../catalog/captured-tables.ts';
import type { CatalogPort } from '../catalog/port.ts';
import { type PublishedPart, publishedParts, publishesGenerated } from '../catalog/publications.ts';
import { tableShape } from '../catalog/shapes.ts';
import { nameMatcher, type TableFilter } from '../catalog/table-filter.ts';
import type { PostgresSourceConfig } from '../config.ts';
import type { TableShape } from '../row.ts';
import { type SnapshotSource, snapshotSources, statementOverrides } from './sources.ts';
import type { TablePlan } from './table-read.ts';

/** Of `all` tables of the database. */
export function wantedSources(
  config: PostgresSourceConfig,
  filter: TableFilter,
  all: readonly CatalogTable[],
): SnapshotSource[] {
  const setting = 'snapshot.include.collection.list';
  const isListed = nameMatcher(config[setting], setting);
  return snapshotSources(all, (schema, table) => filter.isCaptured(schema, table) && isListed(`${schema}.${table}`), {
    viaPartitionRoot: config['publish.via.partition.root'],
    order: config['snapshot.tables.order.by.row.count'],
  });
}

export interface PlansOptions {
  readonly config: PostgresSourceConfig;
  readonly sql: CatalogPort;
  readonly filter: TableFilter;
  readonly serverVersion: number;
  /** Called once for each shape, before it is used. */
  prepare(shape: TableShape): Promise<void>;
}

export class SnapshotPlans {
  readonly #options: PlansOptions;
  readonly #overrides: ReadonlyMap<string, string>;
  #parts: ReadonlyMap<string, PublishedPart> = new Map();
  #withGenerated = false;
  /** Partitions that come under one name share its shape. */
  #shapes = new Map<number, Promise<TableShape | undefined>>();

  constructor(options: PlansOptions) {
    this.#options = options;
    const { config } = options;
    this.#overrides = statementOverrides(
      config['snapshot.select.statement.overrides'],
      config['snapshot.select.statement.overrides.(table)'],
    );
  }

  /** Asks anew, also for what the publication has. */
  async sources(): Promise<readonly SnapshotSource[]> {
    const { config, sql, filter, serverVersion } = this.#options;
    const publication = config['publication.name'];
    this.#shapes = new Map();
    this.#parts = await publishedParts(sql, publication, serverVersion);
    this.#withGenerated = await publishesGenerated(sql, publication, serverVersion);
    return wantedSources(config, filter, await catalogTables(sql));
  }

  /** undefined when the table is gone. */
  async plan({ stored, reported }: SnapshotSource): Promise<TablePlan | undefined> {
    const name = nameOf(reported);
    const shape = await this.#shapeOf(reported);
    if (shape === undefined) return undefined;
    const rowFilter = (this.#parts.get(nameOf(stored)) ?? this.#parts.get(name))?.rowFilter ?? null;
    return { shape, rowFilter, override: this.#overrides.get(name) };
  }

  #shapeOf(table: CatalogTable): Promise<TableShape | undefined> {
    const shape = this.#shapes.get(table.oid) ?? this.#readShape(table);
    this.#shapes.set(table.oid, shape);
    return shape;
  }

  async #readShape(table: CatalogTable): Promise<TableShape | undefined> {
    const { sql, prepare } = this.#options;
    const columns = this.#parts.get(nameOf(table))?.columns ?? null;
    const shape = await tableShape(sql, table, { columns, withGenerated: this.#withGenerated });
    if (shape !== undefined) await prepare(shape);
    return shape;
  }
}

function nameOf({ schema, table }: CatalogTable): string {
  return `${schema}.${table}`;
}
