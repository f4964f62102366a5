/** What may differ between versions, on those that npm brings; `npm run test:servers` has the others. */

import { describe } from 'vitest';
import { postgresVersions } from '../../../kits/postgres-server.ts';
import { describeVersion } from './every-version.ts';

describe.each(postgresVersions)('PostgreSQL %i', describeVersion);
