/** When a failed task is started again: at once the first time, then ever later, and at once again after a healthy while. Pure. */

export interface RestartPolicy {
  /** Delay before the second restart in a row; doubles from there. */
  readonly firstDelayMs: number;
  readonly longestDelayMs: number;
  /** A task that ran this long counts as healthy: its next failure is a first one. */
  readonly healthyAfterMs: number;
  /** Restarts in a row before the task stays failed until somebody restarts it. */
  readonly mostRestarts: number;
}

export const defaultRestartPolicy: RestartPolicy = {
  firstDelayMs: 1000,
  longestDelayMs: 60_000,
  healthyAfterMs: 60_000,
  mostRestarts: Number.POSITIVE_INFINITY,
};

export interface RestartHistory {
  /** Failures since the task was last healthy. */
  readonly failuresInARow: number;
  /** Automatic restarts in all, for people to see. */
  readonly restarts: number;
}

export const noFailures: RestartHistory = { failuresInARow: 0, restarts: 0 };

export interface RestartDecision {
  readonly history: RestartHistory;
  /** undefined: the task stays failed until somebody restarts it. */
  readonly delayMs: number | undefined;
}

/** `ranMs` is how long the task ran before it failed; `retriable` is false when another start cannot help. */
export function onTaskFailure(
  policy: RestartPolicy,
  history: RestartHistory,
  failure: { readonly ranMs: number; readonly retriable: boolean },
): RestartDecision {
  const before = failure.ranMs >= policy.healthyAfterMs ? 0 : history.failuresInARow;
  const failuresInARow = before + 1;
  if (!failure.retriable || before >= policy.mostRestarts) {
    return { history: { failuresInARow, restarts: history.restarts }, delayMs: undefined };
  }
  return {
    history: { failuresInARow, restarts: history.restarts + 1 },
    delayMs: delayBeforeRestartMs(policy, failuresInARow),
  };
}

/** 0, first, 2·first, 4·first … up to the longest. */
function delayBeforeRestartMs(policy: RestartPolicy, failuresInARow: number): number {
  if (failuresInARow <= 1) return 0;
  return Math.min(policy.firstDelayMs * 2 ** Math.min(failuresInARow - 2, 40), policy.longestDelayMs);
}
