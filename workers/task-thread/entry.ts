/** The first file of a task's thread: caches what is compiled, then loads the rest. */

import { enableCompileCache } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import type { TaskSpec } from './messages.ts';

enableCompileCache();
const { runTask } = await import('./main.ts');
if (parentPort !== null) await runTask(workerData as TaskSpec, parentPort);
