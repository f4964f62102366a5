/** Makes the publication and the replica identities what the settings ask for, before the first change is read. */

import type { MillraceError } from '../../../core/base/errors.ts';
import type { Logger } from '../../../core/base/logger.ts';
import type { CatalogTable } from '../catalog/captured-tables.ts';
import type { CatalogPort } from '../catalog/port.ts';
import { type Publication, publication } from '../catalog/publications.ts';
import type { TableFilter } from '../catalog/table-filter.ts';
import type { PostgresSourceConfig } from '../config.ts';
import type { Operation } from '../envelope/change.ts';
import { postgresErrors } from '../error-codes.ts';
import { markStatement } from './maker.ts';
import { planPublication, unpublished } from './plan.ts';
import { identityChanges, replicaIdentityRules } from './replica-identity.ts';
import { toPublish } from './to-publish.ts';

export interface ApplyOptions {
  readonly sql: CatalogPort;
  readonly logger: Logger;
  readonly config: PostgresSourceConfig;
  readonly filter: TableFilter;
  readonly tables: readonly CatalogTable[];
  readonly skippedOperations: ReadonlySet<Operation>;
  readonly serverVersion: number;
  /** It can change nothing: what is missing must be made at its primary. */
  readonly isStandby: boolean;
}

/** Rejects with `postgres/publication` when it is missing and may not be made, or `postgres/refused` when the role may not. */
export async function applyPublication(options: ApplyOptions): Promise<void> {
  const { sql, logger, config, filter, tables, skippedOperations, serverVersion, isStandby } = options;
  const captured = tables.filter(({ schema, table }) => filter.isCaptured(schema, table));
  guard(options, captured.length);
  const rules = replicaIdentityRules(config['replica.identity.autoset.values']);
  await execute(options, identityChanges(captured, rules));
  const published = toPublish(tables, filter, config);
  const name = config['publication.name'];
  const current = await publication(sql, name, serverVersion);
  const plan = planPublication(current, {
    name,
    mode: isStandby ? 'disabled' : config['publication.autocreate.mode'],
    tables: published,
    skippedOperations,
    viaPartitionRoot: config['publish.via.partition.root'],
  });
  if (plan.kind === 'missing') {
    if (isStandby) throw atPrimary('there is no publication of this name', name, plan.statement);
    const message = 'there is no publication of this name, and publication.autocreate.mode forbids to create it';
    throw postgresErrors.error('publication', { message, where: name, fix: `Execute ${plan.statement}` });
  }
  await execute(options, plan.statements);
  if (current === null) await execute(options, [markStatement(name, config.name)]);
  if (current !== null && plan.statements.length === 0) warnOfUnpublished(logger, name, current, published);
}

/** Before anything is changed: a pattern that matches more than was meant should not publish it all. */
function guard({ config, logger }: ApplyOptions, count: number): void {
  const most = config['guardrail.collections.max'];
  if (most === 0 || count <= most) return;
  const message = `${count} tables are captured, and guardrail.collections.max is ${most}`;
  if (config['guardrail.collections.limit.action'] === 'warn') logger.warn({ count, most }, message);
  else throw postgresErrors.error('too-many-tables', { message, where: 'guardrail.collections.max' });
}

function atPrimary(problem: string, where: string, statement: string): MillraceError {
  const message = `${problem}, and this server is a standby, which cannot change it`;
  return postgresErrors.error('publication', { message, where, fix: `Execute at the primary: ${statement}` });
}

async function execute({ sql, logger, isStandby }: ApplyOptions, statements: readonly string[]): Promise<void> {
  const setting = 'replica.identity.autoset.values';
  if (isStandby && statements.length > 0) throw atPrimary('identities differ from it', setting, statements.join('; '));
  for (const statement of statements) {
    logger.info({ statement }, 'the database is prepared for change data capture');
    await sql.query(statement);
  }
}

function warnOfUnpublished(
  logger: Logger,
  name: string,
  current: Publication,
  wanted: readonly { readonly schema: string; readonly table: string }[],
): void {
  const missing = unpublished(current, wanted).map(({ schema, table }) => `${schema}.${table}`);
  if (missing.length === 0) return;
  logger.warn({ publication: name, tables: missing }, 'tables are to be captured that the publication does not have');
}
