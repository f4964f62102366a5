/** Waits out errors that say they are retriable; everything else passes through at once. */

import type { Clock } from '../../core/base/clock.ts';
import { describeError } from '../../core/base/errors.ts';
import type { Logger } from '../../core/base/logger.ts';
import { isRetriable } from './plain-error.ts';

const firstDelayMs = 200;

/** 200 ms, 400 ms, 800 ms … up to the longest. */
export function retryDelayMs(attempt: number, longestMs: number): number {
  return Math.min(firstDelayMs * 2 ** Math.min(attempt, 30), longestMs);
}

export interface RetryOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly longestDelayMs: number;
  /** What is tried, for the log. */
  readonly what: string;
  /** Ends the waiting with the last error. */
  readonly signal?: AbortSignal | undefined;
  /** Called before each wait; counts the retry. */
  readonly onRetry?: ((error: unknown) => void) | undefined;
}

/** Calls `attempt` until it resolves or fails for good. The wait, not the number of tries, is bounded: the task stays RUNNING. */
export async function retrying<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { clock, logger, longestDelayMs, what, signal, onRetry } = options;
  for (let tries = 0; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (!isRetriable(error) || isAborted(signal)) throw error;
      const delayMs = retryDelayMs(tries, longestDelayMs);
      onRetry?.(error);
      logger.warn({ delayMs, tries: tries + 1, reason: describeError(error) }, `${what} failed and is tried again`);
      await sleepUnlessAborted(clock, delayMs, signal);
      if (isAborted(signal)) throw error;
    }
  }
}

export async function sleepUnlessAborted(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await clock.sleep(ms, signal);
  } catch (error) {
    if (!isAborted(signal)) throw error;
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
