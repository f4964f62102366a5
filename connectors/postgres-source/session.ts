/** Everything between the settings and a stream that can be started: connections, facts of the server, publication, slot. */

import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import manifest from '../../package.json' with { type: 'json' };
import type { SourceTaskContext } from '../contract/source.ts';
import { type CatalogTable, catalogTables } from './catalog/captured-tables.ts';
import type { CatalogPort } from './catalog/port.ts';
import { publication } from './catalog/publications.ts';
import { type ServerFacts, serverFacts } from './catalog/server-facts.ts';
import { sqlOver } from './catalog/sql.ts';
import { type TableFilter, tableFilter } from './catalog/table-filter.ts';
import { TypeCatalog } from './catalog/types.ts';
import type { PostgresSourceConfig } from './config.ts';
import { addressOf } from './database-address.ts';
import { configuredOptions } from './envelope/configured-options.ts';
import type { EnvelopeOptions } from './envelope/options.ts';
import { postgresErrors } from './error-codes.ts';
import { decodePosition, type ServerIdentity, type StoredPosition } from './position.ts';
import { applyPublication } from './publication/apply.ts';
import { publicationGone } from './publication/gone.ts';
import { foreignSlot, readSlot, type SlotState } from './slot/slot-state.ts';
import { type ConnectOptions, endSql, openSql } from './wire/connect.ts';
import { ReplicationConnection } from './wire/replication-connection.ts';
import { tlsChoice } from './wire/tls.ts';

export interface Session {
  readonly connect: ConnectOptions;
  readonly client: pg.Client;
  readonly sql: CatalogPort;
  readonly replication: ReplicationConnection;
  readonly server: ServerFacts;
  readonly identity: ServerIdentity;
  readonly filter: TableFilter;
  readonly tables: readonly CatalogTable[];
  readonly types: TypeCatalog;
  readonly envelope: EnvelopeOptions;
  readonly slot: SlotState | undefined;
  /** It was made by this start: what the log has from before is not told through it. */
  readonly isPublicationNew: boolean;
  readonly stored: StoredPosition | undefined;
  /** Tells our own connections from those of another installation. */
  readonly owner: string;
}

const connectTimeoutMs = 30_000;
/** What waits in memory while the topics are slower than the server. */
const usualInboxBytes = 4 * 1024 * 1024;
/** PostgreSQL's own limit of a value is 1 GiB. */
const mostMessageBytes = 1.5 * 2 ** 30;

/** One source partition for all of a server, as Debezium has it. */
export function sourcePartition(config: PostgresSourceConfig): { readonly server: string } {
  return { server: config['topic.prefix'] ?? config.topic ?? '' };
}

/** Rejects with one of the codes of `postgres/…`; whatever was opened is closed then. */
export async function openSession(config: PostgresSourceConfig, context: SourceTaskContext): Promise<Session> {
  const stored = storedPosition(config, context);
  const owner = stored?.owner === undefined || stored.owner === '' ? randomBytes(4).toString('hex') : stored.owner;
  const connect = await connectOptions(config, `millrace ${context.connector.slice(0, 40)} ${owner}`);
  const client = await openSql(connect);
  let replication: ReplicationConnection | undefined;
  try {
    const sql = sqlOver(client, `${connect.host}:${connect.port}/${connect.database}`);
    const server = await serverFacts(sql);
    checkServer(server, connect);
    replication = await ReplicationConnection.open({ ...connect, inboxBytes: inboxBytes(config), mostMessageBytes });
    const identity = await identify(replication, config['slot.name']);
    const filter = tableFilter(config);
    const types = new TypeCatalog(sql);
    const envelope = configuredOptions(config, {
      types,
      database: connect.database,
      encoding: server.encoding,
      version: manifest.version,
      onUnrepresentable: (place, reason) => context.logger.warn({ place, reason }, 'a value has no representation'),
    });
    const tables = await catalogTables(sql);
    const { skippedOperations } = envelope;
    const slot = await readSlot(sql, config['slot.name']);
    const foreign = slot === undefined ? undefined : foreignSlot(slot, connect.database);
    if (foreign !== undefined) throw foreign;
    const isPublicationNew = (await publication(sql, config['publication.name'], server.version)) === null;
    const wasRead = isPublicationNew && stored !== undefined && slot !== undefined;
    const gone = wasRead ? publicationGone(config) : undefined;
    if (gone !== undefined) throw gone;
    await applyPublication({
      sql,
      logger: context.logger,
      config,
      filter,
      tables,
      skippedOperations,
      serverVersion: server.version,
      isStandby: server.isStandby,
    });
    return {
      connect,
      client,
      sql,
      replication,
      server,
      identity,
      filter,
      tables,
      types,
      envelope,
      slot,
      isPublicationNew,
      stored,
      owner,
    };
  } catch (error) {
    await replication?.close();
    await endSql(client);
    throw error;
  }
}

function inboxBytes(config: PostgresSourceConfig): number {
  return config['max.queue.size.in.bytes'] > 0 ? config['max.queue.size.in.bytes'] : usualInboxBytes;
}

export async function connectOptions(config: PostgresSourceConfig, applicationName: string): Promise<ConnectOptions> {
  const address = addressOf(config);
  const { host, port, user, database } = address;
  const password = address.password?.reveal();
  return { host, port, user, password, database, tls: await tlsChoice(address), applicationName, connectTimeoutMs };
}

function storedPosition(config: PostgresSourceConfig, context: SourceTaskContext): StoredPosition | undefined {
  const { server } = sourcePartition(config);
  const own = context.storedPositions.find(({ partition }) => partition['server'] === server);
  return own?.offset === null || own === undefined ? undefined : decodePosition(own.offset);
}

async function identify(replication: ReplicationConnection, slot: string): Promise<ServerIdentity> {
  const [row] = await replication.command('IDENTIFY_SYSTEM');
  return { systemId: row?.['systemid'] ?? '', timeline: Number(row?.['timeline']), slot };
}

function checkServer(server: ServerFacts, { host, port, user }: ConnectOptions): void {
  const where = `${host}:${port}`;
  if (server.walLevel !== 'logical') {
    const fix = "Execute ALTER SYSTEM SET wal_level = 'logical', and restart the server.";
    throw postgresErrors.error('setting', { message: `wal_level is ${server.walLevel}, not logical`, where, fix });
  }
  if (server.role.canReplicate) return;
  const fix = `Execute ALTER ROLE ${JSON.stringify(user)} REPLICATION as a superuser.`;
  throw postgresErrors.error('refused', { message: `the role ${user} may not replicate`, where, fix });
}
