/** The first file of a task's thread: caches what is compiled, then loads the rest. Plain JavaScript, so that a start from the cache never loads the compiler. */

import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';

enableCompileCache();
// A published package holds the compiled form of everything else.
const source = new URL('./main.ts', import.meta.url);
const { runTask } = await import(existsSync(source) ? source.href : new URL('./main.js', import.meta.url).href);
if (parentPort !== null) await runTask(workerData, parentPort);
