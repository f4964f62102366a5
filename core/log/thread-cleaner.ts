/** Compaction in a thread of its own: the thread that answers clients only swaps the finished segments in. */

import { Worker } from 'node:worker_threads';
import type { Clock, Timer } from '../base/clock.ts';
import { diskErrors } from '../base/error-codes.ts';
import { messageOf } from '../base/errors.ts';
import type { Cleaner } from './cleaner.ts';
import type { FromCleaner, ToCleaner } from './cleaner-thread/messages.ts';
import type { CleaningJob, CleaningPorts, CleaningResult } from './cleaning-job.ts';
import { logErrors } from './error-codes.ts';

const entry = new URL('./cleaner-thread/entry.js', import.meta.url);

/** The program has the form this file has: TypeScript in a checkout, JavaScript in a package. */
const main = new URL(`./cleaner-thread/main.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url);

/** A thread that has nothing to do gives its memory back. */
const idleMs = 30_000;

/** How often a job is asked whether it is to end. */
const stopCheckMs = 100;

type Ports = Pick<CleaningPorts, 'isStopped' | 'swapIn'>;

export class ThreadCleaner implements Cleaner {
  readonly #clock: Clock;
  #thread: Worker | undefined;
  #idle: Timer | undefined;

  constructor(options: { clock: Clock }) {
    this.#clock = options.clock;
  }

  async run(job: CleaningJob, ports: Ports): Promise<CleaningResult | undefined> {
    this.#idle?.cancel();
    this.#thread ??= this.#start();
    const thread = this.#thread;
    try {
      return await this.#converse(thread, job, ports);
    } finally {
      if (this.#thread === thread) this.#idle = this.#clock.timer(idleMs, () => void this.close());
    }
  }

  async close(): Promise<void> {
    this.#idle?.cancel();
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.terminate();
  }

  #start(): Worker {
    const thread = new Worker(entry, { name: 'log-cleaner', argv: [main.href] });
    thread.unref();
    // Whoever has a job under way hears of it too; the next job gets a new thread.
    const forget = () => {
      if (this.#thread === thread) this.#thread = undefined;
    };
    thread.on('error', forget);
    thread.on('exit', forget);
    return thread;
  }

  #converse(thread: Worker, job: CleaningJob, ports: Ports): Promise<CleaningResult | undefined> {
    return new Promise((resolve, reject) => {
      const post = (message: ToCleaner) => thread.postMessage(message);
      let failure: unknown;
      const finish = (settle: () => void) => {
        watch?.cancel();
        thread.off('message', onMessage);
        thread.off('error', onGone);
        thread.off('exit', onGone);
        settle();
      };
      const onGone = (cause: unknown) => {
        const message = cause instanceof Error ? messageOf(cause) : 'it ended by itself';
        finish(() =>
          reject(diskErrors.error('failed', { message: `the cleaner's thread: ${message}`, where: job.folder })),
        );
      };
      const onMessage = (message: FromCleaner) => {
        if (message.type === 'swap') {
          ports.swapIn(message.group).then(
            () => post({ type: 'swapped', isDone: true }),
            (error: unknown) => {
              failure = error;
              post({ type: 'swapped', isDone: false });
            },
          );
        } else if (message.type === 'failed') finish(() => reject(errorOf(message)));
        else finish(() => (failure === undefined ? resolve(message.result) : reject(failure)));
      };
      let watch: Timer | undefined;
      const watchStop = () => {
        if (ports.isStopped()) post({ type: 'stop' });
        else watch = this.#clock.timer(stopCheckMs, watchStop);
      };
      thread.on('message', onMessage);
      thread.on('error', onGone);
      thread.on('exit', onGone);
      post({ type: 'clean', job });
      watchStop();
    });
  }
}

function errorOf({ isDamage, message, where }: Extract<FromCleaner, { type: 'failed' }>): Error {
  return isDamage ? logErrors.error('damaged', { message, where }) : diskErrors.error('failed', { message, where });
}
