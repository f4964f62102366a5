/** The task against a test server, driven poll by poll as the runtime would, with a store that survives it. */

import type { SourceTask } from '../../../connectors/contract/source.ts';
import { connector } from '../../../connectors/postgres-source/index.ts';
import { systemClock } from '../../../core/base/clock.ts';
import type { PostgresServer } from '../../kits/postgres-server.ts';
import { MemoryGauges, MemoryLogger, MemoryOutput, SourceStore } from '../../kits/source-kit.ts';

export interface Row {
  readonly topic: string;
  readonly op: string | undefined;
  readonly before: Record<string, unknown> | null | undefined;
  readonly after: Record<string, unknown> | null | undefined;
  readonly source: Record<string, unknown> | undefined;
}

export class RunningTask {
  readonly store: SourceStore;
  readonly logger = new MemoryLogger();
  readonly gauges = new MemoryGauges();
  readonly settings: Record<string, string>;
  readonly #server: PostgresServer;
  #task: SourceTask | undefined;

  constructor(server: PostgresServer, settings: Record<string, string>, store = new SourceStore()) {
    this.#server = server;
    this.store = store;
    this.settings = {
      name: 'shop',
      'connector.class': 'postgres',
      'database.url': server.url,
      'topic.prefix': 'p',
      'key.converter.schemas.enable': 'false',
      'value.converter.schemas.enable': 'false',
      ...settings,
    };
  }

  async start({ once = false, marksTransactions = false, clock = systemClock } = {}): Promise<this> {
    const task = connector.createTask();
    this.#task = task;
    const [settings = {}] = await connector.plan(this.settings, 1);
    const { store, logger, gauges } = this;
    try {
      await task.open({
        ...{ connector: 'shop', taskIndex: 0, settings, once, clock, logger, gauges },
        marksTransactions,
        storedPositions: store.positions,
      });
    } catch (error) {
      await task.close();
      throw error;
    }
    return this;
  }

  /** One poll, stored and acknowledged; `busy` as in the output. */
  async poll(roomBytes = 1 << 20, busy?: Promise<void>): Promise<'more' | 'finished'> {
    const output = new MemoryOutput(roomBytes);
    output.busy = busy;
    void busy?.then(() => {
      output.busy = undefined;
    });
    const result = await this.#task!.poll(output, new AbortController().signal);
    this.store.take(output);
    if (output.positions.length > 0) await this.#task!.committed?.(output.positions);
    return result;
  }

  /** Polls up to the next end of a transaction, and stores that together; gives how many polls it took. */
  async pollWhole(roomBytes: number): Promise<number> {
    const outputs: MemoryOutput[] = [];
    while (outputs.at(-1)?.endsTransaction !== true) {
      const output = new MemoryOutput(roomBytes);
      await this.#task!.poll(output, new AbortController().signal);
      outputs.push(output);
    }
    for (const output of outputs) this.store.take(output);
    return outputs.length;
  }

  /** Polls until it is so. Rejects after a minute. */
  async until(done: () => boolean, roomBytes?: number): Promise<void> {
    const deadlineMs = performance.now() + 60_000;
    while (!done()) {
      if (performance.now() > deadlineMs)
        throw new Error(`not so after a minute: ${JSON.stringify(this.rows.slice(-3))}`);
      await this.poll(roomBytes);
    }
  }

  /** A request, stored for the task as REST stores it, and told. */
  async request(name: string, type: string, data: unknown): Promise<void> {
    const output = new MemoryOutput(0);
    output.position({ signal: name }, { id: name, type, data: JSON.stringify(data) });
    this.store.take(output);
    this.#task?.signalled?.(output.positions);
  }

  async stop(): Promise<void> {
    await this.#task?.close();
    this.#task = undefined;
  }

  /** Changes alone, without tombstones. */
  get rows(): Row[] {
    return this.store.records
      .filter(({ text }) => text !== '')
      .map(({ topic, text }) => {
        const { op, before, after, source } = JSON.parse(text);
        return { topic, op, before, after, source };
      });
  }

  async confirmedLsn(slotName = 'debezium'): Promise<bigint> {
    const text = `SELECT confirmed_flush_lsn - '0/0' AS lsn FROM pg_replication_slots WHERE slot_name = $1`;
    return BigInt((await this.#server.query(text, [slotName]))[0]?.['lsn'] ?? 0);
  }
}
