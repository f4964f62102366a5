/** The first file of a task's thread: caches what is compiled, then loads the rest. Plain JavaScript, so that a start from the cache never loads the compiler. */

import { enableCompileCache } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';

enableCompileCache();
const { runTask } = await import('./main.ts');
if (parentPort !== null) await runTask(workerData, parentPort);
