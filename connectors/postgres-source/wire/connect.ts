/** Connections to the server: the driver does names, TLS and authentication, and every session has the same settings. */

import { Socket } from 'node:net';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import pg from 'pg';
import { messageOf } from '../../../core/base/errors.ts';
import { asPostgresError } from './server-errors.ts';
import type { TlsChoice } from './tls.ts';

export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  readonly tls: TlsChoice;
  /** How the server's own views name us, e.g. to tell our leftovers from strangers. */
  readonly applicationName: string;
  readonly connectTimeoutMs: number;
}

/**
 * The text of values depends on these settings of the session that reads them, and on nothing the writer had. Set for
 * every connection, snapshot and stream alike, so that both print a value the same way whatever the server's defaults are.
 */
const sessionSettings = [
  'client_encoding=UTF8',
  'TimeZone=UTC',
  'DateStyle=ISO',
  'IntervalStyle=postgres',
  'extra_float_digits=1',
  'bytea_output=hex',
  'lc_monetary=C',
  'statement_timeout=0',
  'idle_in_transaction_session_timeout=0',
  'lock_timeout=0',
  'row_security=off',
];

/** A connection for SQL; values come as the text the server writes. Rejects with `postgres/unreachable` or `postgres/refused`. */
export function openSql(options: ConnectOptions): Promise<pg.Client> {
  return withTls(options, (tls) => open(options, tls, {}));
}

const longestEndMs = 1000;

/** Ends a connection, also one whose server does not answer any more. Never rejects. */
export async function endSql(client: pg.Client): Promise<void> {
  const timer = setTimeout(() => socketOf(client).destroy(), longestEndMs);
  await client.end().catch(() => {});
  clearTimeout(timer);
}

/** The driver's own, to be taken over or given up. */
export function socketOf(client: pg.Client): Socket {
  return (client as unknown as { connection: { stream: Socket } }).connection.stream;
}

/** How a replication connection's socket gives its bytes: to the driver first, then to whoever takes the socket over. */
export interface Tap {
  /** Set once the driver is done: gets every chunk, valid during the call; false stops reading. */
  onChunk: ((chunk: Buffer) => boolean) | undefined;
}

/** A connection for replication commands and SQL. In the clear its socket reads into memory that is used again for each chunk. */
export function openReplication(options: ConnectOptions): Promise<{ client: pg.Client; tap: Tap }> {
  return withTls(options, async (tls) => {
    const tap: Tap = { onChunk: undefined };
    const stream = tls === undefined ? { stream: () => tappedSocket(tap) } : {};
    return { client: await open(options, tls, { replication: 'database', ...stream }), tap };
  });
}

async function withTls<T>({ tls }: ConnectOptions, connect: (tls: TlsOptions | undefined) => Promise<T>): Promise<T> {
  if (tls.tls === undefined || !tls.isOptional) return connect(tls.tls);
  try {
    return await connect(tls.tls);
  } catch (error) {
    // What the driver says when the server answers no to the question for TLS.
    if (!/does not support SSL/.test(messageOf(error))) throw error;
    return connect(undefined);
  }
}

async function open(
  options: ConnectOptions,
  tls: TlsOptions | undefined,
  more: Record<string, unknown>,
): Promise<pg.Client> {
  const { host, port, user, password, database } = options;
  const asText = { getTypeParser: () => (text: string) => text };
  const config = {
    ...{ host, port, user, password, database, types: asText },
    // A peer that is gone without a word is noticed on a connection that waits, too.
    ...{ keepAlive: true, keepAliveInitialDelayMillis: 10_000 },
    ssl: tls ?? false,
    application_name: options.applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs,
    options: sessionSettings.map((setting) => `-c ${setting}`).join(' '),
    ...more,
  };
  const client = new pg.Client(config as pg.ClientConfig);
  // A connection that breaks is told of by the call that uses it.
  client.on('error', () => {});
  try {
    await client.connect();
    await settle(client);
  } catch (error) {
    await endSql(client);
    throw asPostgresError(error, `${user}@${host}:${port}/${database}`);
  }
  return client;
}

/** Like those above, of servers that have them: a session may wait for long, and a snapshot is one transaction. */
const newerLimits = ['idle_session_timeout', 'transaction_timeout'];

/**
 * What depends on the server. A database of encoding SQL_ASCII has whatever bytes were written to it; asked for UTF-8 the
 * server would refuse to send what is none, and a stream could never get past such a row.
 */
async function settle(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ encoding: string }>(
    `SELECT pg_catalog.current_setting('server_encoding') AS encoding,
        (SELECT count(pg_catalog.set_config(name, '0', false)) FROM pg_catalog.pg_settings
          WHERE name IN (${newerLimits.map((name) => `'${name}'`).join(', ')}))`,
  );
  if (rows[0]?.encoding === 'SQL_ASCII') await client.query("SET client_encoding TO 'SQL_ASCII'");
}

const readBytes = 256 * 1024;

/** A socket without an allocation per chunk, which the server sends row by row. */
function tappedSocket(tap: Tap): Socket {
  const buffer = Buffer.allocUnsafeSlow(readBytes);
  const callback = (length: number): boolean => {
    const chunk = buffer.subarray(0, length);
    if (tap.onChunk !== undefined) return tap.onChunk(chunk);
    // The driver keeps what it is given.
    socket.emit('data', Buffer.from(chunk));
    return true;
  };
  const socket: Socket = new Socket({ onread: { buffer, callback } } as ConstructorParameters<typeof Socket>[0]);
  return socket;
}
