/** The JSON Schema of pipeline files: completion, descriptions and first checks in an editor (draft 7, which editors know best). */

import type { Catalogue } from './catalogue.ts';
import type { ConnectorDefinition, ConnectorKind } from './definition.ts';
import type { AnyField, Fields } from './fields/field.ts';
import { commonFields } from './fields/shared.ts';
import { topicFields } from './pipeline/topic-fields.ts';

export type JsonSchema = { readonly [keyword: string]: unknown };

const topicName = '^[A-Za-z0-9._-]{1,249}$';

/** A text with `${…}` may become anything, so every value can be one. */
const reference = '\\$\\{';

/** Settings that a pipeline fills in by itself are mandatory in REST only. */
const filledIn: ReadonlySet<string> = new Set(['name', 'connector.class', 'topic', 'topics']);

export function pipelineJsonSchema(catalogue: Catalogue): JsonSchema {
  const connectors = catalogue.all();
  const errors = blockSchema('errors', errorFields());
  const topic = blockSchema('topic', topicFields);
  const blocks = [errors, topic, ...connectors.map((each) => blockSchema(definitionId(each), each.fields))];
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Millrace pipeline',
    type: 'object',
    required: ['pipeline', 'source'],
    properties: {
      pipeline: {
        type: 'string',
        description: 'The name of the pipeline, and of its topic unless another is given.',
        minLength: 1,
      },
      source: connectorsSchema('source', catalogue),
      transforms: { type: 'array', maxItems: 0, description: 'Not supported yet.' },
      topics: {
        type: 'object',
        description: 'Topics to create or configure before the connectors start, by name.',
        propertyNames: { pattern: topicName },
        additionalProperties: { anyOf: [{ type: 'null' }, topic.map] },
      },
      sinks: {
        type: 'array',
        description: 'Where the records of the topic go.',
        items: connectorsSchema('sink', catalogue),
      },
      errors: { ...errors.map, description: 'What happens to bad records, for every connector of the pipeline.' },
    },
    patternProperties: { '^x-': {} },
    additionalProperties: false,
    definitions: {
      ...Object.fromEntries(connectors.map((each) => [definitionId(each), connectorSchema(each)])),
      ...Object.fromEntries(blocks.flatMap((block) => block.definitions)),
    },
  };
}

/** The settings under `errors:`, named as they are there. */
function errorFields(): Fields {
  const fields = Object.entries(commonFields()).filter(([key]) => key.startsWith('errors.'));
  return Object.fromEntries(fields.map(([key, field]) => [key.slice('errors.'.length), field]));
}

function definitionId({ kind, name }: ConnectorDefinition): string {
  return `${kind}-${name}`;
}

/** The connector named decides what else may stand there. */
function connectorsSchema(kind: ConnectorKind, catalogue: Catalogue): JsonSchema {
  const definitions = catalogue.all().filter((each) => each.kind === kind);
  const cases = definitions.map((each) => ({
    if: { required: ['connector'], properties: { connector: { enum: [each.name, ...each.aliases] } } },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
    then: { $ref: `#/definitions/${definitionId(each)}` },
  }));
  const names = definitions.flatMap((each) => [each.name, ...each.aliases]);
  const isNamed = { anyOf: [{ required: ['connector'] }, { required: ['connector.class'] }] };
  const isTopic = { required: ['topic'], properties: { topic: topicSchema }, additionalProperties: false };
  return {
    type: 'object',
    description:
      kind === 'source'
        ? 'Where records come from: a connector, or a topic that is there.'
        : 'A connector that reads the topic.',
    properties: {
      connector: { enum: names, description: definitions.map((each) => `${each.name}: ${each.summary}`).join('\n\n') },
    },
    anyOf: kind === 'source' ? [isNamed, isTopic] : [isNamed],
    allOf: cases,
  };
}

const topicSchema: JsonSchema = { type: 'string', pattern: `${topicName}|${reference}` };

function connectorSchema(definition: ConnectorDefinition): JsonSchema {
  const { map } = blockSchema(definitionId(definition), definition.fields);
  // In place of the nested spelling of `connector.class`, which a pipeline cannot use.
  const properties = { ...(map['properties'] as object), connector: {} };
  return { ...map, properties, title: definition.title, description: `${definition.summary} ${definition.guarantee}` };
}

interface BlockSchema {
  readonly map: JsonSchema;
  /** One for each setting, which the map refers to wherever the setting may stand. */
  readonly definitions: readonly (readonly [string, JsonSchema])[];
}

/**
 * A map of settings: each under its dotted name, and under every way of nesting it. Mandatory are only those that
 * cannot be nested and have no other name, because the schema could not say "here or there".
 */
function blockSchema(id: string, fields: Fields): BlockSchema {
  const shown = Object.entries(fields).filter(([, field]) => !field.internal);
  const [families, single] = [shown.filter(isFamily), shown.filter((entry) => !isFamily(entry))];
  const named = single.flatMap(([key, field]) =>
    [key, ...field.aliases].map((name) => [name, `${id}:${key}`] as const),
  );
  const patterns = families.map(([key, field]) => [field.family?.source, { $ref: `#/definitions/${id}:${key}` }]);
  const nested = nestedSchema(named);
  const map = families.length === 0 ? nested : { ...nested, patternProperties: Object.fromEntries(patterns) };
  const required = shown.flatMap(([key, field]) => (isMandatory(key, field) ? [key] : []));
  return {
    map: required.length === 0 ? map : { ...map, required },
    definitions: shown.map(([key, field]) => [`${id}:${key}`, fieldSchema(field)]),
  };
}

function isFamily([, { family }]: readonly [string, AnyField]): boolean {
  return family !== undefined;
}

function isMandatory(key: string, { required, aliases }: AnyField): boolean {
  return required && !key.includes('.') && aliases.length === 0 && !filledIn.has(key);
}

/** From names and the definitions they refer to. */
function nestedSchema(named: readonly (readonly [string, string])[]): JsonSchema {
  const properties: Record<string, unknown> = {};
  const below = new Map<string, [string, string][]>();
  for (const [name, id] of named) {
    properties[name] = { $ref: `#/definitions/${id}` };
    const dot = name.indexOf('.');
    if (dot < 0) continue;
    const first = name.slice(0, dot);
    below.set(first, [...(below.get(first) ?? []), [name.slice(dot + 1), id]]);
  }
  for (const [first, rest] of below) {
    const nested = nestedSchema(rest);
    properties[first] = properties[first] === undefined ? nested : { anyOf: [properties[first], nested] };
  }
  return { type: 'object', properties, additionalProperties: false };
}

function fieldSchema(field: AnyField): JsonSchema {
  const hasDefault = field.default !== undefined && field.kind !== 'secret';
  return {
    description: hasDefault ? `${field.doc} Default: ${field.display(field.default) || 'empty'}.` : field.doc,
    ...(field.deprecated === undefined ? {} : { deprecated: true }),
    ...(field.example === undefined ? {} : { examples: [field.example] }),
    ...valueSchema(field),
  };
}

function valueSchema({ kind, range, choices, spellings }: AnyField): JsonSchema {
  const limits = {
    ...(range.min === undefined ? {} : { minimum: range.min }),
    ...(range.max === undefined ? {} : { maximum: range.max }),
  };
  const number = (type: 'integer' | 'number', pattern: string) => ({
    type: [type, 'string'],
    pattern: `${pattern}|${reference}`,
    ...limits,
  });
  switch (kind) {
    case 'boolean':
      return { type: ['boolean', 'string'], pattern: `^([tT][rR][uU][eE]|[fF][aA][lL][sS][eE])$|${reference}` };
    case 'int':
      return number('integer', '^[+-]?\\d+$');
    case 'number':
      return number('number', '^[+-]?[\\d.]');
    case 'duration':
      return number('integer', '^-?\\d+$|^(\\d+(\\.\\d+)?\\s*(ms|[wdhms])\\s*)+$');
    case 'bytes':
      return number('integer', '^-?\\d+$|^\\d+(\\.\\d+)?\\s*([kKmMgGtT][iI]?)?[bB]$');
    case 'choice':
    case 'converter': {
      const texts = [...choices, ...spellings].map(anyCase).join('|');
      return { anyOf: [{ enum: choices }, { type: 'string', pattern: `^(${texts})$|${reference}` }] };
    }
    case 'list':
    case 'globs':
    case 'topics':
      return {
        anyOf: [
          { type: 'string', minLength: 1 },
          { type: 'array', minItems: 1, items: { type: ['string', 'number', 'boolean'] } },
        ],
      };
    case 'topic':
      return topicSchema;
    default:
      return { type: ['string', 'number', 'boolean'] };
  }
}

/** A pattern for the text in upper and lower case: JSON Schema knows no flags. */
function anyCase(text: string): string {
  return text
    .replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
    .replaceAll(/[a-z]/gi, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`);
}
