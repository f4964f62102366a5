/** The publication becomes what the configuration asks for, by as few changes as can be. */

import { describe, expect, test } from 'vitest';
import {
  type PublicationState,
  planPublication,
  unpublished,
} from '../../../../connectors/postgres-source/publication/plan.ts';

type Wish = Parameters<typeof planPublication>[1];

const everything = new Set(['insert', 'update', 'delete', 'truncate'] as const);
const tables = [
  { schema: 'public', table: 'a' },
  { schema: 's 1', table: 'B"' },
];
const wish: Wish = {
  name: 'dbz_publication',
  mode: 'filtered',
  tables,
  skippedOperations: new Set(),
  viaPartitionRoot: false,
};
const state: PublicationState = { isForAllTables: false, tables: [], schemas: [], operations: everything };

function plan(current: PublicationState | null, more: Partial<Wish> = {}) {
  return planPublication(current, { ...wish, ...more });
}

const statements = (...each: string[]) => ({ kind: 'statements', statements: each });

describe('a publication that is not there', () => {
  test('is created for the tables', () => {
    expect(plan(null)).toEqual(statements('CREATE PUBLICATION "dbz_publication" FOR TABLE "public"."a", "s 1"."B"""'));
  });

  test('leaves out what is skipped', () => {
    const skippedOperations = new Set(['t', 'c', 'm'] as const);
    const end = 'FOR ALL TABLES WITH (publish =';
    expect(plan(null, { mode: 'all_tables', skippedOperations })).toEqual(
      statements(`CREATE PUBLICATION "dbz_publication" ${end} 'update, delete')`),
    );
    expect(plan(null, { mode: 'all_tables', skippedOperations, viaPartitionRoot: true })).toEqual(
      statements(`CREATE PUBLICATION "dbz_publication" ${end} 'update, delete', publish_via_partition_root = true)`),
    );
  });

  test('may be without tables', () => {
    const skippedOperations = new Set(['t'] as const);
    expect(plan(null, { mode: 'no_tables', skippedOperations, name: 'a"b' })).toEqual(
      statements('CREATE PUBLICATION "a""b"'),
    );
    expect(plan(null, { tables: [] })).toEqual(statements('CREATE PUBLICATION "dbz_publication"'));
  });

  test('is missed where nobody may create it', () => {
    expect(plan(null, { mode: 'disabled', tables: tables.slice(0, 1) })).toEqual({
      kind: 'missing',
      statement: 'CREATE PUBLICATION "dbz_publication" FOR TABLE "public"."a"',
    });
  });
});

describe('a publication that is there', () => {
  test.each(['all_tables', 'disabled', 'no_tables'] as const)('is used as it is: %s', (mode) => {
    expect(plan(state, { mode, skippedOperations: new Set(['t']) })).toEqual(statements());
  });

  test('gains and loses only tables that differ', () => {
    const current = { ...state, tables: [tables[0]!, { schema: 'public', table: 'old' }] };
    expect(plan(current)).toEqual(
      statements(
        'ALTER PUBLICATION "dbz_publication" ADD TABLE "s 1"."B"""',
        'ALTER PUBLICATION "dbz_publication" DROP TABLE "public"."old"',
      ),
    );
    expect(plan({ ...state, tables: [...tables].reverse() })).toEqual(statements());
  });

  test('has the tables of its schemas', () => {
    expect(plan({ ...state, schemas: ['public', 's 1'] })).toEqual(statements());
    expect(unpublished({ ...state, schemas: ['public'] }, tables)).toEqual([tables[1]]);
  });

  test('for all tables stays one, and says what is published', () => {
    const current = { ...state, isForAllTables: true };
    expect(plan(current)).toEqual(statements());
    expect(unpublished(current, tables)).toEqual([]);
    expect(plan(current, { skippedOperations: new Set(['t']) })).toEqual(
      statements(`ALTER PUBLICATION "dbz_publication" SET (publish = 'insert, update, delete')`),
    );
  });
});
