/** Turns a message table and a version into the source of its encoder: straight-line code, one function per struct. */

import {
  defaultSource,
  fieldsOfVersion,
  hasField,
  isDefaultSource,
  isNullable,
  type SourceBuilder,
  scalarMethod,
} from './compile-source.ts';
import type { FieldSpec, Fields, FieldType } from './field.ts';

/** Adds the functions for `fields` to the source and answers the name of the outer one, which takes a writer and a value. */
export function addEncoder(source: SourceBuilder, fields: Fields): string {
  const name = source.newName('encode');
  const { version, flexible } = source;
  const { inline, tagged } = fieldsOfVersion(fields, version);
  const body: string[] = [];
  for (const [key, { spec }] of Object.entries(fields)) {
    if (!hasField(spec, version) && !spec.isIgnorable) body.push(refuseLine(key, spec));
  }
  for (const [key, spec] of inline) body.push(...fieldLines(source, key, spec));
  if (flexible) body.push(...tagLines(source, tagged));
  source.add(`function ${name}(w, value) {`, ...body, '}');
  return name;
}

/** A value that the version cannot carry must not vanish silently, unless it says nothing. */
function refuseLine(key: string, spec: FieldSpec): string {
  const test = `value.${key} !== undefined && !(${isDefaultSource(spec, `value.${key}`)})`;
  return `if (${test}) throw refuse('${key}', 'is not in this version');`;
}

function fieldLines(source: SourceBuilder, key: string, spec: FieldSpec): string[] {
  const variable = source.newName('field');
  const lines = [`${spec.isOptional ? 'let' : 'const'} ${variable} = value.${key};`];
  if (spec.isOptional) lines.push(`if (${variable} === undefined) ${variable} = ${defaultSource(spec)};`);
  lines.push(...writeLines(source, key, spec, variable));
  return lines;
}

function tagLines(source: SourceBuilder, tagged: readonly (readonly [string, FieldSpec])[]): string[] {
  if (tagged.length === 0) return ['w.uvarint(0);'];
  const flags = tagged.map(([key, spec]) => {
    const flag = source.newName('has');
    const test = `value.${key} !== undefined && !(${isDefaultSource(spec, `value.${key}`)})`;
    return { flag, key, spec, line: `const ${flag} = ${test} ? 1 : 0;` };
  });
  return [
    ...flags.map(({ line }) => line),
    `w.uvarint(${flags.map(({ flag }) => flag).join(' + ')});`,
    ...flags.flatMap(({ flag, key, spec }) => [
      `if (${flag}) {`,
      `const mark = w.beginTag(${spec.tag});`,
      ...writeLines(source, key, spec, `value.${key}`),
      'w.endTag(mark);',
      '}',
    ]),
  ];
}

function writeLines(source: SourceBuilder, key: string, spec: FieldSpec, variable: string): string[] {
  const nullable = isNullable(spec, source.version);
  const needsValue = spec.type.kind !== 'scalar' || ['string', 'bytes', 'uuid'].includes(spec.type.scalar);
  const guard = `if (${variable} == null) throw refuse('${key}', 'must not be null');`;
  const lines = !nullable && needsValue ? [guard] : [];
  switch (spec.type.kind) {
    case 'scalar':
      return [...lines, `w.${scalarMethod(spec.type.scalar, source.flexible, nullable)}(${variable});`];
    case 'array':
      return [...lines, ...arrayLines(source, key, spec.type.element, { variable, nullable })];
    case 'struct':
      return [...lines, ...structLines(source, spec.type.fields, { variable, nullable })];
  }
}

/** A nullable struct is preceded by one byte: -1 for null, 1 for a value. */
function structLines(source: SourceBuilder, fields: Fields, at: { variable: string; nullable: boolean }): string[] {
  const call = `${addEncoder(source, fields)}(w, ${at.variable});`;
  if (!at.nullable) return [call];
  return [`if (${at.variable} == null) w.int8(-1);`, `else { w.int8(1); ${call} }`];
}

function arrayLines(
  source: SourceBuilder,
  key: string,
  element: FieldType,
  at: { variable: string; nullable: boolean },
): string[] {
  const length = source.flexible ? 'w.compactArrayLength' : 'w.arrayLength';
  const item = source.newName('item');
  const loop = [
    `${length}(${at.variable}.length);`,
    `for (let index = 0; index < ${at.variable}.length; index++) {`,
    `const ${item} = ${at.variable}[index];`,
    ...writeLines(source, key, source.elementSpec(element), item),
    '}',
  ];
  if (!at.nullable) return loop;
  return [`if (${at.variable} == null) ${length}(-1);`, 'else {', ...loop, '}'];
}
