/** The tables that are to be read beside the stream, in their order, and how far each is; stored with the position of the stream. Pure. */

import type { SourceOffset } from '../../contract/record.ts';
import type { SourcePosition } from '../../contract/source.ts';

/** What was asked for. */
export interface TableRequest {
  readonly schema: string;
  readonly table: string;
  /** Of the signal; empty for a table that came by itself. */
  readonly signalId: string;
  /** An SQL condition, or with `conditionIsStatement` what to read in place of the table; null for all rows. */
  readonly condition: string | null;
  readonly conditionIsStatement: boolean;
  readonly surrogateKey: string | null;
  /** Transactions before it may have written what the stream does not tell, and must have ended; null where there are none. */
  readonly notBefore: bigint | null;
  /** The server's estimate. */
  readonly estimatedRows: number;
}

export interface RequestedRead extends TableRequest {
  readonly number: number;
  /** Texts of the key: rows up to it are written. */
  readonly lastKey: readonly string[] | null;
  /** Of the last row when the read began: what came later is told by the stream. */
  readonly maxKey: readonly string[] | null;
  readonly rows: number;
}

/** What is stored of one read is a record of its own, so that a chunk of one table stores nothing about the others. */
const mostReads = 10_000;

export class RequestedReads {
  readonly #server: string;
  readonly #reads = new Map<number, RequestedRead>();
  readonly #changed = new Set<number>();
  #nextNumber = 1;
  #isPaused = false;
  #hasPauseChanged = false;
  /** Since this object was made. */
  #done = 0;

  /** `server` as in the source partition of the stream; `positions` are all that is stored. */
  constructor(server: string, positions: readonly SourcePosition[]) {
    this.#server = server;
    const byNumber = [...positions].sort((a, b) => Number(a.partition['read']) - Number(b.partition['read']));
    for (const { partition, offset } of byNumber) {
      if (partition['incremental'] !== server || offset === null) continue;
      const number = partition['read'];
      if (number === undefined) this.#isPaused = offset['paused'] === true;
      const read = typeof number === 'number' ? decodeRead(number, offset) : undefined;
      if (read !== undefined) this.#reads.set(read.number, read);
    }
    for (const number of this.#reads.keys()) this.#nextNumber = Math.max(this.#nextNumber, number + 1);
  }

  /** The table to read now, even where reading is paused. */
  get current(): RequestedRead | undefined {
    return this.#reads.values().next().value;
  }

  /** There is a table to read now. */
  get isActive(): boolean {
    return this.#reads.size > 0 && !this.#isPaused;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  set isPaused(isPaused: boolean) {
    this.#hasPauseChanged ||= isPaused !== this.#isPaused;
    this.#isPaused = isPaused;
  }

  /** Tables done since the start, tables left, and the rows of these by the server's estimate. */
  get progress(): { readonly done: number; readonly left: number; readonly rowsLeft: number } {
    let rowsLeft = 0;
    for (const { estimatedRows, rows } of this.#reads.values()) rowsLeft += Math.max(0, estimatedRows - rows);
    return { done: this.#done, left: this.#reads.size, rowsLeft };
  }

  /** False when there are too many. */
  add(request: TableRequest): boolean {
    if (this.#reads.size >= mostReads) return false;
    this.#put({ ...request, number: this.#nextNumber++, lastKey: null, maxKey: null, rows: 0 });
    return true;
  }

  /** How far the read is. Nothing happens where it was taken away. */
  advance(number: number, change: Pick<RequestedRead, 'lastKey' | 'maxKey' | 'rows'>): void {
    const read = this.#reads.get(number);
    if (read !== undefined) this.#put({ ...read, ...change });
  }

  finish(number: number): void {
    if (!this.#reads.delete(number)) return;
    this.#done += 1;
    this.#changed.add(number);
  }

  /** Takes away those that match; their names. */
  remove(matches: (name: string) => boolean): string[] {
    const names: string[] = [];
    for (const { number, schema, table } of [...this.#reads.values()]) {
      const name = `${schema}.${table}`;
      if (!matches(name)) continue;
      names.push(name);
      this.#reads.delete(number);
      this.#changed.add(number);
    }
    return names;
  }

  has(number: number): boolean {
    return this.#reads.has(number);
  }

  /** What has changed since the last call. */
  takePositions(): SourcePosition[] {
    const incremental = this.#server;
    const positions: SourcePosition[] = [];
    for (const number of this.#changed) {
      const read = this.#reads.get(number);
      const offset = read === undefined ? null : encodeRead(read);
      positions.push({ partition: { incremental, read: number }, offset });
    }
    this.#changed.clear();
    if (this.#hasPauseChanged) {
      positions.push({ partition: { incremental }, offset: this.#isPaused ? { paused: true } : null });
    }
    this.#hasPauseChanged = false;
    return positions;
  }

  #put(read: RequestedRead): void {
    this.#reads.set(read.number, read);
    this.#changed.add(read.number);
  }
}

function encodeRead(read: RequestedRead): SourceOffset {
  const { schema, table, signalId, condition, conditionIsStatement, surrogateKey, notBefore, lastKey, maxKey } = read;
  return {
    schema,
    table,
    signal: signalId,
    condition,
    condition_is_statement: conditionIsStatement,
    surrogate_key: surrogateKey,
    not_before: notBefore === null ? null : String(notBefore),
    last_key: lastKey === null ? null : JSON.stringify(lastKey),
    max_key: maxKey === null ? null : JSON.stringify(maxKey),
    rows: read.rows,
    estimated_rows: read.estimatedRows,
  };
}

/** Undefined for an offset that says something else. */
function decodeRead(number: number, offset: SourceOffset): RequestedRead | undefined {
  const { schema, table } = offset;
  if (typeof schema !== 'string' || typeof table !== 'string') return undefined;
  const text = (name: string) => (typeof offset[name] === 'string' ? (offset[name] as string) : null);
  const count = (name: string) => (Number.isSafeInteger(offset[name]) ? Number(offset[name]) : 0);
  const [lastKey, maxKey] = [decodeKey(text('last_key')), decodeKey(text('max_key'))];
  const notBefore = text('not_before');
  if (lastKey === undefined || maxKey === undefined || !/^\d*$/.test(notBefore ?? '')) return undefined;
  return {
    number,
    schema,
    table,
    signalId: text('signal') ?? '',
    condition: text('condition'),
    conditionIsStatement: offset['condition_is_statement'] === true,
    surrogateKey: text('surrogate_key'),
    notBefore: notBefore === null ? null : BigInt(notBefore),
    estimatedRows: count('estimated_rows'),
    lastKey,
    maxKey,
    rows: count('rows'),
  };
}

/** Undefined for a text that is no list of texts. */
function decodeKey(json: string | null): readonly string[] | null | undefined {
  if (json === null) return null;
  try {
    const value: unknown = JSON.parse(json);
    const isKey = Array.isArray(value) && value.every((each) => typeof each === 'string');
    return isKey ? value : undefined;
  } catch {
    return undefined;
  }
}
