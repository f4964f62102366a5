/** The error codes of core/coordinator. */

import { defineErrors } from '../base/errors.ts';

export const coordinatorErrors = defineErrors('coordinator', {
  'transactions-damaged': {
    meaning:
      'A record of the transactions topic cannot be decoded, so nobody knows how the transactions in it must end.',
    fix: 'Restore the partition named here from a backup of the data directory; going on could commit what was aborted.',
    retriable: false,
  },
  'offsets-damaged': {
    meaning: 'A record of the offsets topic cannot be decoded, so the state of the consumer groups in it is not known.',
    fix: 'Restore the partition named here from a backup of the data directory; going on would lose committed offsets.',
    retriable: false,
  },
  'not-forgotten': {
    meaning: 'The committed offsets of a topic that is being deleted could not be removed.',
    fix: 'Make room on the disk. The deletion is finished when the topic is created again, or at the next start.',
    retriable: true,
  },
});
