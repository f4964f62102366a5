/** Tells the server what was received and what is durable here: often enough that it stays, seldom enough that it costs nothing. */

import type { Clock, Timer } from '../../../core/base/clock.ts';
import type { StandbyStatus } from '../wire/messages.ts';

export interface AcknowledgerOptions {
  readonly clock: Clock;
  /** The server drops a connection that is silent for longer; 0 when it never does. */
  readonly walSenderTimeoutMs: number;
  /** How soon what became durable is told. */
  readonly flushMs: number;
  readonly send: (status: StandbyStatus) => void;
  readonly server: ServerSide;
}

/** The other end of the connection, as far as it is seen here. */
interface ServerSide {
  /** Grows with whatever it sends. */
  readonly receivedBytes: number;
  /** Nothing is read, so that nothing can come. */
  readonly isPaused: boolean;
  abandon(message: string): void;
}

const longestSilenceMs = 10_000;
/** However short the server's own patience is. */
const leastPatienceMs = 5_000;

/**
 * Runs on timers of its own: neither a full inbox nor a poll that waits keeps the server from hearing of us. A slot never
 * goes back: an earlier position than the last one told is passed over.
 */
export class Acknowledger {
  readonly #options: AcknowledgerOptions;
  readonly #silenceMs: number;
  /** So many questions without an answer, one for each silence, and the server is gone. */
  readonly #mostQuestions: number;
  #questions = 0;
  #askedMs = 0;
  #heardBytes = 0;
  #receivedLsn: bigint;
  #flushedLsn: bigint;
  #toldLsn: bigint;
  #timer: Timer | undefined;
  #dueMs = Number.POSITIVE_INFINITY;
  #isStopped = false;

  constructor(flushedLsn: bigint, options: AcknowledgerOptions) {
    this.#options = options;
    this.#receivedLsn = flushedLsn;
    this.#flushedLsn = flushedLsn;
    this.#toldLsn = flushedLsn;
    const { walSenderTimeoutMs } = options;
    this.#silenceMs =
      walSenderTimeoutMs > 0 ? Math.min(longestSilenceMs, Math.max(walSenderTimeoutMs / 3, 50)) : longestSilenceMs;
    // A server without a limit may be busy with one transaction for as long as it likes.
    const patienceMs = walSenderTimeoutMs > 0 ? Math.max(2 * walSenderTimeoutMs, leastPatienceMs) : Infinity;
    this.#mostQuestions = patienceMs / this.#silenceMs;
  }

  start(): void {
    this.#askedMs = this.#options.clock.monotonicMs();
    this.#arm(this.#silenceMs);
  }

  received(lsn: bigint): void {
    if (lsn > this.#receivedLsn) this.#receivedLsn = lsn;
  }

  /** Everything before it is durable here. */
  flushed(lsn: bigint): void {
    if (lsn <= this.#flushedLsn) return;
    this.#flushedLsn = lsn;
    if (lsn > this.#receivedLsn) this.#receivedLsn = lsn;
    this.#arm(this.#options.flushMs);
  }

  /** The server wants an answer. */
  asked(): void {
    this.#arm(0);
  }

  /** Asks the server where its log ends; it answers with a keepalive. */
  ask(): void {
    if (!this.#isStopped) this.#send(true);
  }

  /** Says the last word and stops. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#timer?.cancel();
    if (this.#flushedLsn > this.#toldLsn) this.#send();
  }

  #arm(delayMs: number): void {
    const { clock } = this.#options;
    const dueMs = clock.monotonicMs() + delayMs;
    if (this.#isStopped || dueMs >= this.#dueMs) return;
    this.#timer?.cancel();
    this.#dueMs = dueMs;
    this.#timer = clock.timer(delayMs, () => {
      this.#dueMs = Number.POSITIVE_INFINITY;
      this.#listen();
      if (this.#isStopped) return;
      this.#send(this.#questions > 0);
      this.#arm(this.#silenceMs);
    });
  }

  /**
   * A server that is silent is asked, and one that does not answer is given up: a connection whose other end is gone may look
   * alive for a quarter of an hour. Silences are counted by the timer, so that one long turn of this thread is one of them.
   */
  #listen(): void {
    const { clock, server } = this.#options;
    const nowMs = clock.monotonicMs();
    if (server.receivedBytes !== this.#heardBytes || server.isPaused) {
      this.#heardBytes = server.receivedBytes;
      this.#questions = 0;
      this.#askedMs = nowMs;
    } else if (nowMs - this.#askedMs >= 0.9 * this.#silenceMs) {
      this.#questions += 1;
      this.#askedMs = nowMs;
    }
    if (this.#questions <= this.#mostQuestions) return;
    this.#isStopped = true;
    server.abandon(`the server has not answered for ${Math.round((this.#questions * this.#silenceMs) / 1000)} s`);
  }

  #send(wantsReply = false): void {
    this.#toldLsn = this.#flushedLsn;
    this.#options.send({
      writtenLsn: this.#receivedLsn,
      flushedLsn: this.#flushedLsn,
      nowUs: this.#options.clock.nowMs() * 1000,
      wantsReply,
    });
  }
}
