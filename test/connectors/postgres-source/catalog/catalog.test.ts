/** What the catalog says of tables, publications and the server, on real servers. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { catalogTables, tablesToPublish } from '../../../../connectors/postgres-source/catalog/captured-tables.ts';
import { publication, publishedParts } from '../../../../connectors/postgres-source/catalog/publications.ts';
import { serverFacts } from '../../../../connectors/postgres-source/catalog/server-facts.ts';
import { planPublication } from '../../../../connectors/postgres-source/publication/plan.ts';
import {
  identityChanges,
  replicaIdentityRules,
} from '../../../../connectors/postgres-source/publication/replica-identity.ts';
import { type PostgresServer, postgresVersions, startPostgres } from '../../../kits/postgres-server.ts';

const setUp = [
  'CREATE TABLE plain (id int PRIMARY KEY, name text)',
  'CREATE TABLE keyless (a int NOT NULL, b int)',
  'CREATE UNIQUE INDEX by_a ON keyless (a)',
  'ALTER TABLE keyless REPLICA IDENTITY USING INDEX by_a',
  'CREATE UNLOGGED TABLE unlogged (a int)',
  'CREATE SCHEMA "Odd schema"',
  'CREATE TABLE "Odd schema"."it""s.here" (id int PRIMARY KEY)',
  'ALTER TABLE "Odd schema"."it""s.here" REPLICA IDENTITY FULL',
  'CREATE TABLE parts (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day)',
  `CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2026-02-01') PARTITION BY LIST (id)`,
  'CREATE TABLE parts_1_1 PARTITION OF parts_1 FOR VALUES IN (1)',
  'CREATE TABLE hidden (id int PRIMARY KEY)',
  'ALTER TABLE hidden ENABLE ROW LEVEL SECURITY',
  "CREATE ROLE reader LOGIN PASSWORD 'p'",
  'GRANT SELECT ON plain, hidden, parts TO reader',
];

describe.each(postgresVersions)('PostgreSQL %i', (version) => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres({ version, settings: { wal_sender_timeout: '7s', max_slot_wal_keep_size: '2GB' } });
    for (const statement of setUp) await server.query(statement);
  });
  afterAll(() => server.close());

  test('lists the tables that can be captured', async () => {
    const tables = await catalogTables(server);
    const short = tables.map(
      ({ schema, table, identity, identityIndex, hasPrimaryKey, isPartitioned, isPartition }) => {
        return [`${schema}/${table}`, identity, identityIndex, hasPrimaryKey, isPartitioned, isPartition];
      },
    );
    expect(short).toEqual([
      ['Odd schema/it"s.here', 'full', null, true, false, false],
      ['public/hidden', 'default', null, true, false, false],
      ['public/keyless', 'index', 'by_a', false, false, false],
      ['public/parts', 'default', null, true, true, false],
      ['public/parts_1', 'default', null, true, true, true],
      ['public/parts_1_1', 'default', null, true, false, true],
      ['public/plain', 'default', null, true, false, false],
    ]);
    expect(tablesToPublish(tables).map(({ table }) => table)).toEqual([
      'it"s.here',
      'hidden',
      'keyless',
      'parts',
      'plain',
    ]);
    const leaf = tables.filter(({ table }) => table === 'parts_1_1');
    expect(tablesToPublish(leaf)).toEqual(leaf);
    expect(tables.every(({ canSelect, isOwned, hidesRows }) => canSelect && isOwned && !hidesRows)).toBe(true);
  });

  test('knows what a role may do', async () => {
    const client = await server.connect();
    try {
      await client.query('SET ROLE reader; SET row_security = off');
      const sql = {
        query: async (text: string, values?: readonly unknown[]) =>
          (await client.query(text, [...(values ?? [])])).rows,
      };
      const tables = await catalogTables(sql);
      const may = Object.fromEntries(
        tables.map(({ table, canSelect, isOwned, hidesRows }) => [table, [canSelect, isOwned, hidesRows]]),
      );
      expect(may).toMatchObject({
        plain: [true, false, false],
        hidden: [true, false, true],
        keyless: [false, false, false],
        'it"s.here': [false, false, false],
      });
      expect((await serverFacts(sql)).role).toEqual({
        name: 'reader',
        isSuperuser: false,
        canReplicate: false,
        bypassesRowSecurity: false,
        canCreate: false,
      });
    } finally {
      await client.end();
    }
  });

  test('knows the server', async () => {
    const facts = await serverFacts(server);
    expect(facts).toMatchObject({
      walLevel: 'logical',
      walSenderTimeoutMs: 7000,
      synchronousCommit: 'on',
      maxSlotWalKeepBytes: 2 ** 31,
      idleSlotTimeoutS: 0,
      maxReplicationSlots: 20,
      usedReplicationSlots: 0,
      usedWalSenders: 0,
      blockBytes: 8192,
      isStandby: false,
      role: { name: 'postgres', isSuperuser: true, canReplicate: true, canCreate: true },
    });
    expect(Math.floor(facts.version / 10_000)).toBe(version);
  });

  test('a publication is planned, made, read and changed', async () => {
    const tables = tablesToPublish(await catalogTables(server));
    const wish = {
      name: 'a "publication"',
      mode: 'filtered',
      tables,
      skippedOperations: new Set(['t'] as const),
      viaPartitionRoot: true,
    } as const;
    const apply = async (wanted: typeof wish.tables) => {
      const current = await publication(server, wish.name, (await serverFacts(server)).version);
      const plan = planPublication(current, { ...wish, tables: wanted });
      if (plan.kind === 'missing') throw new Error(plan.statement);
      for (const statement of plan.statements) await server.query(statement);
      return plan.statements.length;
    };
    expect(await publication(server, wish.name, 150_000)).toBeNull();
    expect(await apply(tables)).toBe(1);
    expect(await publication(server, wish.name, 150_000)).toEqual({
      isForAllTables: false,
      tables: tables.map(({ schema, table }) => ({ schema, table })),
      schemas: [],
      operations: new Set(['insert', 'update', 'delete']),
      viaPartitionRoot: true,
      isOwned: true,
    });
    expect(await apply(tables)).toBe(0);
    expect(await apply(tables.slice(1))).toBe(1);
    expect((await publication(server, wish.name, 150_000))?.tables).toHaveLength(tables.length - 1);
  });

  test('parts of tables are known as the publication has them', async () => {
    await server.query(
      'CREATE PUBLICATION narrow FOR TABLE plain (name, id) WHERE (id > 3), "Odd schema"."it""s.here"',
    );
    expect(await publishedParts(server, 'narrow', 150_000)).toEqual(
      new Map([['public.plain', { columns: ['id', 'name'], rowFilter: '(id > 3)' }]]),
    );
    await server.query('CREATE PUBLICATION whole FOR TABLES IN SCHEMA "Odd schema"');
    expect(await publication(server, 'whole', 150_000)).toMatchObject({ tables: [], schemas: ['Odd schema'] });
  });

  test('replica identities are set once', async () => {
    const rules = replicaIdentityRules(['public.plain:FULL', 'public.keyless:INDEX by_a']);
    const changes = identityChanges(await catalogTables(server), rules);
    expect(changes).toEqual(['ALTER TABLE "public"."plain" REPLICA IDENTITY FULL']);
    for (const statement of changes) await server.query(statement);
    expect(identityChanges(await catalogTables(server), rules)).toEqual([]);
  });
});
