/** Looks now and then for tables that are to be captured and were not there before, publishes them, and has them read. */

import type { Clock } from '../../../core/base/clock.ts';
import { messageOf } from '../../../core/base/errors.ts';
import type { Logger } from '../../../core/base/logger.ts';
import type { SourcePosition } from '../../contract/source.ts';
import type { CatalogTable } from '../catalog/captured-tables.ts';
import { type CatalogPort, textOf } from '../catalog/port.ts';
import type { PublicationState } from '../publication/plan.ts';
import type { TableShape } from '../row.ts';
import { tablePosition } from '../snapshot/snapshot-store.ts';
import { namedTables } from './named-tables.ts';
import type { RequestedReads, TableRequest } from './requested-reads.ts';

export interface NewTablesOptions {
  readonly sql: CatalogPort;
  /** As in the source partition of the stream. */
  readonly server: string;
  /** Those that were there when the task began. */
  readonly tables: readonly CatalogTable[];
  /** Captured, or the table of signals. */
  isWanted(schema: string, table: string): boolean;
  isCaptured(schema: string, table: string): boolean;
  readonly viaPartitionRoot: boolean;
  /** What such a table has already is read, not only its changes. */
  readonly areRead: boolean;
  readonly reads: RequestedReads;
  all(): Promise<readonly CatalogTable[]>;
  publication(): Promise<PublicationState | null>;
  /** Adds tables to the publication, where that is the connector's business. */
  publish(tables: readonly CatalogTable[]): Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const everyMs = 60_000;
/** After the stream has brought a table that nobody knows. */
const soonMs = 1000;

export class NewTables {
  readonly #options: NewTablesOptions;
  /** By number and name: a table that is made anew, or comes under another name, is another one. */
  readonly #known = new Set<string>();
  readonly #knownOids = new Set<number>();
  #nextMs: number;
  #isLooking = false;
  #isFirst = true;
  #found: { readonly request: TableRequest; readonly stored: readonly string[]; readonly oid: number }[] = [];
  #positions: SourcePosition[] = [];

  constructor(options: NewTablesOptions) {
    this.#options = options;
    for (const table of options.tables) this.#know(table);
    this.#nextMs = options.clock.monotonicMs() + soonMs;
  }

  /** The stream describes a table. */
  relation(shape: TableShape): void {
    if (this.#knownOids.has(shape.tableOid) || !this.#options.isWanted(shape.schema, shape.table)) return;
    this.#nextMs = Math.min(this.#nextMs, this.#options.clock.monotonicMs() + soonMs);
  }

  /** Begins to look where it is time, and asks for what was found to be read. */
  advance(): void {
    const { clock, logger, reads, server } = this.#options;
    for (const { request, stored, oid } of this.#found.splice(0)) {
      const table = `${request.schema}.${request.table}`;
      if (!reads.add(request)) logger.warn({ table }, 'too many tables wait to be read already');
      // Known from the next start on, which must not read it too.
      for (const name of stored) this.#positions.push(tablePosition(server, name, { done: true, oid }));
    }
    if (this.#isLooking || clock.monotonicMs() < this.#nextMs) return;
    this.#isLooking = true;
    this.#look()
      .catch((error: unknown) => logger.warn({ reason: messageOf(error) }, 'could not look for new tables'))
      .finally(() => {
        this.#isLooking = false;
        this.#nextMs = clock.monotonicMs() + everyMs;
      });
  }

  takePositions(): SourcePosition[] {
    return this.#positions.splice(0);
  }

  async #look(): Promise<void> {
    const { isWanted, publish, all, publication, sql, logger } = this.#options;
    const tables = await all();
    const before = await publication();
    if (this.#isFirst && before !== null) this.#forgetUnpublished(tables, before);
    this.#isFirst = false;
    const fresh = tables.filter((each) => isWanted(each.schema, each.table) && !this.#known.has(keyOf(each)));
    if (fresh.length === 0) return;
    await publish(tables);
    const current = await publication();
    if (current === null) return;
    const told = fresh.filter((each) => isTold(each, current, tables));
    const toRead = told.filter((each) => this.#mustBeRead(each, before, tables));
    // Whoever was writing to a table before it was published may tell the stream only a part of it.
    const [row = {}] = await sql.query(
      'SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text AS next',
    );
    this.#request(tables, toRead, BigInt(textOf(row, 'next')));
    for (const table of told) this.#know(table);
    const names = told.map(nameOf);
    if (names.length > 0) logger.info({ tables: names }, 'tables are captured that were not there before');
  }

  #request(tables: readonly CatalogTable[], toRead: readonly CatalogTable[], notBefore: bigint): void {
    const { isCaptured, viaPartitionRoot } = this.#options;
    const names = new Set(toRead.map(nameOf));
    const named = namedTables(tables, isCaptured, (name) => names.has(name), viaPartitionRoot);
    for (const { oid, schema, table, estimatedRows } of named) {
      const below = tables.filter((each) => !each.isPartitioned && (each.oid === oid || each.rootOid === oid));
      const own = { signalId: '', condition: null, conditionIsStatement: false, surrogateKey: null };
      this.#found.push({
        request: { schema, table, estimatedRows, notBefore, ...own },
        stored: below.map(nameOf),
        oid,
      });
    }
  }

  /** A partition of a published table, or a table in a publication for all, tells its changes from its beginning. */
  #mustBeRead(table: CatalogTable, before: PublicationState | null, tables: readonly CatalogTable[]): boolean {
    if (!this.#options.areRead || before?.isForAllTables || before?.schemas.includes(table.schema)) return false;
    const root = rootOf(table, tables);
    return before === null || root === undefined || !isNamed(root, before) || !this.#known.has(keyOf(root));
  }

  /** Tables of the start that are not published yet are new once they are. */
  #forgetUnpublished(tables: readonly CatalogTable[], current: PublicationState): void {
    for (const table of tables) {
      if (isTold(table, current, tables)) continue;
      this.#known.delete(keyOf(table));
      this.#knownOids.delete(table.oid);
    }
  }

  #know(table: CatalogTable): void {
    this.#known.add(keyOf(table));
    this.#knownOids.add(table.oid);
  }
}

/** Its changes come to the stream. */
function isTold(table: CatalogTable, publication: PublicationState, tables: readonly CatalogTable[]): boolean {
  if (publication.isForAllTables || publication.schemas.includes(table.schema)) return true;
  const root = rootOf(table, tables);
  return isNamed(table, publication) || (root !== undefined && isNamed(root, publication));
}

function isNamed(table: CatalogTable, publication: PublicationState): boolean {
  return publication.tables.some((each) => each.schema === table.schema && each.table === table.table);
}

/** The table above a partition. */
function rootOf(table: CatalogTable, tables: readonly CatalogTable[]): CatalogTable | undefined {
  return table.isPartition ? tables.find(({ oid }) => oid === table.rootOid) : undefined;
}

function keyOf(table: CatalogTable): string {
  return `${table.oid} ${nameOf(table)}`;
}

function nameOf({ schema, table }: CatalogTable): string {
  return `${schema}.${table}`;
}
