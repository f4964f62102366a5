/** Which folder a moment belongs to: spans of local time, rendered once each; pure. */

import { compilePattern, type DateRenderer } from './date-pattern.ts';
import { noValue } from './path-escape.ts';
import { TimeZone, zoneSlotMs } from './time-zone.ts';

export interface Route {
  /** Folders without slashes at the ends. */
  readonly path: string;
  /** When the folder's span of time ends, in milliseconds since 1970; Infinity when it has none. */
  readonly endMs: number;
}

/** The last millisecond of the year 9999: later times are mistakes. */
const latestMs = 253_402_300_799_999;

export interface BucketOptions {
  readonly pattern: string;
  readonly durationMs: number;
  readonly timezone: string;
  readonly locale: string;
}

interface Cached {
  route: Route;
  /** The moments for which the route is known to hold. */
  fromMs: number;
  untilMs: number;
}

export class TimeBuckets {
  readonly #zone: TimeZone;
  readonly #durationMs: number;
  readonly #render: DateRenderer;
  readonly #routes = new Map<number, Route>();
  readonly #absurd: Route = { path: noValue, endMs: Number.POSITIVE_INFINITY };
  #last: Cached;
  #before: Cached;

  constructor({ pattern, durationMs, timezone, locale }: BucketOptions) {
    this.#zone = new TimeZone(timezone);
    this.#durationMs = durationMs;
    this.#render = compilePattern(pattern, locale);
    this.#last = { route: this.#absurd, fromMs: 0, untilMs: 0 };
    this.#before = { route: this.#absurd, fromMs: 0, untilMs: 0 };
  }

  /** The route of a moment; missing (negative) and absurd times share a folder of their own. */
  route(timeMs: number): Route {
    const last = this.#last;
    if (timeMs >= last.fromMs && timeMs < last.untilMs) return last.route;
    return this.#routeSlowly(timeMs);
  }

  /** Records around a boundary come in turns, so the span before the last one is remembered too. */
  #routeSlowly(timeMs: number): Route {
    const before = this.#before;
    this.#before = this.#last;
    if (timeMs >= before.fromMs && timeMs < before.untilMs) {
      this.#last = before;
      return before.route;
    }
    this.#last = this.#lookUp(timeMs);
    return this.#last.route;
  }

  #lookUp(timeMs: number): Cached {
    if (!(timeMs >= 0 && timeMs <= latestMs)) return { route: this.#absurd, fromMs: 0, untilMs: 0 };
    const offsetMs = this.#zone.offsetMs(timeMs);
    const localStartMs = Math.floor((timeMs + offsetMs) / this.#durationMs) * this.#durationMs;
    const slotMs = Math.floor(timeMs / zoneSlotMs) * zoneSlotMs;
    const endMs = localStartMs + this.#durationMs - offsetMs;
    return {
      route: this.#routeOf(localStartMs, endMs),
      fromMs: Math.max(localStartMs - offsetMs, slotMs),
      untilMs: Math.min(endMs, slotMs + zoneSlotMs),
    };
  }

  #routeOf(localStartMs: number, endMs: number): Route {
    let route = this.#routes.get(localStartMs);
    if (route === undefined) {
      if (this.#routes.size > 1000) this.#routes.clear();
      route = { path: this.#render(localStartMs), endMs };
      this.#routes.set(localStartMs, route);
    }
    return route;
  }
}
