/** The error codes of core/base. */

import { defineErrors } from './errors.ts';

export const diskErrors = defineErrors('disk', {
  full: {
    meaning: 'The disk or the quota has no room left; nothing of the refused write counts as written.',
    fix: 'Free space or add some; work goes on by itself once there is room.',
    retriable: true,
  },
  failed: {
    meaning: 'The operating system failed a read, write or sync.',
    fix: 'Check the device and the kernel log, then start again; what was acknowledged is on disk or was never acknowledged.',
    retriable: false,
  },
  missing: {
    meaning: 'A file that must be there is not.',
    fix: 'Restore it, or start with another data directory.',
    retriable: false,
  },
  denied: {
    meaning: 'The user that runs this process may not use the file.',
    fix: 'Give it the right to read and write there, or choose another folder.',
    retriable: false,
  },
  locked: {
    meaning: 'Another process uses this data directory.',
    fix: 'Stop the other process, or choose another data directory.',
    retriable: false,
  },
});
