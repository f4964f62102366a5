/** How long to wait before the next attempt: exponential with jitter. Pure. */

export interface BackoffPolicy {
  readonly baseMs: number;
  readonly maxMs: number;
}

/** 100 ms, 200 ms, 400 ms … 5 s. */
export const reconnectBackoff: BackoffPolicy = { baseMs: 100, maxMs: 5_000 };

/** 50 ms, 100 ms, 200 ms … 1 s. */
export const retryBackoff: BackoffPolicy = { baseMs: 50, maxMs: 1_000 };

/**
 * The wait in milliseconds after the `failures`-th failure in a row (1 is the first); 0 after none. `random` in [0, 1)
 * spreads it by a fifth to either side, so that clients cut off together do not come back together.
 */
export function backoffMs(policy: BackoffPolicy, failures: number, random: number): number {
  if (failures <= 0) return 0;
  const doublings = Math.min(failures - 1, 30);
  return Math.min(policy.baseMs * 2 ** doublings, policy.maxMs) * (0.8 + 0.4 * random);
}
