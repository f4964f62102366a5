/** Reselecting unchanged TOAST values: from pgoutput's tuple to the row that is written, against real servers. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  filledTuple,
  reselectQuery,
  unsentPositions,
} from '../../../../connectors/postgres-source/envelope/reselect.ts';
import { type PostgresServer, startPostgres } from '../../../kits/postgres-server.ts';
import { shape, tuple, unchanged } from '../tuples.ts';

const table = {
  ...shape({ 'id*': 20, 'part*': 2950, doc: 3802, note: 25, 'a "b"': 1184 }),
  schema: 'public',
  table: 'ta"ble',
};
const part = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11';

test('what was not sent, unless the old row tells', () => {
  const after = tuple('1', part, unchanged, unchanged, 'x');
  expect(unsentPositions(after, null)).toEqual([2, 3]);
  expect(unsentPositions(after, tuple('1', part, '{}', null, 'x'))).toEqual([3]);
  expect(unsentPositions(tuple('1', null), null)).toEqual([]);
});

test('rows without a key cannot be asked for', () => {
  expect(reselectQuery(table, [], tuple('1'), [0])).toBeNull();
  expect(reselectQuery(table, ['id'], tuple(null), [0])).toBeNull();
  expect(reselectQuery(table, ['gone'], tuple('1'), [0])).toBeNull();
});

describe('a real table', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres({ version: 18 });
    await server.query(
      'CREATE TABLE "ta""ble" (id bigint, part uuid, doc jsonb, note text, "a ""b""" timestamptz, PRIMARY KEY (id, part))',
    );
    await server.query(
      `INSERT INTO "ta""ble" VALUES (9007199254740993, '${part}', '{"a": 1.10}', NULL, '2016-11-04 13:51:30+00')`,
    );
  });

  afterAll(() => server?.close());

  test('gives the values in the text of their types', async () => {
    const sent = tuple('9007199254740993', part, unchanged, unchanged, unchanged);
    const positions = unsentPositions(sent, null);
    const query = reselectQuery(table, ['id', 'part'], sent, positions);
    const client = await server.connect();
    await client.query("SET TimeZone = 'UTC'");
    const { rows } = await client.query<Record<string, string | null>>(query?.text ?? '', [...(query?.values ?? [])]);
    await client.end();
    const filled = filledTuple(
      sent,
      positions,
      positions.map((position) => rows[0]?.[table.columns[position]?.name ?? ''] ?? null),
    );
    const values = [...filled.kinds].map((kind, i) =>
      kind === 0x74 ? filled.bytes.toString('utf8', filled.starts[i], filled.ends[i]) : kind,
    );
    expect(values).toEqual(['9007199254740993', part, '{"a": 1.10}', 0x6e, '2016-11-04 13:51:30+00']);
  });
});
