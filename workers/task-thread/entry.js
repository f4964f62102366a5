/** The first file of a task's thread: caches what is compiled, then loads the rest. Plain JavaScript, so that a start from the cache never loads the compiler. */

import { enableCompileCache } from 'node:module';
import { argv } from 'node:process';
import { parentPort, workerData } from 'node:worker_threads';

enableCompileCache();
// Its only argument is the URL of main, whose name differs between the sources and their compiled form.
const { runTask } = await import(argv[2]);
if (parentPort !== null) await runTask(workerData, parentPort);
