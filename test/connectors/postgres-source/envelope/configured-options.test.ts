/** Settings as users write them, seen in the records they make. */

import { expect, test } from 'vitest';
import { definition } from '../../../../connectors/postgres-source/config.ts';
import { compileTable } from '../../../../connectors/postgres-source/envelope/compile-table.ts';
import { configuredOptions } from '../../../../connectors/postgres-source/envelope/configured-options.ts';
import { sparseReports } from '../../../../connectors/postgres-source/envelope/sparse-reports.ts';
import { facts, KeptRecords, shape, tuple, unchanged, type Value } from '../tuples.ts';

const needed = {
  name: 'shop',
  'connector.class': 'postgres',
  'database.hostname': 'localhost',
  'database.user': 'u',
  'database.password': 'p',
  'database.dbname': 'd',
};
const table = shape({ 'id*': 23, email: 25, price: [1700, 655366], at: 1114, blob: 17, note: 25 });
const row: readonly Value[] = ['1', 'a@b.c', '1.10', '2016-11-04 13:51:30.5', '\\x01ff', unchanged];

function recordOf(settings: Record<string, string>) {
  const config = definition.require({ ...needed, ...settings });
  const surroundings = { types: { get: () => undefined }, database: 'd', version: '1', onUnrepresentable: () => {} };
  const target = new KeptRecords();
  const known = { primaryKey: ['id'], notNull: new Set(['id']), defaults: new Map<string, string>() };
  const options = configuredOptions(config, surroundings);
  compileTable(table, known, options).encode(facts({ op: 'u' }), null, tuple(...row), target);
  const [record] = target.records;
  const value = JSON.parse(record?.value ?? '{}') as Record<string, unknown>;
  return { ...record, after: ((value['payload'] ?? value) as { after: unknown }).after };
}

test('Debezium’s defaults', () => {
  const { topic, key, value, after } = recordOf({ 'topic.prefix': 'shop' });
  expect(topic).toBe('shop.public.orders');
  expect(key).toContain('"name":"shop.public.orders.Key"},"payload":{"id":1}}');
  expect(value).toContain('"name":"shop.public.orders.Envelope","version":2},"payload":{"before":null');
  expect(after).toEqual({
    id: 1,
    email: 'a@b.c',
    price: 'bg==',
    at: 1_478_267_490_500_000,
    blob: 'Af8=',
    note: '__debezium_unavailable_value',
  });
});

test('every mode and rule arrives', () => {
  const { topic, key, value, after } = recordOf({
    'topic.prefix': 'shop',
    'topic.delimiter': '-',
    'key.converter.schemas.enable': 'false',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter.schemas.enable': 'false',
    'decimal.handling.mode': 'string',
    'time.precision.mode': 'isostring',
    'binary.handling.mode': 'hex',
    'unavailable.value.placeholder': '?',
    'column.mask.with.3.chars': 'public.orders.email',
    'message.key.columns': 'public.orders:email,id',
  });
  expect([topic, key]).toEqual(['shop-public-orders', '{"email":"a@b.c","id":1}']);
  expect(value?.startsWith('{"before":null')).toBe(true);
  expect(after).toEqual({ id: 1, email: '***', price: '1.10', at: '2016-11-04T13:51:30.5Z', blob: '01ff', note: '?' });
});

test('lean, into one topic', () => {
  const { topic, key, after } = recordOf({
    topic: 'everything',
    format: 'lean',
    'column.exclude.list': 'public.orders.blob,public.orders.email',
  });
  expect([topic, key]).toEqual(['everything', '{"id":1}']);
  expect(after).toEqual({ id: 1, price: '1.10', at: '2016-11-04T13:51:30.5' });
  expect(
    recordOf({ topic: 'everything', format: 'lean', 'unavailable.value.mode': 'placeholder' }).after,
  ).toHaveProperty('note');
});

test('operations that are skipped', () => {
  expect(recordOf({ 'topic.prefix': 'shop', 'skipped.operations': 'u,d' }).value).toBeUndefined();
  expect(recordOf({ 'topic.prefix': 'shop', 'skipped.operations': 'none' }).value).toBeDefined();
});

const outboxTable = shape({ 'id*': 2950, aggregatetype: 1043, aggregateid: 1043, payload: 25 });

function routedWith(settings: Record<string, string>) {
  const config = definition.require({ ...needed, 'topic.prefix': 'shop', ...settings });
  const surroundings = { types: { get: () => undefined }, database: 'd', version: '1', onUnrepresentable: () => {} };
  const target = new KeptRecords();
  const known = { primaryKey: ['id'], notNull: new Set(['id']), defaults: new Map<string, string>() };
  const encoder = compileTable(outboxTable, known, configuredOptions(config, surroundings));
  encoder.encode(facts({}), null, tuple('x', 'Order', 'o-1', 'said'), target);
  return target.records.map(({ topic, key, value }) => [topic, key, value]);
}

test('an outbox by our names, and as Debezium’s documentation configures the EventRouter', () => {
  const event = [['events.Order', 'o-1', 'said']];
  const own = {
    'outbox.table.include.list': 'public.orders',
    'outbox.route.topic.replacement': `events.$\{routedByValue}`,
  };
  expect(routedWith(own)).toEqual(event);
  const theirs = {
    transforms: 'outbox',
    'transforms.outbox.type': 'io.debezium.transforms.outbox.EventRouter',
    'transforms.outbox.route.topic.replacement': `events.$\{routedByValue}`,
  };
  expect(routedWith(theirs)).toEqual(event);
  expect(routedWith({ ...theirs, 'outbox.table.include.list': 'public.other' })[0]?.[0]).toBe('shop.public.orders');
});

test.each([
  { transforms: 'unwrap', 'transforms.unwrap.type': 'io.debezium.transforms.ExtractNewRecordState' },
  {
    transforms: 'outbox',
    'transforms.outbox.type': 'io.debezium.transforms.outbox.EventRouter',
    'transforms.outbox.predicate': 'isOutbox',
  },
  { 'outbox.table.include.list': 'public.outbox', 'outbox.table.op.invalid.behavior': 'laugh' },
])('what an outbox cannot do is reported: %j', (settings) => {
  const result = definition.parse({ ...needed, 'topic.prefix': 'shop', ...(settings as Record<string, string>) });
  expect('problems' in result && result.problems.map(({ path }) => path)).toHaveLength(1);
});

test('values without a place are told at the first, the tenth, the hundredth', () => {
  const told: string[] = [];
  const report = sparseReports((place, reason) => told.push(`${place}: ${reason}`));
  for (let i = 0; i < 150; i++) report('t.a', 'no');
  report('t.b', 'no');
  expect(told).toEqual(['t.a: no', 't.a: no; 10 times so far', 't.a: no; 100 times so far', 't.b: no']);
});
