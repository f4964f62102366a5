/** What becomes of a source task whose writes were refused: stopped when another worker runs it, started again when only time took its id. Pure. */

import type { Status } from '../stores/status-records.ts';
import type { TaskEnd } from './task-host.ts';

const running: ReadonlySet<Status['state']> = new Set(['UNASSIGNED', 'RUNNING', 'PAUSED', 'RESTARTING']);

/**
 * A coordinator that saw no end of a transaction in time shuts its producer out as a new owner would. Only the status
 * topic tells the two apart: every worker says there that it has a task before it writes for it.
 */
export function ownsElsewhere(last: Status | undefined, ownWorkerId: string): boolean {
  return last !== undefined && last.workerId !== ownWorkerId && running.has(last.state);
}

/** A fenced run that nobody replaced may start again: it takes its transactional id over from itself. */
export async function judgeFence(end: TaskEnd, isElsewhere: () => Promise<boolean>): Promise<TaskEnd> {
  if (end.how !== 'failed' || end.error.code !== 'client/fenced') return end;
  if (await isElsewhere().catch(() => false)) return { how: 'replaced', error: end.error };
  return { how: 'failed', error: { ...end.error, retriable: true } };
}
