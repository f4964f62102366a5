/** New tables: which are published, which are read as they are, and which tell all of theirs by themselves. */

import { expect, test } from 'vitest';
import type { CatalogTable } from '../../../../connectors/postgres-source/catalog/captured-tables.ts';
import { NewTables } from '../../../../connectors/postgres-source/incremental/new-tables.ts';
import { RequestedReads } from '../../../../connectors/postgres-source/incremental/requested-reads.ts';
import type { PublicationState } from '../../../../connectors/postgres-source/publication/plan.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { MemoryLogger } from '../../../kits/source-kit.ts';
import { shape } from '../tuples.ts';

interface World {
  tables: CatalogTable[];
  published: string[];
  schemas: string[];
  isForAllTables: boolean;
  /** What the connector does itself. */
  publishes: boolean;
}

const table = (oid: number, name: string, more: Partial<CatalogTable> = {}): CatalogTable => ({
  ...{ oid, schema: 'public', table: name, isPartitioned: false, isPartition: false, rootOid: oid },
  ...{ identity: 'default', identityIndex: null, hasPrimaryKey: true, estimatedRows: 10, hidesRows: false },
  ...{ canSelect: true, isOwned: true },
  ...more,
});

class Looking {
  readonly world: World;
  readonly reads = new RequestedReads('p', []);
  readonly clock = new FakeClock();
  readonly logger = new MemoryLogger();
  readonly newTables: NewTables;
  fails = false;
  looks = 0;

  constructor(world: Partial<World>, { areRead = true, viaPartitionRoot = false } = {}) {
    const given: World = { tables: [], published: [], schemas: [], isForAllTables: false, publishes: true, ...world };
    this.world = given;
    const isCaptured = (_: string, name: string) => !name.startsWith('other');
    this.newTables = new NewTables({
      ...{ server: 'p', tables: [...given.tables], viaPartitionRoot, areRead, isCaptured, isWanted: isCaptured },
      ...{ reads: this.reads, clock: this.clock, logger: this.logger },
      sql: { query: async () => [{ next: '77' }] },
      all: async () => {
        this.looks += 1;
        if (this.fails) throw new Error('not now');
        return given.tables;
      },
      publication: async (): Promise<PublicationState> => ({
        isForAllTables: given.isForAllTables,
        schemas: given.schemas,
        operations: new Set(['insert']),
        tables: given.published.map((name) => ({ schema: 'public', table: name })),
      }),
      publish: async () => {
        if (given.publishes) given.published = given.tables.map((each) => each.table);
      },
    });
  }

  /** A minute later: what is to be read since the last time. */
  async next(): Promise<string[]> {
    this.newTables.advance();
    await this.clock.advance(60_000);
    this.newTables.advance();
    await this.clock.advance(0);
    this.newTables.advance();
    const names: string[] = [];
    for (let { current } = this.reads; current !== undefined; current = this.reads.current) {
      names.push(current.table);
      this.reads.finish(current.number);
    }
    return names;
  }
}

test('a table that appears is published and read, and stored as one that the next start need not read', async () => {
  const looking = new Looking({ tables: [table(1, 'a'), table(2, 'other')], published: ['a'] });
  expect(await looking.next()).toEqual([]);
  looking.world.tables.push(table(3, 'b', { estimatedRows: 40 }), table(4, 'other_too'));
  looking.newTables.advance();
  await looking.clock.advance(60_000);
  looking.newTables.advance();
  await looking.clock.advance(0);
  looking.newTables.advance();
  expect(looking.reads.current).toMatchObject({ table: 'b', notBefore: 77n, estimatedRows: 40, signalId: '' });
  expect(looking.newTables.takePositions()).toEqual([
    { partition: { snapshot: 'p', table: 'public.b' }, offset: { done: true, oid: 3 } },
  ]);
  expect(looking.newTables.takePositions()).toEqual([]);
  expect(await looking.next()).toEqual(['b']);
  expect(await looking.next()).toEqual([]);
  // Made anew, and under another name.
  looking.world.tables[0] = table(9, 'a');
  looking.world.tables[2] = table(3, 'c');
  expect((await looking.next()).sort()).toEqual(['a', 'c']);
});

test('where others publish, a table is new once they have', async () => {
  const tables = [table(1, 'a'), table(2, 'b')];
  const looking = new Looking({ tables, published: ['a'], publishes: false });
  expect(await looking.next()).toEqual([]);
  expect(await looking.next()).toEqual([]);
  looking.world.published.push('b');
  expect(await looking.next()).toEqual(['b']);
  expect(await looking.next()).toEqual([]);
});

test.each([
  ['the publication is for all tables', { isForAllTables: true }, true],
  ['it is for all of the schema', { schemas: ['public'] }, true],
  ['only changes were asked for', {}, false],
])('nothing is read where %s', async (_, world, areRead) => {
  const looking = new Looking({ tables: [table(1, 'a')], published: ['a'], ...world }, { areRead });
  expect(await looking.next()).toEqual([]);
  looking.world.tables.push(table(2, 'b'));
  expect(await looking.next()).toEqual([]);
  expect(looking.logger.lines.join()).toContain('captured that were not there before');
});

test.each([
  [false, ['y1', 'y2']],
  [true, ['y']],
])(
  'partitions of a table that was published tell theirs, of a new one they are read (via root %s)',
  async (viaPartitionRoot, expected) => {
    const root = (oid: number, name: string) => table(oid, name, { isPartitioned: true });
    const part = (oid: number, name: string, rootOid: number) => table(oid, name, { isPartition: true, rootOid });
    const tables = [root(1, 'x'), part(2, 'x1', 1)];
    const looking = new Looking({ tables, published: ['x'], publishes: false }, { viaPartitionRoot });
    expect(await looking.next()).toEqual([]);
    looking.world.tables.push(part(3, 'x2', 1), root(4, 'y'), part(5, 'y1', 4), part(6, 'y2', 4));
    looking.world.published.push('y');
    expect((await looking.next()).sort()).toEqual(expected);
  },
);

test('a table of the stream that nobody knows has it look at once, and what fails is tried again', async () => {
  const looking = new Looking({ tables: [table(1, 'a')], published: ['a'] });
  expect(await looking.next()).toEqual([]);
  const looks = looking.looks;
  const soon = async () => {
    await looking.clock.advance(1000);
    looking.newTables.advance();
    await looking.clock.advance(0);
  };
  looking.newTables.relation({ ...shape({ 'id*': 23 }), tableOid: 1, table: 'a' });
  looking.newTables.relation({ ...shape({ 'id*': 23 }), tableOid: 5, table: 'other' });
  await soon();
  expect(looking.looks).toBe(looks);
  looking.fails = true;
  looking.world.tables.push(table(5, 'b'));
  looking.newTables.relation({ ...shape({ 'id*': 23 }), tableOid: 5, table: 'b' });
  await soon();
  expect(looking.looks).toBe(looks + 1);
  expect(looking.logger.lines.join()).toContain('could not look for new tables');
  looking.fails = false;
  expect(await looking.next()).toEqual(['b']);
});
