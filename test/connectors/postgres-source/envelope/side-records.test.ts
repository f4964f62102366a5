/** Records beside those of rows: transactions, logical messages, heartbeats, changed tables. */

import { describe, expect, test } from 'vitest';
import { HeartbeatRecords } from '../../../../connectors/postgres-source/envelope/heartbeat-records.ts';
import { MessageRecords, messageCollection } from '../../../../connectors/postgres-source/envelope/message-records.ts';
import { type EnvelopeOptions, envelopeOptions } from '../../../../connectors/postgres-source/envelope/options.ts';
import { SchemaChangeRecords } from '../../../../connectors/postgres-source/envelope/schema-change-records.ts';
import { shapeChanges } from '../../../../connectors/postgres-source/envelope/shape-changes.ts';
import {
  TransactionCounter,
  TransactionRecords,
} from '../../../../connectors/postgres-source/envelope/transaction-records.ts';
import { debeziumModes } from '../../../../connectors/postgres-source/values/modes.ts';
import { facts, KeptRecords, shape } from '../tuples.ts';

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

test('a transaction: begin, the place of each change, end with its counts', () => {
  const counter = new TransactionCounter();
  const records = new TransactionRecords(options());
  const target = new KeptRecords();
  counter.begin(571, 53_195_829n);
  records.begin(target, counter.id, 1000);
  const places = ['public.a', 'public.b', 'public.a', messageCollection].map((name) => ({ ...counter.next(name) }));
  records.end(target, counter, 1000);
  expect(places.map(({ totalOrder, dataCollectionOrder }) => [totalOrder, dataCollectionOrder])).toEqual([
    [1, 1],
    [2, 1],
    [3, 2],
    [4, 1],
  ]);
  expect(target.records).toEqual([
    {
      topic: 'shop.transaction',
      key: '{"id":"571:53195829"}',
      value: '{"status":"BEGIN","id":"571:53195829","event_count":null,"data_collections":null,"ts_ms":1000}',
      headers: null,
    },
    {
      topic: 'shop.transaction',
      key: '{"id":"571:53195829"}',
      value:
        '{"status":"END","id":"571:53195829","event_count":4,"data_collections":[{"data_collection":"public.a","event_count":2},' +
        '{"data_collection":"public.b","event_count":1},{"data_collection":"LOGICAL_DECODING_MESSAGE","event_count":1}],"ts_ms":1000}',
      headers: null,
    },
  ]);
  counter.begin(572, 1n);
  expect(counter.next('public.a')).toMatchObject({ id: '572:1', totalOrder: 1, dataCollectionOrder: 1 });
});

describe('logical messages', () => {
  const content = Buffer.from([0, 255, 1, 2, 9]);
  const put = (given: Partial<EnvelopeOptions>) => {
    const target = new KeptRecords();
    new MessageRecords(options(given)).put(target, facts({ op: 'm' }), 'pre"fix', content, 1, 4);
    return target.records;
  };

  test('in the envelope', () => {
    const [record] = put({});
    expect(record).toMatchObject({ topic: 'shop.message', key: '{"prefix":"pre\\"fix"}' });
    expect(JSON.parse(record?.value ?? '')).toMatchObject({
      op: 'm',
      ts_ms: 1_700_000_000_200,
      source: { schema: '', table: '', lsn: 23_988_080 },
      transaction: null,
      message: { prefix: 'pre"fix', content: '/wEC' },
    });
  });

  test('in hexadecimal digits, in the lean format, with schemas, skipped', () => {
    expect(put({ modes: { ...debeziumModes, binary: 'hex' } })[0]?.value).toContain('"content":"ff0102"}}');
    expect(put({ format: 'lean' })[0]?.value).toBe(
      '{"op":"m","ts_us":1700000000123456,"tx":571,"lsn":"0/16E0770","prefix":"pre\\"fix","content":"/wEC"}',
    );
    const full = JSON.parse(put({ valueSchemas: true, keySchemas: true })[0]?.value ?? '') as {
      schema: { name: string };
    };
    expect(full.schema.name).toBe('io.debezium.connector.postgresql.MessageValue');
    expect(put({ skippedOperations: new Set(['m']) })).toEqual([]);
  });
});

test('a heartbeat, with its schemas', () => {
  const target = new KeptRecords();
  new HeartbeatRecords(options({ keySchemas: true, valueSchemas: true })).put(target, 5.5);
  const fields = (type: string, field: string) =>
    `"fields":[{"type":"${type}","optional":false,"field":"${field}"}],"optional":false`;
  expect(target.records).toEqual([
    {
      topic: '__debezium-heartbeat.shop',
      key: `{"schema":{"type":"struct",${fields('string', 'serverName')},"name":"io.debezium.connector.common.ServerNameKey","version":1},"payload":{"serverName":"shop"}}`,
      value: `{"schema":{"type":"struct",${fields('int64', 'ts_ms')},"name":"io.debezium.connector.common.Heartbeat","version":1},"payload":{"ts_ms":5}}`,
      headers: null,
    },
  ]);
});

describe('changes of a table', () => {
  const orders = shape({ 'id*': 23, note: 25, n: 23 });

  test.each([
    ['nothing', orders, []],
    ['a column more', shape({ 'id*': 23, note: 25, n: 23, x: 16 }), [{ change: 'column-added', column: 'x' }]],
    ['a column less', shape({ 'id*': 23, n: 23 }), [{ change: 'column-dropped', column: 'note' }]],
    ['another name', shape({ 'id*': 23, text: 25, n: 23 }), [{ change: 'column-renamed', column: 'note', to: 'text' }]],
    [
      'another type',
      shape({ 'id*': 20, note: 25, n: 23 }),
      [
        {
          change: 'type-changed',
          column: 'id',
          from: { typeOid: 23, typeModifier: -1 },
          to: { typeOid: 20, typeModifier: -1 },
        },
      ],
    ],
    [
      'one away and one of another type',
      shape({ 'id*': 23, note: 25, x: 16 }),
      [
        { change: 'column-dropped', column: 'n' },
        { change: 'column-added', column: 'x' },
      ],
    ],
    ['two that changed places', shape({ 'id*': 23, n: 23, note: 25 }), []],
    [
      'another identity',
      { ...orders, replicaIdentity: 'full' as const },
      [{ change: 'replica-identity-changed', from: 'default', to: 'full' }],
    ],
    [
      'another table name',
      { ...orders, table: 'o' },
      [{ change: 'table-renamed', from: 'public.orders', to: 'public.o' }],
    ],
  ])('%s', (_, after, expected) => {
    expect(shapeChanges(orders, after)).toEqual(expected);
  });

  test('as a record, with the table as it is from here on', () => {
    const target = new KeptRecords();
    const types = {
      get: (oid: number) =>
        oid === 23 ? { oid, schema: 'pg_catalog', name: 'int4', kind: 'base' as const } : undefined,
    };
    const records = new SchemaChangeRecords(options({ types }));
    const known = { primaryKey: ['id'], notNull: new Set(['id']), defaults: new Map([['n', '7']]) };
    records.put(target, facts({}), null, orders, known);
    records.put(target, facts({}), orders, { ...orders }, known);
    records.put(target, facts({}), shape({ 'id*': 20, note: 25, n: 23 }), orders, known);
    expect(target.records.map(({ topic, key }) => [topic, key])).toEqual([
      ['shop', '{"database":"store","schema":"public","table":"orders"}'],
      ['shop', '{"database":"store","schema":"public","table":"orders"}'],
    ]);
    expect(JSON.parse(target.records[1]?.value ?? '')).toMatchObject({
      source: { table: 'orders', lsn: 23_988_080 },
      changes: [{ change: 'type-changed', column: 'id', from: '20', to: 'int4' }],
      replica_identity: 'default',
      primary_key: ['id'],
      columns: [
        { name: 'id', position: 1, type: 'int4', type_oid: 23, type_modifier: -1, optional: false, default: null },
        { name: 'note', type: '25', optional: true },
        { name: 'n', default: '7' },
      ],
    });
  });
});
