/** The lean format to the byte. */

import { expect, test } from 'vitest';
import { compileTable } from '../../../../connectors/postgres-source/envelope/compile-table.ts';
import { envelopeOptions } from '../../../../connectors/postgres-source/envelope/options.ts';
import { facts, KeptRecords, shape, tuple, unchanged } from '../tuples.ts';

const table = shape({ 'id*': 20, price: [1700, 655366], at: 1114, doc: 3802, grid: 1007, q: 3615 });
const options = envelopeOptions({
  format: 'lean',
  prefix: 'shop',
  version: '0.1.0',
  database: 'store',
  types: { get: () => undefined },
});

function encoded(
  ...args: Parameters<ReturnType<typeof compileTable>['encode']> extends [infer C, infer B, infer A, ...unknown[]]
    ? [C, B, A]
    : never
) {
  const target = new KeptRecords();
  const known = { primaryKey: ['id'], notNull: new Set(['id']), defaults: new Map<string, string>() };
  compileTable(table, known, options).encode(...args, target);
  return target.records;
}

test('nothing is lost or left out', () => {
  const row = tuple('9223372036854775807', '1.10', '2016-11-04 13:51:30.5', '{"a": 1.10}', '{{1},{2}}', "'cat'");
  expect(encoded(facts({ lsn: 0x16_b374_d848n, rowIndex: 3 }), null, row)).toEqual([
    {
      topic: 'shop.public.orders',
      key: '{"id":9223372036854775807}',
      value:
        '{"op":"c","schema":"public","table":"orders","ts_us":1700000000123456,"tx":571,"lsn":"16/B374D848","row":3,' +
        '"after":{"id":9223372036854775807,"price":"1.10","at":"2016-11-04T13:51:30.5","doc":{"a": 1.10},' +
        `"grid":[[1],[2]],"q":"'cat'"}}`,
      headers: null,
    },
  ]);
});

test('what an update leaves unset is named', () => {
  const records = encoded(
    facts({ op: 'u', lsn: null, transactionId: null }),
    null,
    tuple('1', null, null, unchanged, null, null),
  );
  expect(records[0]?.value).toBe(
    '{"op":"u","schema":"public","table":"orders","ts_us":1700000000123456,"row":0,' +
      '"after":{"id":1,"price":null,"at":null,"grid":null,"q":null},"unset":["doc"]}',
  );
});

test('deletes have what was sent of the old row, snapshots say so', () => {
  const deleted = encoded(facts({ op: 'd', lsn: null }), tuple('1', null, null, null, null, null), null);
  expect(deleted[0]?.value).toContain('"before":{"id":1}}');
  expect(deleted[1]).toMatchObject({ key: '{"id":1}', value: null });
  const read = encoded(facts({ op: 'r', snapshot: 'first' }), null, tuple('1', null, null, null, null, null));
  expect(read[0]?.value).toContain('"snapshot":"first","after":{');
});
