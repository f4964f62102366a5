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
}

const longestSilenceMs = 10_000;

/**
 * Runs on timers of its own: neither a full inbox nor a poll that waits keeps the server from hearing of us. A slot never
 * goes back: an earlier position than the last one told is passed over.
 */
export class Acknowledger {
  readonly #options: AcknowledgerOptions;
  readonly #silenceMs: number;
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
  }

  start(): void {
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
      this.#send();
      this.#arm(this.#silenceMs);
    });
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
