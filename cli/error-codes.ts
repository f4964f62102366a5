/** The error codes of the command line. */

import { defineErrors } from '../core/base/errors.ts';

export const cliErrors = defineErrors('cli', {
  usage: {
    meaning: 'The command line cannot be understood.',
    fix: 'Run the command with --help.',
    retriable: false,
  },
  unreachable: {
    meaning: 'No Millrace REST interface answers at the address.',
    fix: 'Start one with "millrace up", or name its address with --rest.',
    retriable: true,
  },
});
