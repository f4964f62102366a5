/** The error codes of core/log. */

import { defineErrors } from '../base/errors.ts';

export const logErrors = defineErrors('log', {
  damaged: {
    meaning:
      'A file of this partition is damaged before its end: intact batches follow the bad place, so cutting there would lose them.',
    fix: 'Restore the partition folder from a backup, or delete the topic; nothing was changed. Other partitions go on.',
    retriable: false,
  },
  newer: {
    meaning: 'The data directory was written by a newer version.',
    fix: 'Start the version that wrote it, or choose another data directory.',
    retriable: false,
  },
  'offset-out-of-range': {
    meaning: 'The offset lies before the first record that is kept, or after the last one.',
    fix: 'Ask for the first or the last offset and read from there.',
    retriable: false,
  },
  storage: {
    meaning: 'The log stopped after a failed write or sync; what it acknowledged before is on disk.',
    fix: 'Check the device and the kernel log, then start the broker again.',
    retriable: true,
  },
  closed: {
    meaning: 'The log is closed, or the partition was deleted.',
    fix: 'Ask again once the broker runs, or create the topic.',
    retriable: true,
  },
});
