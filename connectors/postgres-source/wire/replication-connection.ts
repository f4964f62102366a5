/** A connection in replication mode: first commands, then, once the stream is started, only what the server sends and our status. */

import type { Socket } from 'node:net';
import type pg from 'pg';
import type { MillraceError } from '../../../core/base/errors.ts';
import { postgresErrors } from '../error-codes.ts';
import { type ConnectOptions, endSql, openReplication, socketOf, type Tap } from './connect.ts';
import { Inbox } from './inbox.ts';
import {
  backendTags,
  decodeServerError,
  encodeQuery,
  encodeStatus,
  frameHeaderBytes,
  type ServerError,
  type StandbyStatus,
} from './messages.ts';
import { ReadPace } from './read-pace.ts';
import { asPostgresError, publicationIsYounger } from './server-errors.ts';

export interface ReplicationOptions extends ConnectOptions {
  /** What may wait to be used before reading from the socket stops. */
  readonly inboxBytes: number;
  /** The largest message of the stream that is taken. */
  readonly mostMessageBytes: number;
}

/** One CopyData of the stream: `bytes[start, end)`, valid until the next call of `next`. One object for all. */
export interface Frame {
  bytes: Buffer;
  start: number;
  end: number;
}

export class ReplicationConnection {
  readonly #client: pg.Client;
  readonly #tap: Tap;
  readonly #where: string;
  readonly #inbox: Inbox;
  readonly #frame: Frame = { bytes: Buffer.alloc(0), start: 0, end: 0 };
  #socket: Socket | undefined;
  /** Of the stream, since it was started. */
  #receivedBytes = 0;
  #isPaused = false;
  /** Length of the message at the front that is not whole yet. */
  #awaitedBytes = 0;
  #failure: MillraceError | undefined;
  #wake: (() => void) | undefined;
  readonly #pace = new ReadPace(() => this.#read());
  readonly #abort = () => this.#wake?.();

  private constructor(client: pg.Client, tap: Tap, options: ReplicationOptions) {
    this.#client = client;
    this.#tap = tap;
    this.#where = `${options.host}:${options.port}/${options.database}`;
    this.#inbox = new Inbox({ usualBytes: options.inboxBytes, mostBytes: options.mostMessageBytes });
  }

  /** Rejects with `postgres/unreachable`, `postgres/refused` or `postgres/setting`. */
  static async open(options: ReplicationOptions): Promise<ReplicationConnection> {
    const { client, tap } = await openReplication(options);
    return new ReplicationConnection(client, tap, options);
  }

  /** Why the stream has ended, once it has. */
  get failure(): MillraceError | undefined {
    return this.#failure;
  }

  /** A replication command or a simple query; not once the stream is started. */
  async command(text: string): Promise<Record<string, string | null>[]> {
    try {
      return (await this.#client.query<Record<string, string | null>>(text)).rows;
    } catch (error) {
      throw asPostgresError(error, this.#where);
    }
  }

  /** Sends START_REPLICATION and takes the socket from the driver. What the server refuses comes with the first `next`. */
  start(command: string): void {
    const stream = socketOf(this.#client);
    for (const event of ['data', 'end', 'error', 'close']) stream.removeAllListeners(event);
    stream.on('error', (error) => this.#fail(asPostgresError(error, this.#where)));
    stream.on('close', () => this.#fail(this.#broken('the server closed the connection')));
    const onChunk = (chunk: Buffer): boolean => {
      this.#receivedBytes += chunk.length;
      this.#inbox.push(chunk);
      this.#wake?.();
      this.#pace.took(chunk.length);
      this.#isPaused = this.#inbox.isFull(this.#awaitedBytes);
      return !this.#isPaused && !this.#pace.isResting;
    };
    if (this.#tap.onChunk === undefined) this.#tap.onChunk = onChunk;
    // Over TLS chunks come as events.
    stream.on('data', (chunk: Buffer) => {
      if (!onChunk(chunk)) stream.pause();
    });
    this.#socket = stream;
    stream.write(encodeQuery(command));
    stream.resume();
  }

  /** The next message of the stream that is here already. Throws what ended the stream, once everything before that was taken. */
  next(): Frame | undefined {
    for (;;) {
      const inbox = this.#inbox;
      if (inbox.heldBytes < frameHeaderBytes) return this.#nothing(frameHeaderBytes);
      const { bytes, start } = inbox;
      const length = bytes.readInt32BE(start + 1);
      if (length < 4) throw this.#fail(this.#nonsense(`a message announces ${length} bytes`));
      const end = start + 1 + length;
      if (!inbox.takes(1 + length)) throw this.#fail(this.#tooLarge(length));
      if (inbox.heldBytes < 1 + length) return this.#nothing(1 + length);
      const tag = bytes[start]!;
      inbox.used(end);
      if (tag !== backendTags.copyData) {
        this.#control(tag, bytes, start + frameHeaderBytes, end);
        continue;
      }
      this.#frame.bytes = bytes;
      this.#frame.start = start + frameHeaderBytes;
      this.#frame.end = end;
      return this.#frame;
    }
  }

  /**
   * Resolves when something has arrived, the stream has ended, `signal` aborts, `mostMs` have passed, or `orUntil` resolves.
   * One call at a time.
   */
  async arrival(signal: AbortSignal, mostMs: number, orUntil?: Promise<void>): Promise<void> {
    if (this.#failure !== undefined || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = setTimeout(resolve, mostMs);
    signal.addEventListener('abort', this.#abort);
    void orUntil?.then(resolve);
    await promise;
    clearTimeout(timer);
    signal.removeEventListener('abort', this.#abort);
    this.#wake = undefined;
  }

  sendStatus(status: StandbyStatus): void {
    if (this.#failure === undefined) this.#socket?.write(encodeStatus(status));
  }

  /** Grows with whatever the server sends. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Nothing is read, because what came is not used yet. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** The stream ends with this reason, once what came was taken. */
  abandon(message: string): void {
    this.#fail(this.#broken(message));
    this.#socket?.destroy();
  }

  /** Drops the connection; the server notices at once. Idempotent. */
  async close(): Promise<void> {
    this.#fail(this.#broken('the connection was closed'));
    if (this.#socket === undefined) await endSql(this.#client);
    else this.#socket.destroy();
  }

  #nothing(awaitedBytes: number): undefined {
    this.#awaitedBytes = awaitedBytes;
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#isPaused && !this.#inbox.isFull(awaitedBytes)) {
      this.#isPaused = false;
      this.#read();
    }
    return undefined;
  }

  #read(): void {
    if (!this.#isPaused && !this.#pace.isResting) this.#socket?.resume();
  }

  /** Everything that is not the stream itself. */
  #control(tag: number, bytes: Buffer, start: number, end: number): void {
    if (tag === backendTags.error) throw this.#fail(this.#ofStream(decodeServerError(bytes, start, end)));
    if (tag === backendTags.notice) {
      const { message } = decodeServerError(bytes, start, end);
      // Version 18 and newer go on without what they cannot tell.
      if (/skipped loading publication/.test(message)) throw this.#fail(publicationIsYounger(message, this.#where));
    }
    if (tag === backendTags.copyDone) throw this.#fail(this.#broken('the server ended the stream'));
  }

  #ofStream(error: ServerError): MillraceError {
    const isYounger = /publication .* does not exist/.test(error.message);
    return isYounger ? publicationIsYounger(error.message, this.#where) : asPostgresError(error, this.#where);
  }

  /** The first reason counts. */
  #fail(error: MillraceError): MillraceError {
    this.#failure ??= error;
    this.#pace.close();
    this.#wake?.();
    return this.#failure;
  }

  #broken(message: string): MillraceError {
    return postgresErrors.error('unreachable', { message, where: this.#where });
  }

  #nonsense(message: string): MillraceError {
    return postgresErrors.error('protocol', { message: message, where: this.#where });
  }

  #tooLarge(length: number): MillraceError {
    return postgresErrors.error('too-large', { message: `a message has ${length} bytes`, where: this.#where });
  }
}
