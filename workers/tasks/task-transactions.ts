/** In which transactions a source task writes: Kafka Connect's settings and names. Pure. */

import { workerErrors } from '../error-codes.ts';
import { type TaskId, taskName } from '../herder/reconcile.ts';
import type { TaskTransactions } from '../task-thread/messages.ts';

export interface TransactionSettings {
  readonly 'exactly.once.support'?: 'requested' | 'required';
  readonly 'transaction.boundary'?: 'poll' | 'interval' | 'connector';
  readonly 'transaction.boundary.interval.ms'?: number | undefined;
}

/** Kafka's own default. Readers of committed records wait this long for a transaction whose worker is gone for good. */
const shortestTimeoutMs = 60_000;

/**
 * A large transaction of the source takes as long to write as it takes: the longest time that brokers allow unless told
 * otherwise (`transaction.max.timeout.ms`).
 */
const longestTimeoutMs = 900_000;

/** Kafka Connect takes `offset.flush.interval.ms`, which is this unless told. */
const defaultIntervalMs = 60_000;

/** Undefined where delivery is at least once. Throws `worker/exactly-once-unavailable` for a connector that insists. */
export function transactionPlan(
  { groupId, exactlyOnce }: { readonly groupId: string; readonly exactlyOnce: boolean },
  task: TaskId,
  typed: TransactionSettings,
): Omit<TaskTransactions, 'identity'> | undefined {
  if (!exactlyOnce) {
    if (typed['exactly.once.support'] !== 'required') return undefined;
    const message = 'exactly.once.support is required, and this worker has exactly.once.source.support=disabled';
    throw workerErrors.error('exactly-once-unavailable', { message, where: taskName(task) });
  }
  const transactionalId = `${groupId}-${task.connector}-${task.index}`;
  if (typed['transaction.boundary'] === 'connector') {
    return { transactionalId, transactionTimeoutMs: longestTimeoutMs, boundary: { kind: 'connector' } };
  }
  if (typed['transaction.boundary'] !== 'interval') {
    return { transactionalId, transactionTimeoutMs: shortestTimeoutMs, boundary: { kind: 'poll' } };
  }
  const intervalMs = typed['transaction.boundary.interval.ms'] ?? defaultIntervalMs;
  const transactionTimeoutMs = Math.max(shortestTimeoutMs, 2 * intervalMs);
  return { transactionalId, transactionTimeoutMs, boundary: { kind: 'interval', intervalMs } };
}
