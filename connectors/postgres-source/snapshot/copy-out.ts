/** Rows of a statement by COPY over a connection of the driver, whose socket is borrowed for as long as it takes. */

import type { Socket } from 'node:net';
import type pg from 'pg';
import type { Tuple } from '../row.ts';
import { encodeQuery } from '../wire/messages.ts';
import { ReadPace } from '../wire/read-pace.ts';
import { CopyFrames } from './copy-frames.ts';
import { CopyRows } from './copy-rows.ts';

/** Bytes that may wait before the socket is no longer read. */
const mostWaitingBytes = 2 ** 22;

/**
 * One statement's rows. Take them with `next` until it says null, then wait for `onReady`, until `isDone`. One at a time
 * on a connection, and nothing else on it meanwhile.
 */
export class CopyOut {
  readonly #socket: Socket;
  readonly #listeners: readonly ((...values: unknown[]) => void)[];
  readonly #frames = new CopyFrames();
  readonly #rows: CopyRows;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #isPaused = false;
  readonly #pace = new ReadPace(() => this.#read());
  readonly #onReady: () => void;
  #failure: unknown;
  #isClosed = false;
  /** A piece of data is there that the rows were not fed yet. */
  #hasPiece = false;
  /** Waits for what comes behind it. */
  #held: Tuple | null = null;
  /** No row comes behind the one that `next` gave. */
  isLast = false;
  /** Bytes of rows so far. */
  byteCount = 0;

  /** `columnCount` is how many columns the statement's result has; `onReady` says that `next` has something to say. */
  constructor(client: pg.Client, statement: string, columnCount: number, onReady: () => void) {
    this.#onReady = onReady;
    const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
    this.#socket = stream;
    this.#rows = new CopyRows(columnCount);
    this.#listeners = stream.listeners('data') as ((...values: unknown[]) => void)[];
    for (const listener of this.#listeners) stream.removeListener('data', listener);
    stream.on('data', this.#onData);
    stream.on('close', this.#onClose);
    stream.on('error', this.#onError);
    stream.write(encodeQuery(`COPY (${statement}) TO STDOUT`));
  }

  /** The next row that is here, valid until the next call; null when none is. Throws what the server or the connection says. */
  next(): Tuple | null {
    for (;;) {
      const row = this.#held ?? this.#rows.next();
      if (row !== null) {
        const isFollowed = this.#rows.isInRow || this.#advance();
        if (isFollowed || this.#isWhole) {
          this.#held = null;
          this.isLast = !isFollowed;
          return row;
        }
        this.#held = row;
      } else if (this.#advance()) {
        const { bytes, start, end } = this.#frames;
        this.#hasPiece = false;
        this.byteCount += end - start;
        this.#rows.feed(bytes, start, end);
        continue;
      }
      if (this.#frames.isDone) this.#finish();
      if (this.#failure !== undefined) throw this.#failure;
      return null;
    }
  }

  /** Everything has come. */
  get #isWhole(): boolean {
    return this.#frames.isDone && this.#frames.failure === undefined;
  }

  /** Looks for the next piece of data; false where none is here. Rows that were taken stay valid. */
  #advance(): boolean {
    while (!this.#hasPiece) {
      if (this.#frames.next()) {
        this.#hasPiece = true;
        break;
      }
      const chunk = this.#waiting.shift();
      if (chunk === undefined) return false;
      this.#frames.feed(chunk);
      this.#waitingBytes -= chunk.length;
      if (this.#isPaused && this.#waitingBytes < mostWaitingBytes / 2) this.#resume();
    }
    return true;
  }

  /** Every row was taken; the connection is free again. */
  get isDone(): boolean {
    return this.#isClosed && this.#failure === undefined;
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes > mostWaitingBytes) {
      this.#isPaused = true;
    }
    this.#pace.took(chunk.length);
    if (this.#isPaused || this.#pace.isResting) this.#socket.pause();
    this.#onReady();
  };

  readonly #onClose = (): void => this.#fail(new Error('the server closed the connection'));

  readonly #onError = (error: Error): void => this.#fail(error);

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#onReady();
  }

  #resume(): void {
    this.#isPaused = false;
    this.#read();
  }

  #read(): void {
    if (!this.#isPaused && !this.#pace.isResting) this.#socket.resume();
  }

  /** Gives the socket back to the driver. */
  #finish(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#pace.close();
    this.#socket.off('data', this.#onData);
    this.#socket.off('close', this.#onClose);
    this.#socket.off('error', this.#onError);
    for (const listener of this.#listeners) this.#socket.on('data', listener);
    this.#socket.resume();
    const { failure } = this.#frames;
    if (failure !== undefined) this.#failure ??= failure;
    else if (this.#rows.isInRow) this.#failure ??= new Error('the server ended the rows in the middle of one');
  }
}
