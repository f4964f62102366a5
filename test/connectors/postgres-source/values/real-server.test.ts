/** The vectors of types on real servers with hostile defaults: what a SELECT, COPY and pgoutput print becomes the same JSON. */

import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileTable } from '../../../../connectors/postgres-source/envelope/compile-table.ts';
import { envelopeOptions } from '../../../../connectors/postgres-source/envelope/options.ts';
import { CopyOut } from '../../../../connectors/postgres-source/snapshot/copy-out.ts';
import { compileType } from '../../../../connectors/postgres-source/values/compile-type.ts';
import { JsonOutput } from '../../../../connectors/postgres-source/values/json-output.ts';
import { debeziumModes } from '../../../../connectors/postgres-source/values/modes.ts';
import { type PostgresServer, postgresVersions, startPostgres } from '../../../kits/postgres-server.ts';
import { peekChanges } from '../peek-changes.ts';
import { catalogOf, pinnedSettings, shapeOf } from '../small-catalog.ts';
import { facts, KeptRecords, tuple } from '../tuples.ts';
import { defaultVectors, modeVectors, type TypeVector } from './type-vectors.ts';

const hostile = {
  TimeZone: 'Asia/Kolkata',
  DateStyle: 'German',
  IntervalStyle: 'sql_standard',
  extra_float_digits: '-2',
  bytea_output: 'escape',
};

/** One column can be of a type only once where the modes differ; so each vector has a column. */
const vectors: readonly TypeVector[] = [...defaultVectors, ...modeVectors];
const names = vectors.map((_, i) => `c${i}`);

describe.each(postgresVersions)('Postgres %i', (version) => {
  let server: PostgresServer;
  let client: pg.Client;

  beforeAll(async () => {
    server = await startPostgres({ version, settings: hostile });
    client = await server.connect();
    for (const setting of pinnedSettings) await client.query(setting);
    await client.query(`CREATE TABLE types (${vectors.map(({ type }, i) => `c${i} ${type}`).join(', ')})`);
    await client.query('CREATE PUBLICATION p FOR ALL TABLES');
    await client.query("SELECT pg_create_logical_replication_slot('s', 'pgoutput')");
    const literals = vectors.map(({ literal }) => `'${literal.replaceAll("'", "''")}'`);
    await client.query(`INSERT INTO types VALUES (${literals.join(', ')})`);
  });

  afterAll(async () => {
    await client?.end();
    await server?.close();
  });

  test('the object ids and modifiers are the server’s', async () => {
    const { rows } = await client.query<Record<string, string>>(
      "SELECT attname, atttypid::text AS oid, atttypmod::text AS modifier FROM pg_attribute WHERE attrelid = 'types'::regclass AND attnum > 0 ORDER BY attnum",
    );
    expect(rows.map((row) => [row['attname'], Number(row['oid']), Number(row['modifier'])])).toEqual(
      vectors.map(({ oid, modifier = -1 }, i) => [names[i], oid, modifier]),
    );
  });

  test('as a SELECT prints them', async () => {
    const { rows } = await client.query<Record<string, string>>('SELECT * FROM types');
    const printed = vectors.map(({ type, literal }, i) => ({ type, literal, text: rows[0]?.[`c${i}`] }));
    expect(printed).toEqual(vectors.map(({ type, literal, text }) => ({ type, literal, text })));
    expect(vectors.map((vector, i) => written(vector, Buffer.from(rows[0]?.[`c${i}`] ?? '')))).toEqual(
      vectors.map(({ json }) => json),
    );
  });

  test('as COPY prints them', async () => {
    let ready = Promise.withResolvers<void>();
    const copy = new CopyOut(client, 'SELECT * FROM types', vectors.length, () => ready.resolve());
    const made: string[][] = [];
    while (!copy.isDone) {
      for (let row = copy.next(); row !== null; row = copy.next()) {
        const { bytes, starts, ends } = row;
        made.push(vectors.map((vector, i) => written(vector, bytes.subarray(starts[i], ends[i]))));
      }
      if (copy.isDone) break;
      await ready.promise;
      ready = Promise.withResolvers();
    }
    expect(made).toEqual([vectors.map(({ json }) => json)]);
  });

  test('as pgoutput prints them', async () => {
    const changes = await peekChanges(client, 's', 'p');
    const row = changes.flatMap((change) => (change.kind === 'row' && change.after !== null ? [change.after] : []))[0];
    expect(
      vectors.map((vector, i) => written(vector, row?.bytes.subarray(row.starts[i], row.ends[i]) ?? Buffer.alloc(0))),
    ).toEqual(vectors.map(({ json }) => json));
  });

  test('intervals in ISO 8601 mean the same', async () => {
    await client.query("SET IntervalStyle = 'iso_8601'");
    const { rows } = await client.query<Record<string, string>>('SELECT * FROM types');
    await client.query("SET IntervalStyle = 'postgres'");
    const intervals = vectors.flatMap((vector, i) =>
      vector.type === 'interval' ? [{ vector, text: rows[0]?.[`c${i}`] }] : [],
    );
    expect(intervals.map(({ text }) => text)).toContain('P1Y2M3DT4H5M6.78S');
    expect(intervals.map(({ vector, text }) => written(vector, Buffer.from(text ?? '')))).toEqual(
      intervals.map(({ vector }) => vector.json),
    );
  });

  test('texts of any bytes, in a database of encoding SQL_ASCII', async () => {
    await client.query("CREATE DATABASE any_bytes ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'");
    const there = await server.connect('any_bytes');
    for (const setting of pinnedSettings) await there.query(setting);
    // In UTF8 the server would refuse to send them.
    await there.query("SET client_encoding = 'SQL_ASCII'");
    await there.query("CREATE TABLE b (t text); INSERT INTO b VALUES (convert_from('\\x61ff62', 'SQL_ASCII'))");
    await there.query('CREATE PUBLICATION p FOR ALL TABLES');
    await there.query("SELECT pg_create_logical_replication_slot('bytes', 'pgoutput')");
    await there.query("INSERT INTO b VALUES (convert_from('\\xc3a9ff', 'SQL_ASCII'))");
    const changes = await peekChanges(there, 'bytes', 'p');
    await there.query("SELECT pg_drop_replication_slot('bytes')");
    await there.end();
    const row = changes.flatMap((change) => (change.kind === 'row' && change.after !== null ? [change.after] : []))[0];
    const text: TypeVector = {
      type: 'text',
      oid: 25,
      literal: '',
      text: '',
      json: '',
      schema: '',
      modes: { encoding: 'unknown' },
    };
    expect(written(text, row?.bytes.subarray(row.starts[0], row.ends[0]) ?? Buffer.alloc(0))).toBe('"é\ufffd"');
  });

  test('types of the database itself: enum, domain, composite, multirange, extensions', async () => {
    await client.query(
      'CREATE EXTENSION hstore; CREATE EXTENSION ltree; CREATE EXTENSION citext; CREATE EXTENSION isn',
    );
    await client.query(
      "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN price AS numeric(6,2); CREATE TYPE pair AS (a int, b text)",
    );
    await client.query(
      `CREATE TABLE own (e mood, d price, ds price[], c pair, m int4multirange, h hstore, l ltree, t citext, i isbn, es mood[])`,
    );
    await client.query(
      `INSERT INTO own VALUES ('ok', 5, '{1.1,2}', ROW(1, 'x,"y"'), '{[1,3),[5,9)}', '"k"=>"v ""q""", "n"=>NULL', 'Top.Science', 'Hello', '978-0-393-04002-9', '{sad,ok}')`.replace(
        '""q""',
        '\\"q\\"',
      ),
    );
    const { rows } = await client.query<Record<string, string>>('SELECT * FROM own');
    const options = envelopeOptions({
      prefix: 'p',
      version: '0',
      database: 'd',
      keySchemas: false,
      valueSchemas: false,
      types: await catalogOf(client),
      modes: { ...debeziumModes, composites: 'object' },
    });
    const target = new KeptRecords();
    const none = { primaryKey: [], notNull: new Set<string>(), defaults: new Map<string, string>() };
    compileTable(await shapeOf(client, 'own'), none, options).encode(
      facts({}),
      null,
      tuple(...Object.values(rows[0] ?? {})),
      target,
    );
    const { after } = JSON.parse(target.records[0]?.value ?? '') as { after: unknown };
    expect(after).toEqual({
      e: 'ok',
      d: 'AfQ=',
      ds: ['bg==', 'AMg='],
      c: { a: 1, b: 'x,"y"' },
      m: '{[1,3),[5,9)}',
      h: '{"k":"v \\"q\\"","n":null}',
      l: 'Top.Science',
      t: 'Hello',
      i: '0-393-04002-X',
      es: ['sad', 'ok'],
    });
  });
});

function written({ oid, modifier = -1, modes }: TypeVector, text: Buffer): string {
  const out = new JsonOutput(16);
  compileType(oid, modifier, { get: () => undefined }, { ...debeziumModes, ...modes })?.write(
    out,
    text,
    0,
    text.length,
  );
  return out.bytes.toString('utf8', 0, out.end);
}
