/** What encoder and decoder generation share: names, collected source, and questions to a field. */

import type { FieldSpec, Fields, FieldType, ScalarType } from './field.ts';

/** Collects the source of one message in one version. */
export class SourceBuilder {
  readonly version: number;
  readonly flexible: boolean;
  #lines: string[] = [];
  #names = 0;

  constructor(version: number, flexible: boolean) {
    this.version = version;
    this.flexible = flexible;
  }

  get text(): string {
    return this.#lines.join('\n');
  }

  newName(stem: string): string {
    this.#names += 1;
    return `${stem}${this.#names}`;
  }

  add(...lines: string[]): void {
    this.#lines.push(...lines);
  }

  /** An array element as a field: in every version the array has, never null. */
  elementSpec(type: FieldType): FieldSpec {
    return {
      type,
      fromVersion: 0,
      toVersion: Number.POSITIVE_INFINITY,
      nullableFrom: Number.POSITIVE_INFINITY,
      isOptional: false,
      defaultValue: undefined,
      isIgnorable: false,
      tag: undefined,
    };
  }
}

export function hasField(spec: FieldSpec, version: number): boolean {
  return version >= spec.fromVersion && version <= spec.toVersion;
}

export function isNullable(spec: FieldSpec, version: number): boolean {
  return version >= spec.nullableFrom;
}

type NamedSpec = readonly [name: string, spec: FieldSpec];

/** The fields a version has: those in line in wire order, and those in the tag section in tag order. */
export function fieldsOfVersion(fields: Fields, version: number): { inline: NamedSpec[]; tagged: NamedSpec[] } {
  const inline: NamedSpec[] = [];
  const tagged: NamedSpec[] = [];
  for (const [name, { spec }] of Object.entries(fields)) {
    if (!hasField(spec, version)) continue;
    if (spec.tag === undefined) inline.push([name, spec]);
    else tagged.push([name, spec]);
  }
  tagged.sort(([, a], [, b]) => a.tag! - b.tag!);
  return { inline, tagged };
}

/** The source of a default value; a struct is frozen, so that one may stand for all. */
export function defaultSource(spec: FieldSpec): string {
  if (spec.defaultValue !== undefined) return JSON.stringify(spec.defaultValue);
  if (spec.nullableFrom !== Number.POSITIVE_INFINITY) return 'null';
  const { type } = spec;
  if (type.kind === 'array') return '[]';
  if (type.kind === 'struct') {
    const members = Object.entries(type.fields).map(([name, field]) => `${name}: ${defaultSource(field.spec)}`);
    return `Object.freeze({ ${members.join(', ')} })`;
  }
  switch (type.scalar) {
    case 'string':
      return "''";
    case 'boolean':
      return 'false';
    case 'bytes':
      return 'noBytes';
    case 'uuid':
      return 'zeroUuid';
    default:
      return '0';
  }
}

/** The source of a test whether the value in the variable `name` says no more than the default. */
export function isDefaultSource(spec: FieldSpec, name: string): string {
  const { type } = spec;
  const isNullDefault = spec.defaultValue === null || (spec.defaultValue === undefined && spec.nullableFrom < Infinity);
  if (isNullDefault) return `${name} === null`;
  if (type.kind === 'array') return `${name}.length === 0`;
  if (type.kind === 'scalar' && type.scalar === 'bytes') return `${name}.length === 0`;
  if (type.kind === 'scalar') return `${name} === ${defaultSource(spec)}`;
  const tests = Object.entries(type.fields).map(([member, field]) => {
    const path = `${name}.${member}`;
    return `(${path} === undefined || ${isDefaultSource(field.spec, path)})`;
  });
  return `(${tests.join(' && ')})`;
}

/** The method for a scalar, which reader and writer have under the same name. */
export function scalarMethod(scalar: ScalarType, flexible: boolean, nullable: boolean): string {
  switch (scalar) {
    case 'string':
    case 'bytes': {
      const stem = `${flexible ? 'compact' : ''}${nullable ? 'Nullable' : ''}${scalar === 'string' ? 'String' : 'Bytes'}`;
      return `${stem[0]!.toLowerCase()}${stem.slice(1)}`;
    }
    case 'records':
      return flexible ? 'compactRecords' : 'records';
    default:
      return scalar;
  }
}
