/** A replication stream of a test server whose records are kept, without the runtime around it. */

import { sqlOver } from '../../../../connectors/postgres-source/catalog/sql.ts';
import { TypeCatalog } from '../../../../connectors/postgres-source/catalog/types.ts';
import { type EnvelopeOptions, envelopeOptions } from '../../../../connectors/postgres-source/envelope/options.ts';
import type { StreamPosition } from '../../../../connectors/postgres-source/position.ts';
import { Replication } from '../../../../connectors/postgres-source/stream/replication.ts';
import { Tables } from '../../../../connectors/postgres-source/stream/tables.ts';
import { openSql } from '../../../../connectors/postgres-source/wire/connect.ts';
import { ReplicationConnection } from '../../../../connectors/postgres-source/wire/replication-connection.ts';
import { systemClock } from '../../../../core/base/clock.ts';
import type { PostgresServer } from '../../../kits/postgres-server.ts';

export interface Change {
  readonly topic: string;
  readonly key: Record<string, unknown> | null;
  readonly op?: string;
  readonly before?: Record<string, unknown> | null;
  readonly after?: Record<string, unknown> | null;
  readonly message?: unknown;
  readonly source?: { readonly sequence: string; readonly lsn: number };
  /** Of a changed table. */
  readonly changes?: readonly Record<string, unknown>[];
  readonly transaction?: { readonly total_order: number; readonly data_collection_order: number } | null;
  readonly status?: string;
  readonly event_count?: number | null;
}

export interface OpenedStream {
  readonly changes: readonly Change[];
  readonly position: StreamPosition;
  readonly quietLsn: bigint;
  /** Pieces of transactions that had not ended. */
  readonly pieces: number;
  readonly spooledBytes: number;
  /** Reads until `done`, or until about `mostSteps` changes were kept. Rejects with what ends the stream. */
  until(done: () => boolean, mostChanges?: number): Promise<void>;
  acknowledge(lsn: bigint): void;
  close(): Promise<void>;
}

export interface OpenOptions {
  readonly slotName: string;
  readonly spoolFolder: string;
  readonly spoolMemoryBytes?: number;
  readonly position?: StreamPosition;
  readonly password?: string;
  readonly envelope?: Partial<EnvelopeOptions>;
  /** `provide.transaction.metadata` */
  readonly hasTransactionRecords?: boolean;
  /** `slot.stream.params` */
  readonly parameters?: ReadonlyMap<string, string>;
}

export async function openStream(server: PostgresServer, options: OpenOptions): Promise<OpenedStream> {
  const { host, port, user, database } = server;
  const password = options.password ?? server.password;
  const connect = {
    host,
    port,
    user,
    password,
    database,
    tls: { tls: undefined, isOptional: true },
    applicationName: 'test',
    connectTimeoutMs: 5000,
  };
  const connection = await ReplicationConnection.open({ ...connect, inboxBytes: 1 << 20, mostMessageBytes: 1 << 28 });
  const client = await openSql(connect);
  const sql = sqlOver(client, 'test');
  const types = new TypeCatalog(sql);
  const [row] = await sql.query('SHOW server_version_num');
  const envelope = envelopeOptions({
    types,
    database,
    version: 'test',
    prefix: 'p',
    keySchemas: false,
    valueSchemas: false,
    ...options.envelope,
  });
  const changes: Change[] = [];
  let pieces = 0;
  const tables = new Tables({ sql, types, envelope, isCaptured: () => true });
  const replication = Replication.start({
    connection,
    clock: systemClock,
    slotName: options.slotName,
    publicationName: 'pub',
    serverVersion: Number(row?.['server_version_num']),
    walSenderTimeoutMs: 60_000,
    position: options.position ?? { lsn: 0n, partial: undefined },
    tables,
    envelope,
    target: {
      record: (topic, bytes, keyStart, keyEnd, valueStart, valueEnd) => {
        const parse = (start: number, end: number) =>
          start < 0 ? null : JSON.parse(bytes.toString('utf8', start, end));
        changes.push({ topic, key: parse(keyStart, keyEnd), ...parse(valueStart, valueEnd) });
      },
    },
    seen: { isSeen: () => false, mayLackRow: () => false, passed: () => {} },
    hasTransactionRecords: options.hasTransactionRecords ?? false,
    isMessageCaptured: () => true,
    parameters: options.parameters ?? new Map(),
    spoolFolder: options.spoolFolder,
    spoolMemoryBytes: options.spoolMemoryBytes ?? 1 << 24,
  });
  const { reader, writer } = replication;
  return {
    changes,
    get position() {
      return writer.positionNow();
    },
    get quietLsn() {
      return reader.quietLsn;
    },
    get pieces() {
      return pieces;
    },
    get spooledBytes() {
      return replication.spooledBytes;
    },
    async until(done, mostChanges = Number.POSITIVE_INFINITY) {
      while (!done() && changes.length < mostChanges) {
        const before = replication.spooledBytes;
        const step = reader.step();
        if (replication.spooledBytes > before) pieces += 1;
        if (step === 'unsettled') await reader.settle();
        else if (step === 'nothing') await replication.arrival(new AbortController().signal, 200);
      }
    },
    acknowledge: (lsn) => replication.acknowledger.flushed(lsn),
    async close() {
      await replication.close();
      await client.end();
    },
  };
}
