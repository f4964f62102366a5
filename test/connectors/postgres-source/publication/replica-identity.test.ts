/** `replica.identity.autoset.values` says for each table which replica identity it is given. */

import { expect, test } from 'vitest';
import {
  identityChanges,
  replicaIdentityRules,
} from '../../../../connectors/postgres-source/publication/replica-identity.ts';

const rules = replicaIdentityRules([
  'public.orders:FULL',
  'public.log:INDEX log key',
  'public\\.t.*:nothing',
  'a:b.c:default',
]);

test.each([
  ['public.orders', 'full', undefined],
  ['PUBLIC.ORDERS', 'full', undefined],
  ['public.log', 'index', 'log key'],
  ['public.t1', 'nothing', undefined],
  ['a:b.c', 'default', undefined],
])('%s: %s', (name, identity, index) => {
  expect(rules.find((each) => each.matches(name))).toMatchObject({ identity, index });
});

test('names match as a whole', () => {
  expect(rules.some((each) => each.matches('public.orders_old'))).toBe(false);
});

test.each(['public.orders', ':FULL', 'public.orders:INDEX', 'public.orders:', 'public.(:FULL'])(
  '%j gives none',
  (entry) => {
    expect(() => replicaIdentityRules([entry])).toThrow();
  },
);

test('only tables that differ are changed', () => {
  const table = (
    name: string,
    identity: 'default' | 'full' | 'index' | 'nothing',
    identityIndex: string | null = null,
  ) => ({
    schema: 'public',
    table: name,
    identity,
    identityIndex,
  });
  const changes = identityChanges(
    [
      table('orders', 'default'),
      table('Orders', 'full'),
      table('log', 'index', 'other'),
      table('t"1', 'full'),
      table('t2', 'nothing'),
      table('untouched', 'default'),
    ],
    rules,
  );
  expect(changes).toEqual([
    'ALTER TABLE "public"."orders" REPLICA IDENTITY FULL',
    'ALTER TABLE "public"."log" REPLICA IDENTITY USING INDEX "log key"',
    'ALTER TABLE "public"."t""1" REPLICA IDENTITY NOTHING',
  ]);
});
