/** One server for many scenarios: each has a database of its own, and tasks that are stopped behind it. */

import type pg from 'pg';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { type PostgresServer, type PostgresVersion, startPostgres } from '../../../kits/postgres-server.ts';
import type { SourceStore } from '../../../kits/source-kit.ts';
import { RunningTask } from '../running-task.ts';

export interface Scenario {
  readonly name: string;
  /** Also the name of the slot, of which no two databases may have the same. */
  readonly slotName: string;
  readonly client: pg.Client;
  readonly settings: Readonly<Record<string, string>>;
  /** Statements one by one, or those of one text as one transaction. */
  run(...statements: readonly string[]): Promise<void>;
  query(text: string): Promise<Record<string, string | null>[]>;
  /** Not started; stopped behind the test. */
  task(settings?: Readonly<Record<string, string>>, store?: SourceStore): RunningTask;
  /** What the server says of the slot. */
  slot(): Promise<Record<string, string | null> | undefined>;
}

export class ScenarioServer {
  readonly version: PostgresVersion;
  readonly #tasks: RunningTask[] = [];
  readonly #clients: pg.Client[] = [];
  #server: PostgresServer | undefined;
  #count = 0;

  /** To be called where tests are described: starts before them and ends behind them. */
  constructor(version: PostgresVersion, settings: Readonly<Record<string, string>> = {}) {
    this.version = version;
    beforeAll(async () => {
      this.#server = await startPostgres({ version, settings });
    });
    afterEach(() => this.#tidy());
    afterAll(() => this.#server?.close());
  }

  get server(): PostgresServer {
    if (this.#server === undefined) throw new Error('the server starts with the first test');
    return this.#server;
  }

  /** An empty database; `how` follows its name in CREATE DATABASE. */
  async scenario(how = ''): Promise<Scenario> {
    const { server } = this;
    this.#count += 1;
    const name = `scenario_${this.#count}`;
    const slotName = `slot_${this.#count}`;
    await server.query(`CREATE DATABASE ${name} ${how}`);
    const client = await server.connect(name);
    this.#clients.push(client);
    const settings = { 'database.dbname': name, 'slot.name': slotName, 'publication.name': 'pub' };
    return {
      ...{ name, slotName, client, settings },
      run: async (...statements) => {
        for (const statement of statements) await client.query(statement);
      },
      query: async (text) => (await client.query<Record<string, string | null>>(text)).rows,
      task: (more = {}, store) => {
        const task = new RunningTask(server, { 'snapshot.mode': 'no_data', ...settings, ...more }, store);
        this.#tasks.push(task);
        return task;
      },
      slot: async () => (await server.query('SELECT * FROM pg_replication_slots WHERE slot_name = $1', [slotName]))[0],
    };
  }

  async #tidy(): Promise<void> {
    for (const task of this.#tasks.splice(0)) await task.stop();
    for (const client of this.#clients.splice(0)) await client.end().catch(() => {});
    // A slot that is left behind keeps the log of all databases.
    await this.#server
      ?.query(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_type = 'logical' AND NOT active",
      )
      .catch(() => {});
  }
}
