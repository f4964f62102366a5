/** How long to wait before a failed call is tried again, and how many calls may run at once; pure. */

import { MillraceError } from '../../../core/base/errors.ts';

interface Pace {
  readonly firstMs: number;
  readonly mostMs: number;
}

/** By error code: what is not listed is not tried again. */
const paces: Readonly<Record<string, Pace>> = {
  's3/unavailable': { firstMs: 200, mostMs: 30_000 },
  's3/throttled': { firstMs: 500, mostMs: 30_000 },
  's3/store-failed': { firstMs: 1000, mostMs: 30_000 },
  's3/denied': { firstMs: 5000, mostMs: 60_000 },
  's3/bucket-missing': { firstMs: 5000, mostMs: 60_000 },
};

/**
 * Milliseconds until the next attempt after `failures` of them, or undefined when trying again is useless.
 * `random` in [0, 1) spreads callers over the upper half of the pause.
 */
export function pauseMs(error: unknown, failures: number, random: number): number | undefined {
  const pace = error instanceof MillraceError ? paces[error.code] : undefined;
  if (pace === undefined) return undefined;
  const pause = Math.min(pace.firstMs * 2 ** Math.min(failures - 1, 20), pace.mostMs);
  return pause * (0.5 + random / 2);
}

/** Additive increase, multiplicative decrease of the calls in flight. */
export interface Window {
  readonly most: number;
  /** Fractional; the calls that may run are its floor. */
  readonly size: number;
  /** Calls started before this number no longer count against the window: it was cut because of them already. */
  readonly cutAt: number;
}

export function openWindow(most: number): Window {
  return { most, size: most, cutAt: 0 };
}

/** A call went well: one more after a window's worth of them. */
export function widen(window: Window): Window {
  return window.size >= window.most
    ? window
    : { ...window, size: Math.min(window.most, window.size + 1 / window.size) };
}

/** The call with number `call` was throttled while `started` calls had been started: halved once per round. */
export function narrow(window: Window, call: number, started: number): Window {
  return call < window.cutAt ? window : { ...window, size: Math.max(1, window.size / 2), cutAt: started };
}
