/** Takes signals, from rows of the signal table and from requests, and does what they say. */

import type { Logger } from '../../../core/base/logger.ts';
import type { SourcePosition } from '../../contract/source.ts';
import type { CatalogTable } from '../catalog/captured-tables.ts';
import { type TableShape, type Tuple, valueKinds } from '../row.ts';
import { namedTables } from './named-tables.ts';
import type { RequestedReads } from './requested-reads.ts';
import { type ExecuteSnapshot, readSignal, type SignalText } from './signals.ts';

export interface SignalDeskOptions {
  /** `signal.data.collection`, where its rows are signals. */
  readonly table: string | undefined;
  readonly reads: RequestedReads;
  isCaptured(schema: string, table: string): boolean;
  readonly viaPartitionRoot: boolean;
  /** All tables of the database, asked anew. */
  tables(): Promise<readonly CatalogTable[]>;
  readonly logger: Logger;
}

interface Waiting extends SignalText {
  /** Where a request is stored until it was taken. */
  readonly partition: SourcePosition['partition'] | undefined;
}

/** So many requests are known by name, so that none is taken twice that comes by two ways. */
const mostKnown = 1000;

export class SignalDesk {
  readonly #options: SignalDeskOptions;
  #shape: TableShape | undefined;
  #waiting: Waiting[] = [];
  #taken: SourcePosition[] = [];
  readonly #known = new Set<string>();

  constructor(options: SignalDeskOptions) {
    this.#options = options;
  }

  /** `settle` must be called before the position of the stream is stored. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  relation(shape: TableShape): void {
    const { table } = this.#options;
    if (table !== undefined && `${shape.schema}.${shape.table}` === table) this.#shape = shape;
  }

  /** A row was inserted somewhere. */
  inserted(shape: TableShape, row: Tuple): void {
    if (shape !== this.#shape) return;
    const text = (name: string, otherwise: number) => {
      const named = shape.columns.findIndex((column) => column.name.toLowerCase() === name);
      const position = named < 0 ? otherwise : named;
      const isText = row.kinds[position] === valueKinds.text;
      return isText ? row.bytes.toString('utf8', row.starts[position], row.ends[position]) : null;
    };
    this.#waiting.push({
      id: text('id', 0) ?? '',
      type: text('type', 1) ?? '',
      data: text('data', 2),
      partition: undefined,
    });
  }

  /** Requests that are stored for this task, as `{"signal": a name}`; those of others are passed over. */
  requested(positions: readonly SourcePosition[]): void {
    const byTime = [...positions].sort((a, b) =>
      String(a.partition['signal']) < String(b.partition['signal']) ? -1 : 1,
    );
    for (const { partition, offset } of byTime) {
      const name = partition['signal'];
      if (typeof name !== 'string' || offset === null || this.#known.has(name)) continue;
      if (this.#known.size >= mostKnown) this.#known.clear();
      this.#known.add(name);
      const text = (value: unknown) => (typeof value === 'string' ? value : '');
      const data = typeof offset['data'] === 'string' ? offset['data'] : null;
      this.#waiting.push({ id: text(offset['id']), type: text(offset['type']), data, partition });
    }
  }

  /** Does what the signals say; one that cannot be understood is told of in the log. Rejects with `postgres/…`. */
  async settle(positionText: string): Promise<void> {
    for (const { partition, ...signal } of this.#waiting.splice(0)) {
      await this.#do(signal, positionText);
      if (partition !== undefined) this.#taken.push({ partition, offset: null });
    }
  }

  /** Requests that need not be kept any more. */
  takePositions(): SourcePosition[] {
    return this.#taken.splice(0);
  }

  async #do(text: SignalText, positionText: string): Promise<void> {
    const { reads, logger } = this.#options;
    const { id } = text;
    const signal = readSignal(text);
    if ('complaint' in signal) {
      const { type, data } = text;
      const shown = data === null ? null : data.slice(0, 1000);
      logger.warn({ signal: id, type, data: shown, reason: signal.complaint }, 'a signal was not understood');
      return;
    }
    switch (signal.kind) {
      case 'execute':
        return this.#execute(signal);
      case 'stop': {
        const { tables } = signal;
        const names = reads.remove((name) => tables === null || tables.some((each) => each.test(name)));
        logger.info({ signal: id, tables: names }, 'tables are no longer read beside the stream');
        return;
      }
      case 'pause':
      case 'resume':
        reads.isPaused = signal.kind === 'pause';
        logger.info({ signal: id }, `reading beside the stream ${signal.kind === 'pause' ? 'pauses' : 'goes on'}`);
        return;
      case 'log':
        logger.info({ signal: id }, signal.message.replaceAll('{}', positionText));
        return;
      default:
    }
  }

  async #execute(signal: ExecuteSnapshot): Promise<void> {
    const { reads, isCaptured, viaPartitionRoot, logger } = this.#options;
    const { id, surrogateKey } = signal;
    const all = await this.#options.tables();
    const isNamed = (name: string) => signal.tables.some((each) => each.test(name));
    const tables = namedTables(all, isCaptured, isNamed, viaPartitionRoot);
    if (tables.length === 0) logger.warn({ signal: id }, 'a signal names no table that is captured');
    for (const { schema, table, estimatedRows } of tables) {
      const condition = signal.conditions.find((each) => each.table.test(`${schema}.${table}`))?.filter ?? null;
      const isAdded = reads.add({
        ...{ schema, table, estimatedRows, signalId: id, condition, surrogateKey },
        conditionIsStatement: signal.filtersAreStatements,
        notBefore: null,
      });
      if (!isAdded) logger.warn({ signal: id, table: `${schema}.${table}` }, 'too many tables wait to be read already');
    }
  }
}
