/** Every type in every mode, from the text the server prints to JSON; what has no place is refused. */

import { isUtf8 } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { compileType } from '../../../../connectors/postgres-source/values/compile-type.ts';
import { JsonOutput } from '../../../../connectors/postgres-source/values/json-output.ts';
import { debeziumModes, type ValueModes } from '../../../../connectors/postgres-source/values/modes.ts';
import type { PgType, TypeLookup } from '../../../../connectors/postgres-source/values/pg-type.ts';
import { defaultVectors, modeVectors } from './type-vectors.ts';

const noTypes: TypeLookup = { get: () => undefined };

function lookup(...types: PgType[]): TypeLookup {
  const byOid = new Map(types.map((type) => [type.oid, type]));
  return { get: (oid) => byOid.get(oid) };
}

function base(oid: number, name: string): PgType {
  return { oid, schema: 'public', name, kind: 'base' };
}

function written(text: string, oid: number, modifier: number, types: TypeLookup, modes: Partial<ValueModes>): string {
  const compiled = compileType(oid, modifier, types, { ...debeziumModes, ...modes });
  if (compiled === null) throw new Error('left out');
  const out = new JsonOutput(16);
  const bytes = Buffer.from(`<${text}>`);
  compiled.write(out, bytes, 1, bytes.length - 1);
  return out.bytes.toString('utf8', 0, out.end);
}

describe('every type of the server', () => {
  test.each(defaultVectors)('$type $literal', ({ oid, modifier = -1, text, json, schema }) => {
    expect(written(text, oid, modifier, noTypes, {})).toBe(json);
    const compiled = compileType(oid, modifier, noTypes, debeziumModes);
    expect(compiled?.schema.name ?? compiled?.schema.type).toBe(schema);
  });

  test.each(modeVectors)('$type $literal, $modes', ({ oid, modifier = -1, text, json, schema, modes = {} }) => {
    expect(written(text, oid, modifier, noTypes, modes)).toBe(json);
    const compiled = compileType(oid, modifier, noTypes, { ...debeziumModes, ...modes });
    expect(compiled?.schema.name ?? compiled?.schema.type).toBe(schema);
  });
});

describe('types of a database', () => {
  test('hstore in both modes', () => {
    const types = lookup(base(90_000, 'hstore'));
    const text = '"k"=>"v \\"q\\"", "n"=>NULL';
    expect(written(text, 90_000, -1, types, {})).toBe('"{\\"k\\":\\"v \\\\\\"q\\\\\\"\\",\\"n\\":null}"');
    expect(written(text, 90_000, -1, types, { hstore: 'map' })).toBe('{"k":"v \\"q\\"","n":null}');
    expect(written('', 90_000, -1, types, { hstore: 'map' })).toBe('{}');
  });

  test('enum, ltree, citext, isbn', () => {
    const color: PgType = { ...base(1, 'color'), kind: 'enum', labels: ['red', 'blue'] };
    expect(written('red', 90_001, -1, lookup({ ...color, oid: 90_001 }), {})).toBe('"red"');
    expect(compileType(90_001, -1, lookup({ ...color, oid: 90_001 }), debeziumModes)?.schema).toEqual({
      type: 'string',
      name: 'io.debezium.data.Enum',
      version: 1,
      parameters: { allowed: 'red,blue' },
    });
    expect(written('Top.Science', 90_002, -1, lookup(base(90_002, 'ltree')), {})).toBe('"Top.Science"');
    expect(written('Hello World', 90_003, -1, lookup(base(90_003, 'citext')), {})).toBe('"Hello World"');
    expect(written('0-393-04002-X', 90_004, -1, lookup(base(90_004, 'isbn')), {})).toBe('"0-393-04002-X"');
  });

  test('domains take the modifier they were declared with, arrays of them too', () => {
    const price: PgType = {
      ...base(90_010, 'price'),
      kind: 'domain',
      baseOid: 1700,
      baseModifier: ((6 << 16) | 2) + 4,
    };
    const nested: PgType = { ...base(90_011, 'net_price'), kind: 'domain', baseOid: 90_010, baseModifier: -1 };
    const prices: PgType = { ...base(90_012, '_price'), kind: 'array', elementOid: 90_010 };
    const types = lookup(price, nested, prices);
    expect(written('1.10', 90_010, -1, types, {})).toBe('"bg=="');
    expect(written('1.10', 90_011, -1, types, {})).toBe('"bg=="');
    expect(written('{1.10,NULL}', 90_012, -1, types, {})).toBe('["bg==",null]');
  });

  test('composites: left out, or objects', () => {
    const pair: PgType = {
      ...base(90_020, 'pair'),
      kind: 'composite',
      attributes: [
        { name: 'id', typeOid: 23, typeModifier: -1 },
        { name: 'no "te', typeOid: 25, typeModifier: -1 },
        { name: 'tags', typeOid: 1009, typeModifier: -1 },
      ],
    };
    expect(compileType(90_020, -1, lookup(pair), debeziumModes)).toBeNull();
    expect(written('(1,"x,""y""","{a,\\"b c\\"}")', 90_020, -1, lookup(pair), { composites: 'object' })).toBe(
      '{"id":1,"no \\"te":"x,\\"y\\"","tags":["a","b c"]}',
    );
    expect(written('(,"",)', 90_020, -1, lookup(pair), { composites: 'object' })).toBe(
      '{"id":null,"no \\"te":"","tags":null}',
    );
  });

  test('PostGIS and pgvector', () => {
    const types = lookup(
      base(90_030, 'geometry'),
      base(90_031, 'vector'),
      base(90_032, 'halfvec'),
      base(90_033, 'sparsevec'),
      base(90_034, 'geography'),
    );
    const ewkb = Buffer.from('AQEAACBzDAAAHHxhMlXeZUB4eqUsQ1xCwA==', 'base64').toString('hex').toUpperCase();
    expect(written(ewkb, 90_030, -1, types, {})).toBe(
      '{"wkb":"AQEAACBzDAAAHHxhMlXeZUB4eqUsQ1xCwA==","srid":3187,"extensions":null}',
    );
    expect(written(ewkb, 90_034, -1, types, {})).toBe('{"wkb":"AQEAACBzDAAAHHxhMlXeZUB4eqUsQ1xCwA==","srid":3187}');
    expect(written('[1,2.5,-3e-05]', 90_031, -1, types, {})).toBe('[1.0,2.5,-3e-05]');
    expect(written('[]', 90_032, -1, types, {})).toBe('[]');
    expect(written('{1:1.5,3:2}/5', 90_033, -1, types, {})).toBe('{"dimensions":5,"vector":[[1,1.5],[3,2.0]]}');
    expect(written('{}/5', 90_033, -1, types, {})).toBe('{"dimensions":5,"vector":[]}');
  });

  test('multiranges and ranges of the database are text', () => {
    const type: PgType = { ...base(90_040, 'int4multirange'), kind: 'multirange' };
    expect(written('{[1,3),[5,9)}', 90_040, -1, lookup(type), {})).toBe('"{[1,3),[5,9)}"');
  });

  test('boxes in arrays are divided by semicolons', () => {
    expect(written('{(1,1),(0,0);(3,3),(2,2)}', 1020, -1, noTypes, {}).match(/"type":"box"/g)).toHaveLength(2);
  });
});

describe('databases of encoding SQL_ASCII', () => {
  const modes = { encoding: 'unknown' } as const;
  const bytes = Buffer.from([0x7b, 0x61, 0xff, 0x2c, 0xc3, 0xa9, 0x7d]);
  const writtenOf = (oid: number) => {
    const out = new JsonOutput(16);
    compileType(oid, -1, noTypes, { ...debeziumModes, ...modes })?.write(out, bytes, 0, bytes.length);
    return out.bytes.subarray(0, out.end);
  };

  test('what is no UTF-8 is replaced, the rest stays', () => {
    expect(writtenOf(25).toString()).toBe('"{a\ufffd,é}"');
    expect(writtenOf(1009).toString()).toBe('["a\ufffd","é"]');
    expect(isUtf8(writtenOf(25))).toBe(true);
    expect(written('fine é', 25, -1, noTypes, modes)).toBe('"fine é"');
  });
});

describe('what stands for values that are not there', () => {
  const placeholder = debeziumModes.placeholder;
  test.each([
    [25, JSON.stringify(placeholder)],
    [3802, JSON.stringify(placeholder)],
    [17, JSON.stringify(Buffer.from(placeholder).toString('base64'))],
    [1009, JSON.stringify([placeholder])],
    [1007, JSON.stringify([...Buffer.from(placeholder)])],
    [1016, JSON.stringify([...Buffer.from(placeholder)])],
    [2951, 'a uuid'],
    [1700, null],
  ])('of type %i', (oid, expected) => {
    const made = compileType(oid, -1, noTypes, debeziumModes)?.placeholder;
    if (oid === 2951)
      expect(made).toMatch(/^\["[0-9a-f]{8}-[0-9a-f]{4}-3[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"\]$/);
    else expect(made).toBe(expected);
  });
});

describe('values without a place', () => {
  test.each([
    ['NaN in an exact decimal', 1700, -1, 'NaN', {}],
    ['Infinity in an exact decimal', 1700, -1, 'Infinity', {}],
    ['a timestamp beyond nanoseconds', 1114, -1, '2262-04-11 23:47:16.854776', { time: 'nanoseconds' }],
    ['a timestamp before nanoseconds', 1114, -1, '1677-09-21 00:12:43.145223', { time: 'nanoseconds' }],
    ['a timestamp beyond microseconds', 1114, -1, '294276-12-31 00:00:00', {}],
    ['several dimensions', 1007, -1, '{{1},{2}}', {}],
    ['an endless interval', 1186, -1, 'infinity', {}],
    ['an interval beyond 64 bits', 1186, -1, '178000000 years', {}],
  ] as const)('%s is refused', (_, oid, modifier, text, modes) => {
    expect(() => written(text, oid, modifier, noTypes, modes)).toThrow(
      expect.objectContaining({ name: 'Unrepresentable' }),
    );
  });

  test('the ends of nanoseconds are not', () => {
    const modes = { time: 'nanoseconds' } as const;
    expect(written('2262-04-11 23:47:16.854775', 1114, -1, noTypes, modes)).toBe('9223372036854775000');
    expect(written('1677-09-21 00:12:43.145225', 1114, -1, noTypes, modes)).toBe('-9223372036854775000');
  });
});
