/** The outbox: where events go, what they carry, and what is refused. */

import { describe, expect, test } from 'vitest';
import { envelopeOptions } from '../../../../connectors/postgres-source/envelope/options.ts';
import { OutboxEncoder } from '../../../../connectors/postgres-source/routing/outbox.ts';
import { outboxOptions } from '../../../../connectors/postgres-source/routing/outbox-options.ts';
import { facts, KeptRecords, shape, tuple, type Value } from '../tuples.ts';

const columns = { 'id*': 2950, aggregatetype: 1043, aggregateid: 1043, type: 1043, payload: 3802, version: 23 };
const id = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11';
const noFacts = { primaryKey: [], notNull: new Set<string>(), defaults: new Map<string, string>() };
const options = envelopeOptions({ prefix: 'p', version: '0', database: 'd', types: { get: () => undefined } });

function routed(
  settings: Record<string, string>,
  row: readonly Value[],
  table = columns as Record<string, number>,
  op: 'c' | 'u' | 'd' = 'c',
) {
  const updates: string[] = [];
  const encoder = new OutboxEncoder(shape(table), noFacts, outboxOptions(settings), {
    ...options,
    onUnrepresentable: (place) => updates.push(place),
  });
  const target = new KeptRecords();
  const tupleOf = tuple(...row);
  encoder.encode(facts({ op }), op === 'd' ? tupleOf : null, op === 'd' ? null : tupleOf, target);
  const records = target.records.map(({ headers, ...rest }) => {
    return {
      ...rest,
      headers: Object.fromEntries((headers ?? []).map(({ key, value }) => [key, value?.toString() ?? null])),
    };
  });
  return { records, updates };
}

const row = [id, 'Order', 'o-1', 'OrderCreated', '{"total": 1.10}', '3'];

test('the payload as it is, under the aggregate’s key, in the aggregate’s topic', () => {
  expect(routed({}, row).records).toEqual([
    { topic: 'outbox.event.Order', key: 'o-1', value: '{"total": 1.10}', headers: { id } },
  ]);
});

test('more columns in headers and in the value', () => {
  const settings = { 'table.fields.additional.placement': 'type:header:eventType, version:envelope' };
  expect(routed(settings, row).records).toEqual([
    {
      topic: 'outbox.event.Order',
      key: 'o-1',
      value: '{"payload":"{\\"total\\": 1.10}","version":3}',
      headers: { id, eventType: 'OrderCreated' },
    },
  ]);
  const expanded = routed({ ...settings, 'table.expand.json.payload': 'true' }, row);
  expect(expanded.records[0]?.value).toBe('{"payload":{"total": 1.10},"version":3}');
});

test('topics by pattern and replacement, and names that Kafka refuses', () => {
  const settings = { 'route.topic.regex': '(?<first>.)(.*)', 'route.topic.replacement': `events.$\{first}.$2` };
  expect(routed(settings, row).records[0]?.topic).toBe('events.O.rder');
  expect(routed({}, [id, 'a b', ...row.slice(2)]).records[0]?.topic).toBe('outbox.event.a_b');
  expect(routed({ 'route.by.field': 'type' }, row).records[0]?.topic).toBe('outbox.event.OrderCreated');
});

test('payloads of bytea, empty and missing ones', () => {
  const bytea = { ...columns, payload: 17 };
  expect(routed({}, [id, 'o', 'k', 't', '\\x616263', '1'], bytea).records[0]?.value).toBe('abc');
  const text = { ...columns, payload: 25 };
  expect(routed({}, [id, 'o', 'k', 't', '', '1'], text).records[0]?.value).toBe('');
  const tombstone = { 'route.tombstone.on.empty.payload': 'true' };
  expect(routed(tombstone, [id, 'o', 'k', 't', ' ', '1'], text).records[0]?.value).toBeNull();
  expect(routed({}, [id, 'o', null, 't', null, '1'], text).records[0]).toMatchObject({ key: null, value: null });
});

describe('what else happens to the table', () => {
  test('deletes say nothing, updates are told or fail', () => {
    expect(routed({}, row, columns, 'd')).toEqual({ records: [], updates: [] });
    expect(routed({}, row, columns, 'u')).toEqual({ records: [], updates: ['public.orders'] });
    expect(() => routed({ 'table.op.invalid.behavior': 'fatal' }, row, columns, 'u')).toThrow(
      expect.objectContaining({ code: 'postgres-values/outbox' }),
    );
  });

  test('columns that are not there', () => {
    expect(() => routed({ 'table.field.event.key': 'nothing' }, row)).toThrow(
      expect.objectContaining({ code: 'postgres-values/outbox' }),
    );
    const missing = { 'table.fields.additional.placement': 'nothing:header' };
    expect(() => routed(missing, row)).toThrow(expect.objectContaining({ code: 'postgres-values/outbox' }));
    expect(routed({ ...missing, 'table.field.additional.missing': 'ignore' }, row).records).toHaveLength(1);
    expect(() => routed({}, [id, null, ...row.slice(2)])).toThrow(expect.objectContaining({ where: 'public.orders' }));
  });

  test.each([
    { 'table.fields.additional.placement': 'version:partition' },
    { 'table.fields.additional.placement': ':header' },
    { 'table.field.event.timestamp': 'at' },
    { 'table.op.invalid.behavior': 'laugh' },
    { 'route.topic.regex': '(' },
    { 'route.tropic.regex': '.*' },
  ])('settings that are refused: %j', (settings) => {
    expect(() => outboxOptions(settings as Record<string, string>)).toThrow(
      expect.objectContaining({ code: 'postgres-values/bad-setting' }),
    );
  });
});
