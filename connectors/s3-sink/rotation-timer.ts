/** Wakes the task when a file gets too old or the schedule closes all of them, whether or not records arrive. */

import type { Clock, Timer } from '../../core/base/clock.ts';
import type { PartitionWriter } from './partition-writer.ts';
import type { TimeZone } from './partitioners/time-zone.ts';
import { nextBoundaryMs } from './rotation.ts';

export interface RotationTimerOptions {
  readonly clock: Clock;
  readonly writers: () => Iterable<PartitionWriter>;
  /** undefined: no schedule. */
  readonly scheduleMs: number | undefined;
  readonly zone: TimeZone;
}

export class RotationTimer {
  readonly #options: RotationTimerOptions;
  #timer: Timer | undefined;
  #armedForMs = Number.POSITIVE_INFINITY;
  /** Monotonic. */
  #scheduledMs = Number.POSITIVE_INFINITY;

  constructor(options: RotationTimerOptions) {
    this.#options = options;
    this.#schedule();
  }

  /** Call after files may have been opened. */
  arm(): void {
    let deadlineMs = this.#scheduledMs;
    for (const writer of this.#options.writers()) deadlineMs = Math.min(deadlineMs, writer.deadlineMs);
    if (deadlineMs >= this.#armedForMs) return;
    this.#timer?.cancel();
    this.#armedForMs = deadlineMs;
    const { clock } = this.#options;
    this.#timer = clock.timer(Math.max(0, deadlineMs - clock.monotonicMs()), () => this.#fire());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#armedForMs = Number.NEGATIVE_INFINITY;
  }

  #fire(): void {
    const { clock, writers } = this.#options;
    this.#armedForMs = Number.POSITIVE_INFINITY;
    const isScheduled = clock.monotonicMs() >= this.#scheduledMs;
    for (const writer of writers()) {
      if (isScheduled) writer.rotate('schedule');
      writer.tick();
    }
    if (isScheduled) this.#schedule();
    this.arm();
  }

  #schedule(): void {
    const { clock, scheduleMs, zone } = this.#options;
    if (scheduleMs === undefined) return;
    const nowMs = clock.nowMs();
    this.#scheduledMs = clock.monotonicMs() + nextBoundaryMs(nowMs, scheduleMs, zone) - nowMs;
  }
}
