/** Time as a port: wall time for what people and records see, monotonic time for every duration and deadline. */

export interface Timer {
  /** Harmless after the timer has fired. */
  cancel(): void;
}

export interface Clock {
  /** Wall time in milliseconds since 1970; may jump. */
  nowMs(): number;
  /** Milliseconds since an arbitrary start; never goes back. */
  monotonicMs(): number;
  /** Resolves after `ms`, or rejects with the signal's reason as soon as it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `fn` once after `ms`. Does not keep the process alive by itself. */
  timer(ms: number, fn: () => void): Timer;
}

/** The longest delay the runtime's timers take (2^31 - 1 ms); longer ones would fire at once. */
const longestDelayMs = 2_147_483_647;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        clearTimeout(timeout);
        reject(signal?.reason);
      };
      const timeout = setTimeout(
        () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
        Math.min(Math.max(ms, 0), longestDelayMs),
      );
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  },
  timer(ms, fn) {
    const timeout = setTimeout(fn, Math.min(Math.max(ms, 0), longestDelayMs));
    timeout.unref();
    return { cancel: () => clearTimeout(timeout) };
  },
};
