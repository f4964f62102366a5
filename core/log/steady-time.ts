/** Wall time that a jump of the machine's clock cannot fool: what deletes by age asks it, and never deletes early. */

import type { Clock } from '../base/clock.ts';

/** A difference up to this is a time server at work, and is followed at once. */
const followedMs = 5 * 60_000;
/** A larger one is believed when it has stood for so long: then the clock was wrong before. */
const believedAfterMs = 24 * 3_600_000;

export class SteadyTime {
  readonly #clock: Clock;
  /** Wall time minus monotonic time, as believed. */
  #baseMs: number;
  /** Monotonic time since which the wall clock tells another time than is believed. */
  #doubtedSinceMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#baseMs = clock.nowMs() - clock.monotonicMs();
  }

  /** No later than it is: for the age of what may be deleted. Also the wall clock's time while that is behind, since records carry it. */
  atLeastMs(): number {
    return Math.min(this.#clock.nowMs(), this.#believedMs());
  }

  /** No earlier than it is: for a time until which something must be kept. */
  atMostMs(): number {
    return Math.max(this.#clock.nowMs(), this.#believedMs());
  }

  #believedMs(): number {
    const wallMs = this.#clock.nowMs();
    const monotonicMs = this.#clock.monotonicMs();
    const isNear = Math.abs(wallMs - (this.#baseMs + monotonicMs)) <= followedMs;
    if (isNear) this.#doubtedSinceMs = undefined;
    else this.#doubtedSinceMs ??= monotonicMs;
    if (isNear || monotonicMs - this.#doubtedSinceMs! >= believedAfterMs) {
      this.#baseMs = wallMs - monotonicMs;
      this.#doubtedSinceMs = undefined;
    }
    return this.#baseMs + monotonicMs;
  }
}
