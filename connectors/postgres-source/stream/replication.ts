/** One started replication stream with all that belongs to it: connection, reader, writer, spool and the reports to the server. */

import type { Clock } from '../../../core/base/clock.ts';
import { quoteLiteral, quoteName } from '../catalog/names.ts';
import type { RecordTarget } from '../envelope/change.ts';
import type { EnvelopeOptions } from '../envelope/options.ts';
import { lsnText } from '../lsn.ts';
import type { StreamPosition } from '../position.ts';
import type { ReplicationConnection } from '../wire/replication-connection.ts';
import { Acknowledger } from './acknowledger.ts';
import type { ChangeWatch } from './change-watch.ts';
import { ChangeWriter } from './change-writer.ts';
import { ServerClock } from './server-clock.ts';
import { Spool } from './spool.ts';
import { StreamReader } from './stream-reader.ts';
import type { SeenChanges, Tables } from './tables.ts';

export interface ReplicationOptions {
  readonly connection: ReplicationConnection;
  readonly clock: Clock;
  readonly slotName: string;
  readonly publicationName: string;
  readonly serverVersion: number;
  readonly walSenderTimeoutMs: number;
  readonly position: StreamPosition;
  readonly tables: Tables;
  readonly envelope: EnvelopeOptions;
  readonly target: RecordTarget;
  readonly seen: SeenChanges;
  readonly watch?: ChangeWatch | undefined;
  readonly hasTransactionRecords: boolean;
  readonly isMessageCaptured: (prefix: string) => boolean;
  /** Of `slot.stream.params`; they count more than ours. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly spoolFolder: string;
  readonly spoolMemoryBytes: number;
}

/** How soon the server hears of what became durable. */
const flushMs = 250;

export class Replication {
  readonly reader: StreamReader;
  readonly writer: ChangeWriter;
  readonly acknowledger: Acknowledger;
  readonly serverClock = new ServerClock();
  readonly #connection: ReplicationConnection;
  readonly #spool: Spool;

  private constructor(options: ReplicationOptions) {
    const { connection, clock, position, tables } = options;
    this.#connection = connection;
    this.#spool = new Spool({ folder: options.spoolFolder, memoryBytes: options.spoolMemoryBytes });
    this.acknowledger = new Acknowledger(position.lsn, {
      clock,
      walSenderTimeoutMs: options.walSenderTimeoutMs,
      flushMs,
      send: (status) => connection.sendStatus(status),
      server: connection,
    });
    this.writer = new ChangeWriter({ ...options, nowUs: () => clock.nowMs() * 1000 });
    this.reader = new StreamReader({
      connection,
      tables,
      writer: this.writer,
      spool: this.#spool,
      acknowledger: this.acknowledger,
      onClock: (serverMs) => this.serverClock.told(serverMs, clock.nowMs()),
    });
  }

  static start(options: ReplicationOptions): Replication {
    const replication = new Replication(options);
    options.connection.start(startCommand(options));
    replication.acknowledger.start();
    return replication;
  }

  /** Of transactions that have not ended. */
  get spooledBytes(): number {
    return this.#spool.heldBytes;
  }

  /** Every transaction whose commit record lies before the position was told, and nothing is half told. */
  hasTold(lsn: bigint): boolean {
    return !this.writer.isHolding && (this.writer.toldLsn >= lsn || this.reader.quietLsn >= lsn);
  }

  /** Resolves when something has arrived, the stream has ended, `signal` aborts, `mostMs` have passed, or `orUntil` resolves. */
  arrival(signal: AbortSignal, mostMs: number, orUntil?: Promise<void>): Promise<void> {
    return this.#connection.arrival(signal, mostMs, orUntil);
  }

  async close(): Promise<void> {
    this.acknowledger.stop();
    await this.#connection.close();
    await this.#spool.close();
  }
}

/** The newest version of pgoutput's protocol that the server has. */
function protocolVersion(serverVersion: number): number {
  if (serverVersion >= 160_000) return 4;
  if (serverVersion >= 150_000) return 3;
  return serverVersion >= 140_000 ? 2 : 1;
}

/**
 * Transactions that are still open are sent piece by piece from version 14 on: the server need not keep them. `parallel`
 * (version 16) would send the same pieces, and with what is rolled back its place and time: that helps whoever applies
 * pieces before the commit, and nothing is told before it here. Whether prepared transactions are told is up to the slot.
 */
function startCommand({ slotName, publicationName, serverVersion, position, parameters }: ReplicationOptions): string {
  const isModern = serverVersion >= 140_000;
  const all = new Map<string, string>([
    ['proto_version', String(protocolVersion(serverVersion))],
    // A list of identifiers, each of which would be folded to lower case without quotes.
    ['publication_names', quoteName(publicationName)],
    ...(isModern
      ? ([
          ['messages', 'true'],
          ['streaming', 'on'],
        ] as const)
      : []),
    ...parameters,
  ]);
  const list = [...all].map(([name, value]) => `${quoteName(name)} ${quoteLiteral(value)}`).join(', ');
  return `START_REPLICATION SLOT ${quoteName(slotName)} LOGICAL ${lsnText(position.lsn)} (${list})`;
}
