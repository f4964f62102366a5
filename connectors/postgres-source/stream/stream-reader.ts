/** Reads the replication stream step by step: frames into events, pieces of open transactions into the spool and back out of it. */

import { PgOutputDecoder } from '../pgoutput/decoder.ts';
import type { StreamEvents } from '../pgoutput/events.ts';
import { readTimeUs, streamTags, xLogDataHeaderBytes } from '../wire/messages.ts';
import type { ReplicationConnection } from '../wire/replication-connection.ts';
import type { Acknowledger } from './acknowledger.ts';
import type { ChangeWriter } from './change-writer.ts';
import type { Spool, SpoolReader } from './spool.ts';
import type { Tables } from './tables.ts';

export interface StreamReaderOptions {
  readonly connection: ReplicationConnection;
  readonly writer: ChangeWriter;
  readonly tables: Tables;
  readonly spool: Spool;
  readonly acknowledger: Acknowledger;
  /** The server's clock said so, just before it sent what is read now. */
  onClock(serverMs: number): void;
}

/** A streamed transaction that has committed, or was prepared, and is being told from the spool. */
interface Telling {
  readonly transactionId: number;
  /** Tells its end. */
  readonly end: () => void;
  readonly messages: SpoolReader;
  /** What is in memory of it was told. */
  isDry: boolean;
}

/** What a step did: told or kept something, found nothing there, or needs `settle` before the next step. */
export type Step = 'done' | 'nothing' | 'unsettled';

const streamStopTag = 0x45;

export class StreamReader {
  readonly #options: StreamReaderOptions;
  readonly #decoder = new PgOutputDecoder();
  readonly #events: StreamEvents;
  /** The transaction whose piece is being sent. */
  #streamed: number | undefined;
  #telling: Telling | undefined;
  #dropped: number[] = [];
  /** The server waits for an answer: it may be about to stop. Whoever has stored a position takes it back. */
  isAnswerWanted = false;
  /** The next message is asked when it was sent; not each of them, because there are very many. */
  isClockWanted = true;
  /** The end of the server's log as it was said last, when nothing before it is missing here. */
  #quietLsn = 0n;

  constructor(options: StreamReaderOptions) {
    this.#options = options;
    this.#events = this.#streamEvents(options.writer);
  }

  /** Everything before it was told, or has nothing to tell; 0 while a transaction is being told. */
  get quietLsn(): bigint {
    return this.#telling === undefined && !this.#options.writer.isInTransaction ? this.#quietLsn : 0n;
  }

  /** Takes one message. Throws what ended the stream, and `postgres/protocol`. */
  step(): Step {
    const { connection, tables, spool, writer } = this.#options;
    if (this.#telling !== undefined) return this.#tell(this.#telling);
    const frame = connection.next();
    if (frame === undefined) return 'nothing';
    const { bytes, start, end } = frame;
    if (bytes[start] === streamTags.xLogData && end - start >= xLogDataHeaderBytes) {
      if (this.isClockWanted) this.#clock(bytes, start + 17);
      this.#take(bytes.readBigUInt64BE(start + 1), bytes, start + xLogDataHeaderBytes, end);
    } else if (bytes[start] === streamTags.keepalive && end - start >= 18) {
      this.#clock(bytes, start + 9);
      this.#keepalive(bytes.readBigUInt64BE(start + 1), bytes[start + 17] === 1);
    }
    const isUnsettled = tables.areMissing || writer.isHolding || spool.isCrowded || this.#dropped.length > 0;
    return isUnsettled ? 'unsettled' : 'done';
  }

  /** What takes a disk or a question to the server. Rejects with its failure. */
  async settle(): Promise<void> {
    const { tables, spool, writer } = this.#options;
    if (tables.areMissing) await tables.load();
    if (writer.isHolding) await writer.settle();
    for (const transactionId of this.#dropped.splice(0)) await spool.drop(transactionId);
    if (spool.isCrowded) await spool.settle();
    const telling = this.#telling;
    if (telling === undefined || !telling.isDry) return;
    telling.isDry = false;
    if (!(await telling.messages.more())) await this.#told(telling);
  }

  #take(lsn: bigint, bytes: Buffer, start: number, end: number): void {
    const { acknowledger, writer, spool } = this.#options;
    acknowledger.received(lsn);
    // What is sent next is not behind it, so it no longer holds.
    this.#quietLsn = 0n;
    const streamed = this.#streamed;
    if (streamed === undefined || bytes[start] === streamStopTag) {
      writer.at(lsn);
      this.#decoder.decode(bytes, start, end, this.#events);
    } else {
      const subtransaction = end - start >= 5 ? bytes.readUInt32BE(start + 1) : streamed;
      spool.add(streamed, subtransaction, lsn, bytes, start, end);
    }
  }

  #clock(bytes: Buffer, at: number): void {
    this.isClockWanted = false;
    this.#options.onClock(readTimeUs(bytes, at) / 1000);
  }

  #keepalive(endLsn: bigint, wantsReply: boolean): void {
    const { acknowledger } = this.#options;
    acknowledger.received(endLsn);
    if (!this.#options.writer.isInTransaction) this.#quietLsn = endLsn;
    if (!wantsReply) return;
    this.isAnswerWanted = true;
    acknowledger.asked();
  }

  #tell(telling: Telling): Step {
    const { writer, tables } = this.#options;
    const message = telling.messages.next();
    if (message === undefined) {
      telling.isDry = true;
      return 'unsettled';
    }
    writer.at(message.lsn);
    this.#decoder.decodeStreamed(message.bytes, message.start, message.end, writer);
    return tables.areMissing || writer.isHolding ? 'unsettled' : 'done';
  }

  async #told({ transactionId, end }: Telling): Promise<void> {
    this.#telling = undefined;
    end();
    await this.#options.spool.drop(transactionId);
  }

  #streamEvents(writer: ChangeWriter): StreamEvents {
    const { spool } = this.#options;
    return {
      begin: (commitLsn, timeUs, transactionId) => writer.begin(commitLsn, timeUs, transactionId),
      commit: (info) => writer.commit(info),
      insert: (shape, row) => writer.insert(shape, row),
      update: (shape, old, kind, row) => writer.update(shape, old, kind, row),
      delete: (shape, old) => writer.delete(shape, old),
      truncate: (shapes) => writer.truncate(shapes),
      message: (message) => writer.message(message),
      relation: (shape) => writer.relation(shape),
      origin: (name, lsn) => writer.origin(name, lsn),
      streamStart: (transactionId) => {
        this.#streamed = transactionId;
      },
      streamStop: () => {
        this.#streamed = undefined;
      },
      streamCommit: (transactionId, info) => {
        writer.begin(info.commitLsn, info.timeUs, transactionId);
        const messages = spool.read(transactionId);
        this.#telling = { transactionId, end: () => writer.commit(info), messages, isDry: true };
      },
      streamAbort: (transactionId, subtransactionId) => {
        if (transactionId === subtransactionId) this.#dropped.push(transactionId);
        else spool.abort(transactionId, subtransactionId);
      },
      beginPrepare: (info) => writer.beginPrepared(info),
      prepare: (info) => writer.prepared(info),
      streamPrepare: (info) => {
        writer.beginPrepared(info);
        const { transactionId } = info;
        const messages = spool.read(transactionId);
        this.#telling = { transactionId, end: () => writer.prepared(info), messages, isDry: true };
      },
      commitPrepared: (info) => writer.commitPrepared(info),
      // If its changes were told, they stay told: README, "Limits".
      rollbackPrepared: ({ endLsn }) => writer.passed(endLsn),
    };
  }
}
