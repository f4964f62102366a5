/** The error codes of core/broker: what can stop a broker from starting or from going on. */

import { defineErrors } from '../base/errors.ts';

export const brokerErrors = defineErrors('broker', {
  listen: {
    meaning: 'The broker could not open its port.',
    fix: 'Choose another address with --listen (port 0 takes a free one), or stop what uses it.',
    retriable: false,
  },
  'catalogue-damaged': {
    meaning: 'A file of the topic catalogue cannot be read as one.',
    fix: 'Restore the file from a backup of the data directory; the topic data itself is untouched.',
    retriable: false,
  },
  'data-newer': {
    meaning: 'The data directory was written by a newer version of this program.',
    fix: 'Start the newer version, or choose another data directory.',
    retriable: false,
  },
  'partition-missing': {
    meaning: 'The catalogue names a partition whose log is not in the data directory.',
    fix: 'Restore the folder of the partition from a backup; starting without it would silently lose its records.',
    retriable: false,
  },
});
