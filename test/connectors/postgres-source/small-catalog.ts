/** Types and tables as the server's catalog has them, by the simplest means. */

import type pg from 'pg';
import type { TableFacts } from '../../../connectors/postgres-source/envelope/change.ts';
import type { TableShape } from '../../../connectors/postgres-source/row.ts';
import type { PgType, TypeLookup } from '../../../connectors/postgres-source/values/pg-type.ts';

/** What encodings depend on and printed texts too. */
export const pinnedSettings = [
  "SET client_encoding = 'UTF8'",
  "SET TimeZone = 'UTC'",
  "SET DateStyle = 'ISO'",
  "SET IntervalStyle = 'postgres'",
  'SET extra_float_digits = 1',
  "SET bytea_output = 'hex'",
  "SET lc_monetary = 'C'",
];

export async function shapeOf(client: pg.Client, table: string): Promise<TableShape> {
  const { rows } = await client.query<Record<string, string>>(
    'SELECT attname, atttypid::text AS oid, atttypmod::text AS modifier FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum',
    [table],
  );
  const columns = rows.map((row) => ({
    name: row['attname'] ?? '',
    typeOid: Number(row['oid']),
    typeModifier: Number(row['modifier']),
    isKey: false,
  }));
  return { tableOid: 1, schema: 'public', table, replicaIdentity: 'default', columns };
}

export async function catalogOf(client: pg.Client): Promise<TypeLookup> {
  const { rows } = await client.query<Record<string, string>>(
    `SELECT t.oid::text, nspname, typname, typtype, typcategory, typelem::text, typbasetype::text, typtypmod::text,
       coalesce((SELECT json_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid), '[]') AS labels,
       coalesce((SELECT json_agg(json_build_array(attname, atttypid::bigint, atttypmod) ORDER BY attnum) FROM pg_attribute
         WHERE attrelid = typrelid AND typrelid > 0 AND attnum > 0 AND NOT attisdropped), '[]') AS attributes
     FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace`,
  );
  const kinds: Readonly<Record<string, PgType['kind']>> = {
    e: 'enum',
    d: 'domain',
    c: 'composite',
    r: 'range',
    m: 'multirange',
  };
  const types = rows.map((row): PgType => {
    const attributes = JSON.parse(row['attributes'] ?? '[]') as [string, number, number][];
    return {
      oid: Number(row['oid']),
      schema: row['nspname'] ?? '',
      name: row['typname'] ?? '',
      kind: row['typcategory'] === 'A' ? 'array' : (kinds[row['typtype'] ?? ''] ?? 'base'),
      elementOid: Number(row['typelem']),
      baseOid: Number(row['typbasetype']),
      baseModifier: Number(row['typtypmod']),
      labels: JSON.parse(row['labels'] ?? '[]') as string[],
      attributes: attributes.map(([name, typeOid, typeModifier]) => ({ name, typeOid, typeModifier })),
    };
  });
  const byOid = new Map(types.map((type) => [type.oid, type]));
  return { get: (oid) => byOid.get(oid) };
}

export async function factsOf(client: pg.Client, table: string): Promise<TableFacts> {
  const { rows } = await client.query<Record<string, string | null>>(
    `SELECT attname, CASE WHEN attnotnull THEN 't' END AS required, pg_get_expr(adbin, adrelid) AS standard,
       (SELECT array_position(indkey::int2[], attnum)::text FROM pg_index WHERE indrelid = attrelid AND indisprimary) AS place
     FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
     WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum`,
    [table],
  );
  const keyed = rows.filter(({ place }) => place !== null && place !== undefined);
  keyed.sort((a, b) => Number(a['place']) - Number(b['place']));
  const names = (list: typeof rows) => list.map((row) => row['attname'] ?? '');
  return {
    primaryKey: names(keyed),
    notNull: new Set(names(rows.filter(({ required }) => required === 't'))),
    defaults: new Map(
      rows.flatMap(({ attname, standard }) => (attname && standard ? [[attname, standard] as const] : [])),
    ),
  };
}
