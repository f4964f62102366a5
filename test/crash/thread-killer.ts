/** Loaded before `millrace` in a crash run: SIGUSR2 ends one task's thread as a crash would, without a word to anybody. */

import { createRequire, syncBuiltinESMExports } from 'node:module';
import type { Worker, WorkerOptions } from 'node:worker_threads';

const threads = createRequire(import.meta.url)('node:worker_threads') as typeof import('node:worker_threads');

if (threads.isMainThread) {
  const running: Worker[] = [];
  const Original = threads.Worker;
  threads.Worker = class extends Original {
    constructor(file: string | URL, options?: WorkerOptions) {
      super(file, options);
      running.push(this);
      this.once('exit', () => running.splice(running.indexOf(this), 1));
    }
  };
  syncBuiltinESMExports();
  let next = 0;
  process.on('SIGUSR2', () => void running[next++ % Math.max(running.length, 1)]?.terminate());
}
