/** Turns a message table and a version into the source of its decoder: straight-line code, one function per struct. */

import {
  defaultSource,
  fieldsOfVersion,
  hasField,
  isNullable,
  type SourceBuilder,
  scalarMethod,
} from './compile-source.ts';
import type { FieldSpec, Fields, FieldType, ScalarType } from './field.ts';

/** Adds the functions for `fields` to the source and answers the name of the outer one, which takes a reader. */
export function addDecoder(source: SourceBuilder, fields: Fields): string {
  const name = source.newName('decode');
  const { version, flexible } = source;
  const members = Object.entries(fields).map(([key, { spec }]) => {
    const isInline = hasField(spec, version) && spec.tag === undefined;
    return `${key}: ${isInline ? readExpression(source, spec) : defaultExpression(source, spec)}`;
  });
  const body = [`const value = { ${members.join(', ')} };`];
  if (flexible) body.push(...tagLines(source, fields));
  source.add(`function ${name}(r) {`, ...body, 'return value;', '}');
  return name;
}

/** Structs absent from a message share one default object. */
function defaultExpression(source: SourceBuilder, spec: FieldSpec): string {
  if (spec.type.kind !== 'struct') return defaultSource(spec);
  const name = source.newName('default');
  source.add(`const ${name} = ${defaultSource(spec)};`);
  return name;
}

function tagLines(source: SourceBuilder, fields: Fields): string[] {
  const tagged = fieldsOfVersion(fields, source.version).tagged;
  if (tagged.length === 0) return ['r.skipTags();'];
  const cases = tagged.map(
    ([key, spec]) => `case ${spec.tag}: value.${key} = ${readExpression(source, spec)}; r.expectPosition(end); break;`,
  );
  return [
    'for (let left = r.tagCount(); left > 0; left--) {',
    'const tag = r.uvarint();',
    'const end = r.tagEnd();',
    `switch (tag) { ${cases.join(' ')} default: r.position = end; }`,
    '}',
  ];
}

function readExpression(source: SourceBuilder, spec: FieldSpec): string {
  const nullable = isNullable(spec, source.version);
  switch (spec.type.kind) {
    case 'scalar':
      return `r.${scalarMethod(spec.type.scalar, source.flexible, nullable)}()`;
    case 'array':
      return `${addArrayDecoder(source, spec.type.element, nullable)}(r)`;
    case 'struct':
      return readStruct(source, spec.type.fields, nullable);
  }
}

/** A nullable struct is preceded by one byte: -1 for null, 1 for a value. */
function readStruct(source: SourceBuilder, fields: Fields, nullable: boolean): string {
  const decode = addDecoder(source, fields);
  return nullable ? `(r.int8() < 0 ? null : ${decode}(r))` : `${decode}(r)`;
}

function addArrayDecoder(source: SourceBuilder, element: FieldType, nullable: boolean): string {
  const name = source.newName('decodeArray');
  const elementSpec = source.elementSpec(element);
  const read = readExpression(source, elementSpec);
  const count = `r.${source.flexible ? 'compactArrayLength' : 'arrayLength'}(${minBytes(source, element)})`;
  source.add(
    `function ${name}(r) {`,
    `const count = ${count};`,
    nullable ? 'if (count < 0) return null;' : "if (count < 0) throw r.malformed('an array is null');",
    'const values = new Array(count);',
    `for (let index = 0; index < count; index++) values[index] = ${read};`,
    'return values;',
    '}',
  );
  return name;
}

const scalarBytes: Readonly<Record<ScalarType, (flexible: boolean) => number>> = {
  boolean: () => 1,
  int8: () => 1,
  int16: () => 2,
  int32: () => 4,
  int64: () => 8,
  float64: () => 8,
  uuid: () => 16,
  string: (flexible) => (flexible ? 1 : 2),
  bytes: (flexible) => (flexible ? 1 : 4),
  records: (flexible) => (flexible ? 1 : 4),
};

/** The fewest bytes one value takes: what bounds the element count of an array before it is allocated. */
function minBytes(source: SourceBuilder, type: FieldType): number {
  const { version, flexible } = source;
  if (type.kind === 'scalar') return scalarBytes[type.scalar](flexible);
  if (type.kind === 'array') return flexible ? 1 : 4;
  const { inline } = fieldsOfVersion(type.fields, version);
  const sizes = inline.map(([, spec]) =>
    spec.type.kind === 'struct' && isNullable(spec, version) ? 1 : minBytes(source, spec.type),
  );
  return Math.max(
    1,
    sizes.reduce((total, size) => total + size, flexible ? 1 : 0),
  );
}
