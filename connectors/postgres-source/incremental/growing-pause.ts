/** Pauses between tries, each twice as long as the one before. */

import type { Clock } from '../../../core/base/clock.ts';

const shortestMs = 100;

export class GrowingPause {
  readonly #clock: Clock;
  #nextMs = shortestMs;
  #endsAtMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isOver(): boolean {
    return this.#clock.monotonicMs() >= this.#endsAtMs;
  }

  begin(longestMs: number): void {
    const ms = Math.min(longestMs, this.#nextMs);
    this.#endsAtMs = this.#clock.monotonicMs() + ms;
    this.#nextMs = ms * 2;
  }

  /** A try succeeded. */
  reset(): void {
    this.#nextMs = shortestMs;
  }
}
