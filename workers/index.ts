/** The door of workers: what the command line uses of it. */

export { startWorker } from './start-worker.ts';
export type { Worker } from './worker.ts';
export type { WorkerOptions } from './worker-options.ts';
