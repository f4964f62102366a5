/** Geometric types, and types of extensions, which are known by name because their object ids differ between databases. */

import { type Codec, codec, textCodec } from './codec.ts';
import { bytes, type ConnectSchema, double, int32, logical, optional, string, struct } from './connect-schema.ts';
import { postgisWriter, shapeWriter, writeCircle, writeLine, writePoint } from './geometry.ts';
import { hstoreWriter } from './hstore.ts';
import type { ValueModes } from './modes.ts';
import { type CodecMaker, characters, named, plainText } from './scalar-codecs.ts';
import { oids } from './type-oids.ts';
import { writeSparseVector, writeVector } from './vectors.ts';

const geometryPrefix = 'io.debezium.data.geometry.';

const pointSchema: ConnectSchema = {
  ...struct(`${geometryPrefix}Point`, { x: double, y: double, wkb: optional(bytes), srid: optional(int32) }),
  version: 1,
  doc: 'Geometry (POINT)',
};

const geometrySchema: ConnectSchema = {
  ...struct(`${geometryPrefix}Geometry`, {
    wkb: bytes,
    srid: optional(int32),
    extensions: { type: 'map', keys: string, values: string, optional: true },
  }),
  version: 2,
  doc: 'Geometry',
  optional: true,
};

const geographySchema: ConnectSchema = {
  ...struct(`${geometryPrefix}Geography`, { wkb: bytes, srid: optional(int32) }),
  version: 1,
  doc: 'Geography',
};

const circleSchema: ConnectSchema = {
  ...struct(`${geometryPrefix}Circle`, { center: pointSchema, radius: double }),
  version: 1,
  doc: 'Geometry (CIRCLE)',
  optional: true,
};

const lineSchema: ConnectSchema = {
  ...struct(`${geometryPrefix}Line`, { a: double, b: double, c: double }),
  version: 1,
  doc: 'Geometry (LINE)',
  optional: true,
};

const zeroPoint = '{"x":0.0,"y":0.0,"wkb":"AQEAAAAAAAAAAAAAAAAAAAAAAAAA","srid":null}';

export const geometricCodecs: ReadonlyMap<number, CodecMaker> = new Map<number, CodecMaker>([
  [oids.point, () => codec(pointSchema, writePoint, zeroPoint)],
  [oids.box, () => codec(geometrySchema, shapeWriter('box'), 'null')],
  [oids.lseg, () => codec(geometrySchema, shapeWriter('lseg'), 'null')],
  [oids.path, () => codec(geometrySchema, shapeWriter('path'), 'null')],
  [oids.polygon, () => codec(geometrySchema, shapeWriter('polygon'), 'null')],
  [oids.circle, () => codec(circleSchema, writeCircle, 'null')],
  [oids.line, () => codec(lineSchema, writeLine, 'null')],
]);

/** Types of well-known extensions by their name, whatever schema the extension is in. */
export const namedCodecs: ReadonlyMap<string, CodecMaker> = new Map<string, CodecMaker>([
  ['citext', characters],
  ['isbn', plainText],
  ['isbn13', plainText],
  ['ltree', named('io.debezium.data.Ltree')],
  ['hstore', hstoreCodec],
  ['geometry', () => codec(geometrySchema, postgisWriter(true), 'null')],
  ['geography', () => codec(geographySchema, postgisWriter(false), '{"wkb":"","srid":null}')],
  ['vector', () => codec(vectorOf('double', 'DoubleVector'), writeVector, '[]')],
  ['halfvec', () => codec(vectorOf('float', 'FloatVector'), writeVector, '[]')],
  ['sparsevec', () => codec(sparseSchema, writeSparseVector, '{"dimensions":0,"vector":[]}')],
]);

function hstoreCodec(modes: ValueModes): Codec {
  const write = hstoreWriter(modes.hstore);
  const object = JSON.stringify({ [modes.placeholder]: modes.placeholder });
  if (modes.hstore === 'map') {
    const schema: ConnectSchema = { type: 'map', keys: string, values: optional(string) };
    return { ...codec(schema, write, '{}'), placeholder: object };
  }
  return {
    ...textCodec(modes.placeholder, logical('string', 'io.debezium.data.Json'), '"{}"'),
    write,
    placeholder: JSON.stringify(object),
  };
}

function vectorOf(type: 'double' | 'float', name: string): ConnectSchema {
  return { ...logical('array', `io.debezium.data.${name}`), items: { type } };
}

const sparseSchema: ConnectSchema = {
  ...struct('io.debezium.data.SparseDoubleVector', {
    dimensions: { type: 'int16' },
    vector: { type: 'map', keys: { type: 'int16' }, values: double },
  }),
  version: 1,
  doc: 'Sparse double vector',
};
