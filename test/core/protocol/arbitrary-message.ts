/** Random values of any message table in any version, as encoding takes them and decoding must give them back. */

import fc from 'fast-check';
import {
  type FieldSpec,
  type Fields,
  type FieldType,
  type ScalarType,
  zeroUuid,
} from '../../../core/protocol/field.ts';

const scalars: Readonly<Record<ScalarType, fc.Arbitrary<unknown>>> = {
  int8: fc.integer({ min: -128, max: 127 }),
  int16: fc.integer({ min: -32_768, max: 32_767 }),
  int32: fc.integer({ min: -2_147_483_648, max: 2_147_483_647 }),
  int64: fc.maxSafeInteger(),
  float64: fc.double({ noNaN: true }),
  boolean: fc.boolean(),
  string: fc.string({ unit: 'grapheme', maxLength: 12 }),
  bytes: fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
  uuid: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
  // Long enough at times to go by reference.
  records: fc.oneof(
    fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
    fc.integer({ min: 1000, max: 1100 }).map((length) => Buffer.alloc(length, 7)),
    fc.constant(null),
  ),
};

/** Values for one version: fields it lacks have their default, the others anything. */
export function arbitraryMessage(fields: Fields, version: number): fc.Arbitrary<Record<string, unknown>> {
  const members = Object.entries(fields).map(([name, { spec }]) => [name, arbitraryField(spec, version)] as const);
  // The records of fast-check have no prototype; decoded messages do.
  return fc.record(Object.fromEntries(members)).map((value) => ({ ...value }));
}

function arbitraryField(spec: FieldSpec, version: number): fc.Arbitrary<unknown> {
  if (version < spec.fromVersion || version > spec.toVersion) return fc.constant(defaultOf(spec));
  const value = arbitraryType(spec.type, version);
  return version >= spec.nullableFrom ? fc.option(value, { freq: 4, nil: null }) : value;
}

function arbitraryType(type: FieldType, version: number): fc.Arbitrary<unknown> {
  if (type.kind === 'scalar') return scalars[type.scalar];
  if (type.kind === 'struct') return arbitraryMessage(type.fields, version);
  return fc.array(arbitraryType(type.element, version), { maxLength: 3 });
}

export function defaultOf(spec: FieldSpec): unknown {
  if (spec.defaultValue !== undefined) return spec.defaultValue;
  if (spec.nullableFrom < Number.POSITIVE_INFINITY) return null;
  if (spec.type.kind === 'array') return [];
  if (spec.type.kind === 'struct') {
    return Object.fromEntries(Object.entries(spec.type.fields).map(([name, field]) => [name, defaultOf(field.spec)]));
  }
  const defaults: Partial<Record<ScalarType, unknown>> = {
    boolean: false,
    string: '',
    bytes: Buffer.alloc(0),
    uuid: zeroUuid,
    records: null,
  };
  return defaults[spec.type.scalar] ?? 0;
}
