/** The envelope compared to the byte with what Debezium and JsonConverter write, and the records each kind of change becomes. */

import { expect, test } from 'vitest';
import type { ChangeFacts, TableFacts } from '../../../../connectors/postgres-source/envelope/change.ts';
import { compileTable } from '../../../../connectors/postgres-source/envelope/compile-table.ts';
import { type EnvelopeOptions, envelopeOptions } from '../../../../connectors/postgres-source/envelope/options.ts';
import { TransactionCounter } from '../../../../connectors/postgres-source/envelope/transaction-records.ts';
import type { TableShape, Tuple } from '../../../../connectors/postgres-source/row.ts';
import { facts, type KeptRecord, KeptRecords, shape, tuple, unchanged } from '../tuples.ts';

const noFacts: TableFacts = { primaryKey: [], notNull: new Set(), defaults: new Map() };
const withId: TableFacts = { ...noFacts, primaryKey: ['id'], notNull: new Set(['id']) };
const orders = shape({ 'id*': 23, note: 25 });

function options(given: Partial<EnvelopeOptions> = {}): EnvelopeOptions {
  return envelopeOptions({
    prefix: 'shop',
    version: '0.1.0',
    database: 'store',
    types: { get: () => undefined },
    keySchemas: false,
    valueSchemas: false,
    ...given,
  });
}

function encoded(
  change: Partial<ChangeFacts>,
  before: Tuple | null,
  after: Tuple | null,
  table: { shape?: TableShape; facts?: TableFacts; options?: Partial<EnvelopeOptions> } = {},
): KeptRecord[] {
  const encoder = compileTable(table.shape ?? orders, table.facts ?? withId, options(table.options));
  const target = new KeptRecords();
  encoder.encode(facts(change), before, after, target);
  return target.records;
}

const sourceText =
  '{"version":"0.1.0","connector":"postgresql","name":"shop","ts_ms":1700000000123,"snapshot":"false","db":"store",' +
  '"sequence":"[\\"23988000\\",\\"23988080\\"]","ts_us":1700000000123456,"ts_ns":1700000000123456000,' +
  '"schema":"public","table":"orders","txId":571,"lsn":23988080,"xmin":null,"origin":null,"origin_lsn":null}';
const times = '"ts_ms":1700000000200,"ts_us":1700000000200000,"ts_ns":1700000000200000000';

test('a create, to the byte', () => {
  expect(encoded({ op: 'c' }, null, tuple('1', 'a "b"'))).toEqual([
    {
      topic: 'shop.public.orders',
      key: '{"id":1}',
      value:
        `{"before":null,"after":{"id":1,"note":"a \\"b\\""},"source":${sourceText},` +
        `"transaction":null,"op":"c",${times}}`,
      headers: null,
    },
  ]);
});

test('key and envelope with their schemas, to the byte', () => {
  const [record] = encoded({ op: 'c' }, null, tuple('1', null), {
    facts: {
      ...withId,
      defaults: new Map([
        ['id', "nextval('orders_id_seq'::regclass)"],
        ['note', "'it''s'::text"],
      ]),
    },
    options: { keySchemas: true, valueSchemas: true },
  });
  const id = '{"type":"int32","optional":false,"default":0,"field":"id"}';
  const row =
    `"fields":[${id},{"type":"string","optional":true,"default":"it's","field":"note"}],` +
    '"optional":true,"name":"shop.public.orders.Value"';
  const field = (type: string, name: string, isOptional: boolean) => {
    return `{"type":"${type}","optional":${isOptional},"field":"${name}"}`;
  };
  const sourceFields = [
    field('string', 'version', false),
    field('string', 'connector', false),
    field('string', 'name', false),
    field('int64', 'ts_ms', false),
    '{"type":"string","optional":true,"name":"io.debezium.data.Enum","version":1,"parameters":{"allowed":' +
      '"true,first,first_in_data_collection,last_in_data_collection,last,false,incremental"},"default":"false",' +
      '"field":"snapshot"}',
    field('string', 'db', false),
    field('string', 'sequence', true),
    field('int64', 'ts_us', true),
    field('int64', 'ts_ns', true),
    field('string', 'schema', false),
    field('string', 'table', false),
    field('int64', 'txId', true),
    field('int64', 'lsn', true),
    field('int64', 'xmin', true),
    field('string', 'origin', true),
    field('int64', 'origin_lsn', true),
  ];
  const block = [
    field('string', 'id', false),
    field('int64', 'total_order', false),
    field('int64', 'data_collection_order', false),
  ];
  const schema =
    `{"type":"struct","fields":[{"type":"struct",${row},"field":"before"},{"type":"struct",${row},"field":"after"},` +
    `{"type":"struct","fields":[${sourceFields.join(',')}],"optional":false,` +
    '"name":"io.debezium.connector.postgresql.Source","version":1,"field":"source"},' +
    `{"type":"struct","fields":[${block.join(',')}],"optional":true,"name":"event.block","version":1,"field":"transaction"},` +
    [
      field('string', 'op', false),
      field('int64', 'ts_ms', true),
      field('int64', 'ts_us', true),
      field('int64', 'ts_ns', true),
    ].join(',') +
    '],"optional":false,"name":"shop.public.orders.Envelope","version":2}';
  expect(record?.key).toBe(
    `{"schema":{"type":"struct","fields":[${id}],"optional":false,"name":"shop.public.orders.Key"},"payload":{"id":1}}`,
  );
  expect(record?.value).toBe(
    `{"schema":${schema},"payload":{"before":null,"after":{"id":1,"note":null},"source":${sourceText},` +
      `"transaction":null,"op":"c",${times}}}`,
  );
});

function payload(record: KeptRecord | undefined): Record<string, unknown> {
  return JSON.parse(record?.value ?? 'null') as Record<string, unknown>;
}

test('an update by the replica identities', () => {
  const after = tuple('1', 'new');
  expect(payload(encoded({ op: 'u' }, null, after)[0])).toMatchObject({
    op: 'u',
    before: null,
    after: { note: 'new' },
  });
  const full = shape({ id: 23, note: 25 }, 'full');
  expect(payload(encoded({ op: 'u' }, tuple('1', 'old'), after, { shape: full })[0])).toMatchObject({
    before: { id: 1, note: 'old' },
    after: { id: 1, note: 'new' },
  });
});

test('a delete has the key alone, zeros where columns are required, and a tombstone', () => {
  const table = {
    shape: shape({ 'id*': 23, note: 25, amount: [1700, 655366], at: 1184 }),
    facts: { ...withId, notNull: new Set(['id', 'note', 'amount', 'at']) },
  };
  const records = encoded({ op: 'd' }, tuple('7', null, null, null), null, table);
  expect(payload(records[0])).toMatchObject({
    op: 'd',
    before: { id: 7, note: '', amount: 'AA==', at: '1970-01-01T00:00:00Z' },
    after: null,
  });
  expect(records[1]).toEqual({ topic: 'shop.public.orders', key: '{"id":7}', value: null, headers: null });
  expect(encoded({ op: 'd' }, tuple('7', null), null, { options: { tombstonesOnDelete: false } })).toHaveLength(1);
});

test('a key update is a delete, its tombstone and a create, each with the key of the other', () => {
  const records = encoded({ op: 'u' }, tuple('1', null), tuple('2', 'update'));
  expect(records.map(({ key, headers }) => [key, headers?.map((each) => `${each.key}=${each.value}`)])).toEqual([
    ['{"id":1}', ['__debezium.newkey={"id":2}']],
    ['{"id":1}', ['__debezium.newkey={"id":2}']],
    ['{"id":2}', ['__debezium.oldkey={"id":1}']],
  ]);
  const withSchemas = { options: { keySchemas: true, headerSchemas: true } };
  const [deleted] = encoded({ op: 'u' }, tuple('1', null), tuple('2', 'update'), withSchemas);
  expect(JSON.parse(String(deleted?.headers?.[0]?.value))).toEqual({
    schema: JSON.parse(deleted?.key ?? '').schema,
    payload: { id: 2 },
  });
  const plain = encoded({ op: 'u' }, tuple('1', null), tuple('2', 'update'), { options: { keySchemas: true } });
  expect(String(plain[0]?.headers?.[0]?.value)).toBe('{"id":2}');
  expect(records.map((record) => payload(record)?.['op'])).toEqual(['d', undefined, 'c']);
  expect(payload(records[2])).toMatchObject({ before: null, after: { id: 2, note: 'update' } });
});

test('under full identity an unchanged key is no key update', () => {
  const full = shape({ id: 23, note: 25 }, 'full');
  expect(encoded({ op: 'u' }, tuple('1', 'a'), tuple('1', 'b'), { shape: full })).toHaveLength(1);
  expect(encoded({ op: 'u' }, tuple('1', 'a'), tuple('2', 'a'), { shape: full })).toHaveLength(3);
  const same = { shape: full, options: { skipsUnchanged: true } };
  expect(encoded({ op: 'u' }, tuple('1', 'a'), tuple('1', 'a'), same)).toEqual([]);
  expect(encoded({ op: 'u' }, tuple('1', 'a'), tuple('1', unchanged), same)).toEqual([]);
  expect(encoded({ op: 'u' }, tuple('1', 'a'), tuple('1', null), same)).toHaveLength(1);
});

test('unchanged TOAST values: placeholder, omitted, or known from the old row', () => {
  const after = tuple('1', unchanged);
  expect(payload(encoded({ op: 'u' }, null, after)[0])['after']).toEqual({
    id: 1,
    note: '__debezium_unavailable_value',
  });
  const omitted = encoded({ op: 'u' }, null, after, { options: { unchangedToast: 'omit' } });
  expect(payload(omitted[0])['after']).toEqual({ id: 1 });
  const full = encoded({ op: 'u' }, tuple('1', 'known'), after, { shape: shape({ id: 23, note: 25 }, 'full') });
  expect(payload(full[0])['after']).toEqual({ id: 1, note: 'known' });
});

test('a key update knows unchanged values from the old row too', () => {
  const table = { shape: shape({ id: 23, note: 25 }, 'full') };
  const records = encoded({ op: 'u' }, tuple('1', 'known'), tuple('2', unchanged), table);
  expect(payload(records[2])['after']).toEqual({ id: 2, note: 'known' });
});

test('how many events of its transaction a change is', () => {
  const count = (
    op: 'c' | 'u' | 'd' | 't',
    before: Tuple | null,
    after: Tuple | null,
    given: Partial<EnvelopeOptions> = {},
  ) => {
    const table = given.skipsUnchanged === true ? shape({ id: 23, note: 25 }, 'full') : orders;
    return compileTable(table, withId, options(given)).eventCount(op, before, after);
  };
  expect(count('c', null, tuple('1', 'a'))).toBe(1);
  expect(count('u', null, tuple('1', 'a'))).toBe(1);
  expect(count('u', tuple('1', null), tuple('2', 'a'))).toBe(2);
  expect(count('t', null, null)).toBe(0);
  expect(count('t', null, null, { skippedOperations: new Set() })).toBe(1);
  expect(count('u', tuple('1', 'a'), tuple('1', 'a'), { skipsUnchanged: true })).toBe(0);
});

test('truncates are skipped unless asked for, and have no key', () => {
  expect(encoded({ op: 't' }, null, null)).toEqual([]);
  const records = encoded({ op: 't' }, null, null, { options: { skippedOperations: new Set() } });
  expect(records[0]?.key).toBeNull();
  expect(payload(records[0])).toMatchObject({ op: 't', before: null, after: null });
});

test('a table without a key: no keys, no tombstones', () => {
  const table = { shape: shape({ note: 25 }, 'full'), facts: noFacts };
  expect(encoded({ op: 'd' }, tuple('a'), null, table).map(({ key }) => key)).toEqual([null]);
});

test('a key that old tuples do not have: deletes have none, updates are never taken for key updates', () => {
  const table = { shape: shape({ id: 23, 'code*': 25 }, 'index') };
  expect(encoded({ op: 'd' }, tuple(null, 'X'), null, table).map(({ key }) => key)).toEqual([null]);
  expect(encoded({ op: 'u' }, tuple(null, 'X'), tuple('1', 'Y'), table).map(({ key }) => key)).toEqual(['{"id":1}']);
});

test('the key of an index stands in for a primary key', () => {
  const table = { shape: shape({ note: 25, 'code*': 25 }, 'index'), facts: noFacts };
  expect(encoded({ op: 'c' }, null, tuple('a', 'X'), table)[0]?.key).toBe('{"code":"X"}');
});

test('source: snapshots, origins, places without an LSN', () => {
  const source = (change: Partial<ChangeFacts>) => payload(encoded(change, null, tuple('1', 'a'))[0])['source'];
  expect(source({ op: 'r', snapshot: 'last', lastCommitLsn: null, transactionId: null })).toMatchObject({
    snapshot: 'last',
    sequence: '[null,"23988080"]',
    txId: null,
  });
  expect(source({ origin: 'no"de', originLsn: 5n, xmin: 3 })).toMatchObject({
    origin: 'no"de',
    origin_lsn: 5,
    xmin: 3,
  });
  expect(source({ lsn: null, snapshot: 'incremental' })).toMatchObject({
    lsn: null,
    sequence: '["23988000","23988000"]',
  });
  expect(source({ lsn: null, lastCommitLsn: null })).toMatchObject({ lsn: null, sequence: '[null,null]' });
  expect(encoded({ lsn: 18_446_744_073_709_551_615n }, null, tuple('1', 'a'))[0]?.value).toContain(
    '"lsn":18446744073709551615,',
  );
});

test('facts that change between rows are told anew', () => {
  const encoder = compileTable(orders, withId, options());
  const target = new KeptRecords();
  for (const change of [
    { lsn: 1n, sourceTimeUs: 1 },
    { lsn: 2n, sourceTimeUs: 1 },
    { lsn: 2n, sourceTimeUs: 2, transactionId: 9 },
    { lsn: 2n, sourceTimeUs: 0, nowUs: 0, op: 'r' as const },
  ]) {
    encoder.encode(facts(change), null, tuple('1', 'a'), target);
  }
  expect(target.records.map((record) => payload(record)['source'])).toMatchObject([
    { lsn: 1, ts_us: 1, ts_ns: 1000, txId: 571 },
    { lsn: 2, ts_us: 1 },
    { lsn: 2, ts_us: 2, txId: 9 },
    { ts_us: 0, ts_ns: 0 },
  ]);
});

test('the block of transaction metadata', () => {
  const transaction = { id: '571:23988080', totalOrder: 2, dataCollectionOrder: 1, countAgain: () => {} };
  expect(payload(encoded({ transaction }, null, tuple('1', 'a'))[0])['transaction']).toEqual({
    id: '571:23988080',
    total_order: 2,
    data_collection_order: 1,
  });
});

test('a key update counts as two events of its transaction', () => {
  const counter = new TransactionCounter();
  counter.begin(571, 1n);
  const records = encoded({ op: 'u', transaction: counter.next('public.orders') }, tuple('1', null), tuple('2', 'b'));
  expect([records[0], records[2]].map((record) => payload(record)['transaction'])).toEqual([
    { id: '571:1', total_order: 1, data_collection_order: 1 },
    { id: '571:1', total_order: 2, data_collection_order: 2 },
  ]);
  expect(counter.eventCount).toBe(2);
});

test('values without a place follow the policy; keys always fail', () => {
  const table = { shape: shape({ 'id*': 23, n: 1700 }), facts: withId };
  const row = tuple('1', 'NaN');
  expect(() => encoded({ op: 'c' }, null, row, table)).toThrow(
    expect.objectContaining({ code: 'postgres-values/unrepresentable', where: 'public.orders.n' }),
  );
  const told: string[] = [];
  const policy = (unrepresentable: 'null' | 'string') => {
    return { ...table, options: { unrepresentable, onUnrepresentable: (place: string) => told.push(place) } };
  };
  expect(payload(encoded({ op: 'c' }, null, row, policy('null'))[0])['after']).toEqual({ id: 1, n: null });
  expect(payload(encoded({ op: 'c' }, null, row, policy('string'))[0])['after']).toEqual({ id: 1, n: 'NaN' });
  expect(told).toEqual(['public.orders.n', 'public.orders.n']);
  const keyed = { ...policy('null'), shape: shape({ 'id*': 1700 }) };
  expect(() => encoded({ op: 'c' }, null, tuple('NaN'), keyed)).toThrow(
    expect.objectContaining({ where: 'public.orders.id' }),
  );
});

test('columns without a representation are left out and named', () => {
  const encoder = compileTable(shape({ 'id*': 23, q: 3615 }), withId, options());
  expect(encoder.leftOut).toEqual(['q']);
  const target = new KeptRecords();
  encoder.encode(facts({}), null, tuple('1', "'cat'"), target);
  expect(payload(target.records[0])['after']).toEqual({ id: 1 });
});

test('names of tables and columns in any script', () => {
  const odd: TableShape = { ...shape({ 'ключ "1"*': 23 }), schema: 'a.b', table: 'таблица' };
  const record = encoded({ op: 'c' }, null, tuple('1'), {
    shape: odd,
    facts: { ...noFacts, primaryKey: ['ключ "1"'] },
  })[0];
  expect(record?.topic).toBe('shop.a.b._______');
  expect(record?.key).toBe('{"ключ \\"1\\"":1}');
  expect(payload(record)).toMatchObject({ source: { schema: 'a.b', table: 'таблица' } });
});
