/** One connection that reads parts of tables, one after the other, all as of the same moment. */

import type pg from 'pg';
import { quoteTable } from '../catalog/names.ts';
import type { Tuple } from '../row.ts';
import { endSql } from '../wire/connect.ts';
import { asPostgresError } from '../wire/server-errors.ts';
import type { Chunk } from './chunks.ts';
import { CopyOut } from './copy-out.ts';
import type { TablePlan, TableRead } from './table-read.ts';

export interface LaneOptions {
  connect(): Promise<pg.Client>;
  /** Of the anchor. */
  readonly snapshotName: string;
  /** The next table with something to read, or undefined when there is none now. */
  choose(): TableRead | undefined;
  /** undefined when the table is gone. */
  plan(table: TableRead): Promise<TablePlan | undefined>;
  /** Takes the layout of the table; false when it was written anew. */
  look(table: TableRead, plan: TablePlan, layout: { filenode: number; blocks: number }): boolean;
  readonly blockBytes: number;
  /** Rows may have come, or the lane is free. */
  onReady(): void;
}

export class Lane {
  readonly #options: LaneOptions;
  #client: pg.Client | undefined;
  #copy: CopyOut | undefined;
  #table: TableRead | undefined;
  #chunk: Chunk | undefined;
  /** Of the part: its last row is known as such then. */
  #hasRows = false;
  #isBusy = false;
  #isInTransaction = false;
  #failure: unknown;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** The table of the row that `next` gave last. */
  get table(): TableRead | undefined {
    return this.#table;
  }

  /** No row of the same part comes behind the one that `next` gave last. */
  get isLastOfPart(): boolean {
    return this.#copy?.isLast === true;
  }

  /** The part of that row. */
  get chunk(): Chunk | undefined {
    return this.#chunk;
  }

  get isIdle(): boolean {
    return !this.#isBusy && this.#copy === undefined;
  }

  /** The next row, valid until the next call; null when none is here. Throws what went wrong. */
  next(): Tuple | null {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#copy === undefined) {
      this.begin();
      return null;
    }
    const row = this.#take(this.#copy);
    if (row !== null) this.#hasRows = true;
    if (row !== null || !this.#copy.isDone) return row;
    if (this.#chunk !== undefined && !this.#hasRows) this.#table?.finish(this.#chunk);
    this.#copy = undefined;
    this.begin();
    return null;
  }

  /** Reads ahead: `next` will have rows of the next part, if there is one. */
  begin(): void {
    if (this.isIdle) this.#begin();
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    // An open COPY would be waited for.
    if (this.#copy !== undefined) destroy(client);
    if (client !== undefined) await endSql(client);
  }

  #take(copy: CopyOut): Tuple | null {
    try {
      return copy.next();
    } catch (error) {
      this.#failure = asPostgresError(error, this.#table?.name ?? '');
      throw this.#failure;
    }
  }

  #begin(): void {
    const table = this.#options.choose();
    if (table === undefined && !this.#isInTransaction) return;
    if (table !== undefined) this.#table = table;
    this.#isBusy = true;
    (table === undefined ? this.#rest() : this.#start(table))
      .catch((error: unknown) => {
        this.#failure = asPostgresError(error, this.#table?.name ?? '');
      })
      .finally(() => {
        this.#isBusy = false;
        this.#options.onReady();
      });
  }

  /** Lets go of the last table: whoever wants to change it must not wait for the others. */
  async #rest(): Promise<void> {
    this.#isInTransaction = false;
    await this.#client?.query('ROLLBACK');
  }

  async #start(table: TableRead): Promise<void> {
    const plan = table.plan ?? (await this.#options.plan(table));
    if (plan === undefined) return table.giveUp();
    const layout = await this.#layout(table);
    if (layout === undefined || !this.#options.look(table, plan, layout)) return table.readAgain();
    const chunk = table.take();
    if (chunk === null) return;
    this.#chunk = chunk;
    this.#hasRows = false;
    const { text, width } = table.statement(chunk);
    this.#copy = new CopyOut(await this.#connection(), text, width, () => this.#options.onReady());
  }

  /** Begins a transaction at the moment, and holds the table as it is to the end of it; undefined when it is gone. */
  async #layout(table: TableRead): Promise<{ filenode: number; blocks: number } | undefined> {
    const client = await this.#connection();
    const { stored } = table.source;
    this.#isInTransaction = true;
    try {
      await client.query(
        `ROLLBACK; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '${this.#options.snapshotName}';
          SELECT FROM ONLY ${quoteTable(stored)} LIMIT 0`,
      );
    } catch (error) {
      // Undefined table or schema.
      if (['42P01', '3F000'].includes((error as { code?: string }).code ?? '')) return undefined;
      throw error;
    }
    const { rows } = await client.query<{ filenode: string | null; bytes: string | null }>(
      'SELECT pg_catalog.pg_relation_filenode($1) AS filenode, pg_catalog.pg_relation_size($1) AS bytes',
      [stored.oid],
    );
    const { filenode = null, bytes = null } = rows[0] ?? {};
    if (filenode === null || bytes === null) return undefined;
    return { filenode: Number(filenode), blocks: Math.ceil(Number(bytes) / this.#options.blockBytes) };
  }

  async #connection(): Promise<pg.Client> {
    this.#client ??= await this.#options.connect();
    return this.#client;
  }
}

function destroy(client: pg.Client | undefined): void {
  (client as unknown as { connection: { stream: { destroy(): void } } } | undefined)?.connection.stream.destroy();
}
