/** A clock that stands still until the test moves it; timers and sleeps fire in the order of their times. */

import type { Clock, Timer } from '../../core/base/clock.ts';

interface Waiting {
  readonly dueMs: number;
  readonly sequence: number;
  readonly fire: () => void;
}

export class FakeClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;
  #sequence = 0;
  readonly #waiting = new Set<Waiting>();

  constructor(wallMs = Date.UTC(2026, 0, 1)) {
    this.#wallMs = wallMs;
  }

  nowMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        timer.cancel();
        reject(signal?.reason);
      };
      const timer = this.timer(ms, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  timer(ms: number, fn: () => void): Timer {
    this.#sequence += 1;
    const waiting = { dueMs: this.#monotonicMs + Math.max(ms, 0), sequence: this.#sequence, fire: fn };
    this.#waiting.add(waiting);
    return { cancel: () => void this.#waiting.delete(waiting) };
  }

  /** How many timers and sleeps wait. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  /**
   * Moves both times on by `ms`, firing what falls due on the way, each at its own time; between two of them everything
   * that is ready to run gets its turn, so that a timer started by another one is seen.
   */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#monotonicMs + ms;
    await settle();
    for (let next = this.#next(untilMs); next !== undefined; next = this.#next(untilMs)) {
      this.#moveTo(Math.max(next.dueMs, this.#monotonicMs));
      this.#waiting.delete(next);
      next.fire();
      await settle();
    }
    this.#moveTo(untilMs);
  }

  /** Sets the wall time alone, as an operator or a time server does. */
  jumpWall(ms: number): void {
    this.#wallMs += ms;
  }

  #moveTo(monotonicMs: number): void {
    this.#wallMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
  }

  #next(untilMs: number): Waiting | undefined {
    let first: Waiting | undefined;
    for (const waiting of this.#waiting) {
      if (waiting.dueMs > untilMs) continue;
      if (first === undefined || waiting.dueMs < first.dueMs) first = waiting;
    }
    return first;
  }
}

/** Lets promises and ready callbacks run. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
