/** The door of workers: what the command line uses of it. */

export type { Health } from './health.ts';
export type { RunProgress, RunSummary } from './run-to-end.ts';
export { startWorker } from './start-worker.ts';
export type { Worker } from './worker.ts';
export type { WorkerOptions } from './worker-options.ts';
