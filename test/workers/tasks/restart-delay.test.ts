/** When a failed task is started again. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  defaultRestartPolicy,
  noFailures,
  onTaskFailure,
  type RestartHistory,
} from '../../../workers/tasks/restart-delay.ts';

const policy = defaultRestartPolicy;

function delaysOf(count: number, ranMs = 0): (number | undefined)[] {
  const delays: (number | undefined)[] = [];
  let history: RestartHistory = noFailures;
  for (let failure = 0; failure < count; failure++) {
    const decision = onTaskFailure(policy, history, { ranMs, retriable: true });
    history = decision.history;
    delays.push(decision.delayMs);
  }
  return delays;
}

describe('the delay before a failed task starts again', () => {
  test('is nothing at first, then one second, and doubles up to a minute', () => {
    expect(delaysOf(9)).toEqual([0, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  });

  test('is nothing again after a healthy while', () => {
    expect(delaysOf(3, policy.healthyAfterMs)).toEqual([0, 0, 0]);
  });

  test('does not come for an error that another start cannot cure', () => {
    const decision = onTaskFailure(policy, noFailures, { ranMs: 0, retriable: false });
    expect(decision.delayMs).toBeUndefined();
    expect(decision.history.restarts).toBe(0);
  });

  test('ends when the restarts in a row are used up', () => {
    const bounded = { ...policy, mostRestarts: 2 };
    let history: RestartHistory = noFailures;
    const delays = [0, 1, 2].map(() => {
      const decision = onTaskFailure(bounded, history, { ranMs: 0, retriable: true });
      history = decision.history;
      return decision.delayMs;
    });
    expect(delays).toEqual([0, 1000, undefined]);
    expect(history.restarts).toBe(2);
  });

  test('is bounded, never shrinks within a row, and every restart is counted', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(120_000), { maxLength: 100 }), (runs) => {
        let history: RestartHistory = noFailures;
        let before = 0;
        for (const ranMs of runs) {
          const decision = onTaskFailure(policy, history, { ranMs, retriable: true });
          const delayMs = decision.delayMs ?? Number.NaN;
          expect(delayMs).toBeLessThanOrEqual(policy.longestDelayMs);
          if (ranMs >= policy.healthyAfterMs) expect(delayMs).toBe(0);
          else expect(delayMs).toBeGreaterThanOrEqual(before);
          before = delayMs;
          history = decision.history;
        }
        expect(history.restarts).toBe(runs.length);
      }),
    );
  });
});
