/** Who does the work of a compaction: this thread, for any disk, or a thread of its own, for the machine's. */

import type { Clock } from '../base/clock.ts';
import type { Disk } from '../base/disk.ts';
import { type CleaningJob, type CleaningPorts, type CleaningResult, runCleaning } from './cleaning-job.ts';

export interface Cleaner {
  /** One job at a time. As `runCleaning`. */
  run(job: CleaningJob, ports: Pick<CleaningPorts, 'isStopped' | 'swapIn'>): Promise<CleaningResult | undefined>;
  /** Ends the thread; no job is under way. */
  close(): Promise<void>;
}

/** Works in slices between which everything else goes on. */
export function inlineCleaner({ disk, clock }: { disk: Disk; clock: Clock }): Cleaner {
  return { run: (job, ports) => runCleaning(job, { ...ports, disk, clock }), close: async () => {} };
}
