/** The Postgres source on the versions that are not there every day. */

import { describe } from 'vitest';
import { describeVersion } from '../connectors/postgres-source/scenarios/every-version.ts';
import { morePostgresVersions } from '../kits/postgres-server.ts';

describe.each(morePostgresVersions)('PostgreSQL %i', describeVersion);
