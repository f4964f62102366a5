/** One client connection: frames in, requests served on arrival, replies out in the order of the requests, everything bounded. */

import type { Clock } from '../base/clock.ts';
import { describeError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { BatchMemory } from '../protocol/batch-memory.ts';
import { FrameReader } from '../protocol/frame.ts';
import type { ByteBudget } from './byte-budget.ts';
import { openingBytes, recogniseStranger } from './strangers.ts';
import type { Transport } from './transport.ts';

/** A reply's bytes in order; `none` sends nothing; `hang-up` sends the replies before it and closes. */
export type Reply = readonly Buffer[] | 'none' | 'hang-up';

/** What the handlers of one connection share. */
interface Client {
  readonly host: string;
  /** The partition at which the last Fetch ran out of room; the next one starts there. */
  fetchStart: string | undefined;
  /** True once the client has closed its side. */
  readonly isGone: boolean;
  /** Calls `fn` when the client has closed its side, so nothing should be waited for on its behalf; returns how to take that back. */
  onGone(fn: () => void): () => void;
}

/** One request in progress. */
export interface Exchange {
  readonly client: Client;
  /** Calls `fn` once the reply has left this process, or never will. */
  afterSent(fn: () => void): void;
  /** Nothing refers to the bytes of the request any more: their memory may serve another one. At most once. */
  giveBackRequest(): void;
}

export interface ConnectionLimits {
  readonly maxFrameBytes: number;
  /** Requests accepted and not yet fully answered; more wait in the socket. */
  readonly maxInFlightRequests: number;
  /** Request bytes accepted and not yet fully answered; one request is always let in. */
  readonly maxInFlightBytes: number;
}

export interface ConnectionOptions {
  readonly transport: Transport;
  readonly serve: (frame: Buffer, exchange: Exchange) => Reply | Promise<Reply>;
  readonly limits: ConnectionLimits;
  /** Request bytes in flight over all connections. */
  readonly budget: ByteBudget;
  /** Where large requests are collected; shared by all connections. */
  readonly memory: BatchMemory;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onClosed: (connection: Connection) => void;
}

interface Slot {
  readonly bytes: number;
  reply: Reply | undefined;
  sentCallbacks: (() => void)[] | undefined;
}

export class Connection implements Client {
  readonly host: string;
  fetchStart: string | undefined;
  /** Monotonic; the broker closes connections that were idle for too long. */
  lastActiveMs: number;
  readonly #options: ConnectionOptions;
  readonly #frames: FrameReader;
  /** Complete frames beyond the limits; at most what one chunk of the transport held. */
  #waiting: Buffer[] = [];
  /** Requests in order of arrival whose replies are not yet handed to the transport. */
  #slots: Slot[] = [];
  #inFlightRequests = 0;
  #inFlightBytes = 0;
  /** Replies handed to the transport that the peer has not taken yet; they still count as in flight. */
  readonly #unflushed = new Set<Slot>();
  #isPaused = false;
  #isPumping = false;
  /** The first bytes while they are too few to tell a stranger; undefined from then on. */
  #opening: Buffer | undefined = Buffer.alloc(0);
  /** No new requests; what came in is answered. */
  #isEnding = false;
  /** Nothing can be sent any more; what is still being served only gives back what it holds. */
  #isClosed = false;
  readonly #goneCallbacks = new Set<() => void>();
  readonly #pump = () => this.#startWaiting();

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.host = options.transport.peer;
    this.lastActiveMs = options.clock.monotonicMs();
    this.#frames = new FrameReader({ maxFrameBytes: options.limits.maxFrameBytes, memory: options.memory });
    options.transport.bind({
      onData: (chunk) => this.#onData(chunk),
      onEnd: () => {
        this.#endInput();
        this.#tellGone();
      },
      onClose: () => this.#onClose(),
    });
  }

  get isGone(): boolean {
    return this.#isEnding || this.#isClosed;
  }

  onGone(fn: () => void): () => void {
    this.#goneCallbacks.add(fn);
    return () => this.#goneCallbacks.delete(fn);
  }

  /** Takes no new request, answers what is being served, then closes. */
  finish(): void {
    this.#waiting = [];
    this.#endInput();
  }

  destroy(): void {
    this.#options.transport.destroy();
  }

  #onData(chunk: Buffer): void {
    if (this.#isEnding || this.#isClosed) return;
    this.lastActiveMs = this.#options.clock.monotonicMs();
    const stranger = this.#opening === undefined ? undefined : this.#recognise(this.#opening, chunk);
    if (stranger !== undefined) {
      this.#options.logger.warn({ peer: this.host }, stranger);
      this.destroy();
      return;
    }
    try {
      const { memory } = this.#options;
      this.#frames.push(chunk, (frame) =>
        this.#waiting.push(frame.buffer === chunk.buffer ? ownCopy(frame, memory) : frame),
      );
    } catch (error) {
      this.#options.logger.warn({ peer: this.host }, `connection closed: ${describeError(error)}`);
      this.destroy();
      return;
    }
    this.#startWaiting();
  }

  #recognise(before: Buffer, chunk: Buffer): string | undefined {
    const opening = Buffer.concat([before, chunk.subarray(0, openingBytes)]);
    this.#opening = opening.length < openingBytes ? opening : undefined;
    return recogniseStranger(opening);
  }

  #startWaiting(): void {
    // Serving can complete, release and come back here at once.
    if (this.#isPumping || this.#isClosed || this.#waiting.length === 0) return;
    this.#isPumping = true;
    let started = 0;
    for (const frame of this.#waiting) {
      if (this.#isClosed || !this.#admit(frame.length)) break;
      started++;
      this.#start(frame);
    }
    this.#isPumping = false;
    if (started > 0) this.#waiting = this.#waiting.slice(started);
    if (this.#isEnding) this.#endWhenDone();
    else this.#pauseOrResume();
  }

  #admit(bytes: number): boolean {
    const { limits, budget } = this.#options;
    if (this.#inFlightRequests >= limits.maxInFlightRequests) return false;
    if (this.#inFlightRequests > 0 && this.#inFlightBytes + bytes > limits.maxInFlightBytes) return false;
    if (!budget.tryTake(bytes)) {
      budget.whenFreed(this.#pump);
      return false;
    }
    this.#inFlightRequests++;
    this.#inFlightBytes += bytes;
    return true;
  }

  #pauseOrResume(): void {
    const shouldPause = this.#waiting.length > 0;
    if (shouldPause === this.#isPaused) return;
    this.#isPaused = shouldPause;
    if (shouldPause) this.#options.transport.pause();
    else this.#options.transport.resume();
  }

  #start(frame: Buffer): void {
    const slot: Slot = { bytes: frame.length, reply: undefined, sentCallbacks: undefined };
    this.#slots.push(slot);
    const exchange: Exchange = {
      client: this,
      afterSent: (fn) => {
        slot.sentCallbacks ??= [];
        slot.sentCallbacks.push(fn);
      },
      giveBackRequest: () => this.#options.memory.give(frame),
    };
    const reply = this.#options.serve(frame, exchange);
    if (reply instanceof Promise) void reply.then((settled) => this.#complete(slot, settled));
    else this.#complete(slot, reply);
  }

  #complete(slot: Slot, reply: Reply): void {
    slot.reply = reply;
    if (this.#isClosed) this.#release(slot);
    else this.#sendReady();
    // A request without an answer makes room as soon as it is done.
    this.#startWaiting();
  }

  /** Hands over the replies at the head of the line; the first unfinished request holds back all behind it. */
  #sendReady(): void {
    let sent = 0;
    for (const slot of this.#slots) {
      if (slot.reply === undefined || this.#isClosed) break;
      sent++;
      this.#send(slot, slot.reply);
    }
    if (sent > 0) this.#slots = this.#slots.slice(sent);
    if (this.#isClosed) this.#releaseUnsent();
    else if (this.#isEnding) this.#endWhenDone();
  }

  #send(slot: Slot, reply: Reply): void {
    if (reply === 'none') this.#release(slot);
    else if (reply === 'hang-up') {
      this.#release(slot);
      this.#isClosed = true;
      this.#options.transport.end();
    } else {
      this.#unflushed.add(slot);
      this.#options.transport.write(reply, () => this.#onFlushed(slot));
    }
  }

  #onFlushed(slot: Slot): void {
    if (!this.#unflushed.delete(slot)) return;
    this.lastActiveMs = this.#options.clock.monotonicMs();
    this.#release(slot);
    this.#startWaiting();
  }

  #release(slot: Slot): void {
    this.#inFlightRequests--;
    this.#inFlightBytes -= slot.bytes;
    for (const fn of slot.sentCallbacks ?? []) fn();
    this.#options.budget.give(slot.bytes);
  }

  #endInput(): void {
    this.#isEnding = true;
    this.#endWhenDone();
  }

  #endWhenDone(): void {
    if (this.#slots.length === 0 && this.#waiting.length === 0) this.#options.transport.end();
  }

  #onClose(): void {
    this.#isClosed = true;
    this.#waiting = [];
    this.#options.budget.forget(this.#pump);
    const unflushed = [...this.#unflushed];
    this.#unflushed.clear();
    for (const slot of unflushed) this.#release(slot);
    this.#releaseUnsent();
    this.#tellGone();
    this.#options.onClosed(this);
  }

  #tellGone(): void {
    const callbacks = [...this.#goneCallbacks];
    this.#goneCallbacks.clear();
    for (const fn of callbacks) fn();
  }

  /** Gives back what finished requests hold; those still being served do so when they complete. */
  #releaseUnsent(): void {
    const done = this.#slots.filter((slot) => slot.reply !== undefined);
    this.#slots = [];
    for (const slot of done) this.#release(slot);
  }
}

/** Larger ones come from the memory that goes round. A small one has its own, not a pool's: a log may keep it long, and the pool with it. */
const leastPooledBytes = 4096;

/** Frames that came whole in one chunk must outlive it. */
function ownCopy(frame: Buffer, memory: BatchMemory): Buffer {
  const copy = frame.length < leastPooledBytes ? Buffer.allocUnsafeSlow(frame.length) : memory.take(frame.length);
  frame.copy(copy);
  return copy.subarray(0, frame.length);
}
