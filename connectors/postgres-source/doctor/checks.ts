/** What stands against capturing changes, or will hurt later, each with the SQL that puts it right. Pure. */

import type { Finding } from '../../contract/finding.ts';
import type { CatalogTable } from '../catalog/captured-tables.ts';
import type { TableKeys } from '../catalog/key-facts.ts';
import { quoteName, quoteTable } from '../catalog/names.ts';
import type { Publication } from '../catalog/publications.ts';
import type { ServerFacts } from '../catalog/server-facts.ts';
import type { KeyRule } from '../columns/key-columns.ts';
import { planPublication, unpublished } from '../publication/plan.ts';
import type { SlotState } from '../slot/slot-state.ts';
import { keyFindings } from './key-checks.ts';

interface Examination {
  readonly server: ServerFacts;
  readonly database: string;
  /** Captured ones. */
  readonly tables: readonly CatalogTable[];
  readonly publication: Publication | null;
  readonly slot: SlotState | undefined;
  readonly wish: Parameters<typeof planPublication>[1];
  readonly slotName: string;
  /** Of the tables, by object id. */
  readonly keys: ReadonlyMap<number, TableKeys>;
  readonly keyRule: KeyRule;
  /** `schema.table`; undefined where there is none to be. */
  readonly signalTable: string | undefined;
  readonly isSignalTableThere: boolean;
}

const gibibyte = 2 ** 30;

/** What one would change in the configuration; tables have their own names as subjects. */
const settings: Readonly<Record<string, string>> = {
  role: 'database.user',
  slot: 'slot.name',
  publication: 'publication.name',
  tables: 'table.include.list',
  signals: 'signal.data.collection',
};

export function findings(examination: Examination): Finding[] {
  const found = [
    ...serverFindings(examination.server),
    ...roleFindings(examination),
    ...slotFindings(examination),
    ...publicationFindings(examination),
    ...tableFindings(examination),
    ...signalFindings(examination),
  ];
  return found.map((each) => {
    const setting = settings[each.subject] ?? (each.subject.includes('.') ? 'table.include.list' : 'database.hostname');
    return { ...each, setting };
  });
}

function serverFindings(server: ServerFacts): Finding[] {
  const { walLevel, walSenderTimeoutMs, synchronousCommit, isStandby, version, versionText } = server;
  const found: Finding[] = [];
  found.push(
    version < 140_000
      ? problem('version', `PostgreSQL ${versionText} is older than 14, the oldest that is supported`)
      : ok('version', `PostgreSQL ${versionText}${isStandby ? ', a standby' : ''}`),
  );
  if (isStandby && version < 160_000) {
    found.push(problem('version', 'a standby has logical slots since PostgreSQL 16: connect to the primary'));
  }
  found.push(
    walLevel === 'logical'
      ? ok('wal_level', 'wal_level is logical')
      : problem('wal_level', `wal_level is ${walLevel}; it must be logical, which takes a restart of the server`, [
          "ALTER SYSTEM SET wal_level = 'logical'",
        ]),
  );
  if (walSenderTimeoutMs === 0) {
    found.push(
      warning('wal_sender_timeout', 'wal_sender_timeout is 0: the server never notices a reader that is gone', [
        "ALTER SYSTEM SET wal_sender_timeout = '60s'",
        'SELECT pg_reload_conf()',
      ]),
    );
  } else found.push(ok('wal_sender_timeout', `wal_sender_timeout is ${walSenderTimeoutMs / 1000} s`));
  if (synchronousCommit === 'off') {
    found.push(
      warning(
        'synchronous_commit',
        'synchronous_commit is off: a crash of the server loses commits, of which some may have been captured',
        ["ALTER SYSTEM SET synchronous_commit = 'on'", 'SELECT pg_reload_conf()'],
      ),
    );
  } else found.push(ok('synchronous_commit', `synchronous_commit is ${synchronousCommit}`));
  return found;
}

function roleFindings({ server, database, publication, wish }: Examination): Finding[] {
  const { role } = server;
  const found: Finding[] = [];
  found.push(
    role.canReplicate
      ? ok('role', `${role.name} may replicate`)
      : problem('role', `${role.name} may not replicate`, [`ALTER ROLE ${quoteName(role.name)} REPLICATION`]),
  );
  const mustCreate = publication === null && wish.mode !== 'disabled';
  if (mustCreate && !role.canCreate) {
    found.push(
      problem('role', `${role.name} may not create the publication in ${database}`, [
        `GRANT CREATE ON DATABASE ${quoteName(database)} TO ${quoteName(role.name)}`,
      ]),
    );
  }
  if (mustCreate && wish.mode === 'all_tables' && !role.isSuperuser) {
    found.push(
      problem('role', `only a superuser creates a publication for all tables, and ${role.name} is none`, [
        creationOf(wish),
      ]),
    );
  }
  return found;
}

function slotFindings({ server, slot, slotName, database }: Examination): Finding[] {
  const found: Finding[] = [];
  if (slot === undefined) found.push(...room(server, slotName));
  else found.push(...slotState(slot, database));
  const { maxSlotWalKeepBytes, idleSlotTimeoutS } = server;
  found.push(
    maxSlotWalKeepBytes < 0
      ? warning(
          'max_slot_wal_keep_size',
          'max_slot_wal_keep_size is unlimited: while the connector does not run, the log may fill the disk',
          ["ALTER SYSTEM SET max_slot_wal_keep_size = '50GB'", 'SELECT pg_reload_conf()'],
        )
      : ok('max_slot_wal_keep_size', `a slot may keep ${sizeOf(maxSlotWalKeepBytes)} of the log before it is given up`),
  );
  if (idleSlotTimeoutS > 0) {
    const hours = Math.round(idleSlotTimeoutS / 360) / 10;
    const message = `idle_replication_slot_timeout gives a slot up that is not read for ${hours} hours`;
    found.push(warning('idle_replication_slot_timeout', message));
  }
  return found;
}

/** A slot and a sender must be free. */
function room({ maxReplicationSlots, usedReplicationSlots, maxWalSenders, usedWalSenders }: ServerFacts, name: string) {
  const found: Finding[] = [];
  const limits = [
    ['max_replication_slots', usedReplicationSlots, maxReplicationSlots],
    ['max_wal_senders', usedWalSenders, maxWalSenders],
  ] as const;
  for (const [setting, used, most] of limits) {
    if (used < most) found.push(ok(setting, `${used} of ${most} are taken`));
    else {
      const message = `all ${most} are taken; a restart of the server makes room`;
      found.push(problem(setting, message, [`ALTER SYSTEM SET ${setting} = ${most + 5}`]));
    }
  }
  found.push(ok('slot', `${name} is not there yet and will be created`));
  return found;
}

function slotState(slot: SlotState, database: string): Finding[] {
  const { name, plugin, walStatus, activePid, activeApplication = 'unknown', retainedBytes, safeWalBytes } = slot;
  const drop = `SELECT pg_drop_replication_slot(${quoteLiteral(name)})`;
  if (plugin !== 'pgoutput') {
    return [problem('slot', `${name} is of the plugin ${plugin}; use another slot.name, or drop it`, [drop])];
  }
  if (slot.database !== database) {
    return [problem('slot', `${name} belongs to the database ${slot.database}; use another slot.name`)];
  }
  if (walStatus === 'lost') {
    return [problem('slot', `${name} has lost its log, changes are missing; drop it and take a new snapshot`, [drop])];
  }
  const kept = retainedBytes === undefined ? '' : ` and keeps ${sizeOf(Number(retainedBytes))} of the log`;
  if (walStatus === 'unreserved') {
    return [
      warning('slot', `${name} is about to lose its log${kept}`, [
        "ALTER SYSTEM SET max_slot_wal_keep_size = '-1'",
        'SELECT pg_reload_conf()',
      ]),
    ];
  }
  const left = safeWalBytes === undefined ? '' : `; ${sizeOf(Number(safeWalBytes))} more until it is given up`;
  const reader = activePid === undefined ? 'nobody reads it' : `${activeApplication} reads it (process ${activePid})`;
  return [ok('slot', `${name} is there, ${reader}${kept}${left}`)];
}

function publicationFindings({ publication, wish, server }: Examination): Finding[] {
  const plan = planPublication(publication, wish);
  if (plan.kind === 'missing') {
    const why = server.isStandby ? 'a standby cannot create it' : 'publication.autocreate.mode forbids to create it';
    const message = `${wish.name} is missing, and ${why}`;
    return [problem('publication', message, [plan.statement])];
  }
  if (publication === null) return [ok('publication', `${wish.name} is not there yet and will be created`)];
  if (plan.statements.length > 0) {
    return publication.isOwned
      ? [ok('publication', `${wish.name} will be changed: ${plan.statements.join('; ')}`)]
      : [problem('publication', `${wish.name} must be changed, and belongs to another role`, plan.statements)];
  }
  const missing = unpublished(publication, wish.tables);
  if (missing.length === 0) return [ok('publication', `${wish.name} has every captured table`)];
  const names = missing.map(quoteTable).join(', ');
  return [
    problem('publication', `${wish.name} lacks captured tables: their changes do not come`, [
      `ALTER PUBLICATION ${quoteName(wish.name)} ADD TABLE ${names}`,
    ]),
  ];
}

function tableFindings({ tables, server, wish, keys, keyRule }: Examination): Finding[] {
  if (tables.length === 0) {
    return [warning('tables', 'no table is captured: check table.include.list and schema.include.list')];
  }
  // What is skipped is not published, and needs no identity.
  const { skippedOperations } = wish;
  const needsIdentity = !skippedOperations.has('u') || !skippedOperations.has('d');
  const found = tables.flatMap((table) => [
    ...rightFindings(table, server),
    ...(needsIdentity ? [...identityFindings(table), ...keyFindings(table, keys.get(table.oid), keyRule)] : []),
  ]);
  return found.length > 0 ? found : [ok('tables', `${tables.length} captured, each readable and with an identity`)];
}

function signalFindings({ signalTable, isSignalTableThere }: Examination): Finding[] {
  if (signalTable === undefined) return [];
  if (isSignalTableThere) return [ok('signals', `rows of ${signalTable} are signals`)];
  const [schema = '', ...rest] = signalTable.split('.');
  const name = quoteTable({ schema, table: rest.join('.') });
  const create = `CREATE TABLE ${name} (id varchar(64) PRIMARY KEY, type varchar(32) NOT NULL, data text)`;
  return [warning('signals', `there is no table ${signalTable}: nobody can send signals by it`, [create])];
}

function rightFindings(table: CatalogTable, { role }: ServerFacts): Finding[] {
  const subject = `${table.schema}.${table.table}`;
  if (!table.canSelect) {
    return [
      problem(subject, `${role.name} may not read it`, [
        `GRANT USAGE ON SCHEMA ${quoteName(table.schema)} TO ${quoteName(role.name)}`,
        `GRANT SELECT ON ${quoteTable(table)} TO ${quoteName(role.name)}`,
      ]),
    ];
  }
  if (!table.hidesRows) return [];
  return [
    problem(subject, `row level security hides rows from ${role.name}, so that a snapshot would miss them`, [
      `ALTER ROLE ${quoteName(role.name)} BYPASSRLS`,
    ]),
  ];
}

function identityFindings(table: CatalogTable): Finding[] {
  const subject = `${table.schema}.${table.table}`;
  const isIdentified = table.identity === 'default' ? table.hasPrimaryKey : table.identity !== 'nothing';
  if (isIdentified) return [];
  const why = table.identity === 'nothing' ? 'its replica identity is NOTHING' : 'it has no primary key';
  const message = `${why}: once it is published, the server refuses to update and delete its rows`;
  return [warning(subject, message, [`ALTER TABLE ${quoteTable(table)} REPLICA IDENTITY FULL`])];
}

function creationOf(wish: Examination['wish']): string {
  const plan = planPublication(null, wish);
  return plan.kind === 'missing' ? plan.statement : (plan.statements[0] ?? '');
}

function sizeOf(bytes: number): string {
  return bytes < gibibyte / 10 ? `${Math.round(bytes / 2 ** 20)} MiB` : `${(bytes / gibibyte).toFixed(1)} GiB`;
}

function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function ok(subject: string, message: string): Finding {
  return { subject, state: 'ok', message, fix: [] };
}

function warning(subject: string, message: string, fix: readonly string[] = []): Finding {
  return { subject, state: 'warning', message, fix };
}

function problem(subject: string, message: string, fix: readonly string[] = []): Finding {
  return { subject, state: 'problem', message, fix };
}
