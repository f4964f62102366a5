/** Reads one chunk of a table over a connection of its own: its rows, what the read has seen, and where the log was behind that. */

import type pg from 'pg';
import { type CatalogPort, isTrue, textOf } from '../catalog/port.ts';
import { sqlOver } from '../catalog/sql.ts';
import { filledTuple } from '../envelope/reselect.ts';
import type { Tuple } from '../row.ts';
import { CopyOut } from '../snapshot/copy-out.ts';
import { type Fence, onStandby, parseFence } from '../snapshot/fence.ts';
import { endSql, socketOf } from '../wire/connect.ts';
import { chunkStatement, lastKeyStatement } from './key-order.ts';
import { columnsOf, fingerprintColumn, type PlanSurroundings, type ReadPlan, readPlan } from './read-plan.ts';
import type { RequestedRead } from './requested-reads.ts';
import { endOfRecords, endOfRecordsColumns } from './wal-end.ts';

export interface Chunk {
  readonly kind: 'chunk';
  readonly rows: readonly Tuple[];
  readonly fence: Fence;
  /** The snapshot as the server writes it: of two reads that have the same both have seen the same. */
  readonly seen: string;
  readonly isStandby: boolean;
  /** Everything that the read has seen was committed before it. */
  readonly endLsn: bigint;
  /** null for a table without rows. */
  readonly maxKey: readonly string[] | null;
  /** Of the last row; null without rows. */
  readonly lastKey: readonly string[] | null;
  /** No rows are behind it, up to `maxKey`. */
  readonly isLast: boolean;
  /** It has fewer rows than it might have, for their size. */
  readonly isCut: boolean;
}

export interface ChunkReaderOptions extends PlanSurroundings {
  connect(): Promise<pg.Client>;
  readonly where: string;
  readonly mostBytes: number;
  /** The stream tells of transactions when they are prepared, which no read sees before they commit. */
  readonly awaitsPrepared: boolean;
}

/** The stream may stand still meanwhile. */
const longestLockMs = 2000;

interface Opened {
  readonly client: pg.Client;
  readonly sql: CatalogPort;
}

export class ChunkReader {
  readonly #options: ChunkReaderOptions;
  #opened: Opened | undefined;
  #isClosed = false;

  constructor(options: ChunkReaderOptions) {
    this.#options = options;
  }

  /** The plan, or why there is none. Rejects with `postgres/…`. */
  async plan(read: RequestedRead): Promise<ReadPlan | { readonly complaint: string }> {
    return this.#over((opened) => readPlan(opened.sql, read, this.#options));
  }

  /** `changed` when the plan does not hold any more; `early` while transactions are open that must have ended. */
  async read(plan: ReadPlan, read: RequestedRead, limit: number): Promise<Chunk | 'changed' | 'early'> {
    return this.#over(async (opened) => {
      // The lock comes before the moment: what is written anew under a later one would look empty. A server that knows little
      // of a table would sort all of it for each chunk, instead of going along the key.
      await opened.client.query(
        `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL lock_timeout = ${longestLockMs}; SET LOCAL enable_sort = off;
          LOCK TABLE ${plan.lock} IN ACCESS SHARE MODE`,
      );
      const chunk = await this.#readOpen(opened, plan, read, limit);
      await opened.client.query('ROLLBACK');
      return chunk;
    });
  }

  /**
   * Has the server flush its log up to now: what others write there by reading (hints, with checksums) waits for the next
   * commit, and the stream behind it too. A transaction with a number and nothing else is one.
   */
  async flushLog(): Promise<void> {
    await this.#over(({ sql }) => sql.query('SELECT pg_catalog.pg_current_xact_id()'));
  }

  /** Lets go of the connection; the next call opens another. */
  async rest(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened !== undefined) await endSql(opened.client);
  }

  /** What is being read fails. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#destroy();
    await this.rest();
  }

  #destroy(): void {
    if (this.#opened !== undefined) socketOf(this.#opened.client).destroy();
  }

  /** Whatever goes wrong, the next call has a connection that is fresh. */
  async #over<T>(work: (opened: Opened) => Promise<T>): Promise<T> {
    try {
      if (this.#opened === undefined) {
        const client = await this.#options.connect();
        this.#opened = { client, sql: sqlOver(client, this.#options.where) };
      }
      if (this.#isClosed) throw new Error('the reader was closed');
      return await work(this.#opened);
    } catch (error) {
      this.#destroy();
      await this.rest();
      throw error;
    }
  }

  async #readOpen(
    { client, sql }: Opened,
    plan: ReadPlan,
    read: RequestedRead,
    limit: number,
  ): Promise<Chunk | 'changed' | 'early'> {
    const [moment = {}] = await sql.query(
      // The end of the log right behind the moment: reading itself may write there, and nobody flushes that.
      `SELECT pg_catalog.pg_current_snapshot() AS seen, ${endOfRecordsColumns},
        EXISTS (SELECT FROM pg_catalog.pg_prepared_xacts WHERE database = current_database()) AS is_prepared,
        pg_catalog.pg_is_in_recovery() AS is_standby, ${fingerprintColumn}`,
      [read.schema, read.table, this.#options.publication],
    );
    if (moment['fingerprint'] !== plan.fingerprint) return 'changed';
    const isStandby = isTrue(moment, 'is_standby');
    const seen = parseFence(textOf(moment, 'seen'), 0n);
    const fence = isStandby ? onStandby(seen) : seen;
    if (this.#options.awaitsPrepared && isTrue(moment, 'is_prepared')) return 'early';
    if (read.notBefore !== null && fence.xmin < read.notBefore) return 'early';
    const maxKey = read.maxKey ?? (await this.#maxKey(client, plan));
    const taken = maxKey === null ? noRows : await this.#rows(client, plan, { ...read, maxKey }, limit);
    const last = taken.rows.at(-1);
    return {
      kind: 'chunk',
      rows: taken.rows,
      isCut: taken.isCut,
      isLast: !taken.isCut && taken.rows.length < limit,
      fence,
      seen: textOf(moment, 'seen'),
      isStandby,
      // A standby shows a commit a moment before it counts as replayed.
      endLsn: endOfRecords(isStandby ? ((await sql.query(`SELECT ${endOfRecordsColumns}`))[0] ?? {}) : moment),
      maxKey,
      lastKey: last === undefined ? null : keyTexts(plan, last),
    };
  }

  async #maxKey(client: pg.Client, plan: ReadPlan): Promise<readonly string[] | null> {
    const { rows } = await client.query<(string | null)[]>({ text: lastKeyStatement(plan), rowMode: 'array' });
    return rows[0]?.map((each) => each ?? '') ?? null;
  }

  /** Of more bytes than a chunk may have the first rows are kept. */
  async #rows(
    client: pg.Client,
    plan: ReadPlan,
    read: RequestedRead & { readonly maxKey: readonly string[] },
    limit: number,
  ): Promise<{ readonly rows: readonly Tuple[]; readonly isCut: boolean }> {
    const { from, order, conditions, shape } = plan;
    const [after, upTo] = [read.lastKey, read.maxKey];
    const statement = chunkStatement({ from, columns: columnsOf(plan), order, conditions, after, upTo, limit });
    let wake = () => {};
    const copy = new CopyOut(client, statement, shape.columns.length, () => wake());
    const rows: Tuple[] = [];
    let byteCount = 0;
    let isCut = false;
    for (;;) {
      const arrival = Promise.withResolvers<void>();
      wake = arrival.resolve;
      for (let row = copy.next(); row !== null; row = copy.next()) {
        isCut ||= byteCount > this.#options.mostBytes;
        if (isCut) continue;
        const kept = filledTuple(row, [], []);
        byteCount += kept.bytes.length;
        rows.push(kept);
      }
      if (copy.isDone) return { rows, isCut };
      await arrival.promise;
    }
  }
}

const noRows = { rows: [], isCut: false };

export function keyTexts({ orderPositions }: ReadPlan, row: Tuple): string[] {
  return orderPositions.map((position) => row.bytes.toString('utf8', row.starts[position], row.ends[position]));
}
