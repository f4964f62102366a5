/** Holds work in the background to so many bytes a second, so that the disk is there for those who wait. */

import type { Clock } from '../base/clock.ts';

/** What may be spent at once before anybody has to wait. */
const burstSeconds = 1;

export class IoPace {
  readonly #clock: Clock;
  readonly #bytesPerSecond: number;
  /** When everything spent so far is paid for. */
  #paidAtMs: number;

  constructor(clock: Clock, bytesPerSecond: number) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
    this.#paidAtMs = clock.monotonicMs();
  }

  /** Resolves when there is time for more. */
  async spend(bytes: number): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    this.#paidAtMs = Math.max(this.#paidAtMs, nowMs) + (bytes / this.#bytesPerSecond) * 1000;
    const aheadMs = this.#paidAtMs - nowMs - burstSeconds * 1000;
    if (aheadMs > 0) await this.#clock.sleep(aheadMs);
  }
}
