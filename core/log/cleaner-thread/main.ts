/** The program of the cleaner's thread: one job after the other, on the machine's disk. */

import type { MessagePort } from 'node:worker_threads';
import { systemClock } from '../../base/clock.ts';
import { MillraceError, messageOf } from '../../base/errors.ts';
import { nodeDisk } from '../../base/node-disk.ts';
import { type CleaningJob, runCleaning } from '../cleaning-job.ts';
import { logErrors } from '../error-codes.ts';
import type { FromCleaner, ToCleaner } from './messages.ts';

/** Answers until the thread is ended from outside. */
export function serveCleaner(port: MessagePort): void {
  let isStopped = false;
  let swapped: ((isDone: boolean) => void) | undefined;
  const post = (message: FromCleaner) => port.postMessage(message);
  const clean = async (job: CleaningJob) => {
    const result = await runCleaning(job, {
      disk: nodeDisk,
      clock: systemClock,
      isStopped: () => isStopped,
      swapIn: async (group) => {
        const answer = new Promise<boolean>((resolve) => {
          swapped = resolve;
        });
        post({ type: 'swap', group });
        // The log knows what went wrong, and this job is over.
        if (!(await answer)) isStopped = true;
      },
    });
    post({ type: 'done', result });
  };
  port.on('message', (message: ToCleaner) => {
    if (message.type === 'stop') isStopped = true;
    else if (message.type === 'swapped') swapped?.(message.isDone);
    else {
      isStopped = false;
      clean(message.job).catch((error: unknown) => {
        const where = error instanceof MillraceError ? error.where : undefined;
        post({ type: 'failed', isDamage: logErrors.is(error, 'damaged'), message: messageOf(error), where });
      });
    }
  });
}
