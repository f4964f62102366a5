/** What the log and the cleaner's thread tell each other. */

import type { CleanedGroup, CleaningJob, CleaningResult } from '../cleaning-job.ts';

export type ToCleaner =
  | { readonly type: 'clean'; readonly job: CleaningJob }
  | { readonly type: 'stop' }
  | { readonly type: 'swapped'; readonly isDone: boolean };

export type FromCleaner =
  | { readonly type: 'swap'; readonly group: CleanedGroup }
  | { readonly type: 'done'; readonly result: CleaningResult | undefined }
  | {
      readonly type: 'failed';
      readonly isDamage: boolean;
      readonly message: string;
      readonly where: string | undefined;
    };
