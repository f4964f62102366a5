/** Settings of the outbox: those of Debezium's EventRouter, under its names. */

import { patternOf, splitList } from '../columns/patterns.ts';
import { valueErrors } from '../values/error-codes.ts';

interface OutboxField {
  readonly column: string;
  readonly placement: 'header' | 'envelope';
  readonly alias: string;
}

export interface OutboxOptions {
  readonly idColumn: string;
  readonly keyColumn: string;
  readonly payloadColumn: string;
  readonly routeColumn: string;
  readonly topicPattern: RegExp;
  /** In JavaScript's notation. */
  readonly topicReplacement: string;
  readonly tombstoneOnEmptyPayload: boolean;
  readonly onUpdate: 'warn' | 'error' | 'fatal';
  readonly expandsJson: boolean;
  readonly fields: readonly OutboxField[];
  readonly ignoresMissingFields: boolean;
}

const standard = {
  'table.field.event.id': 'id',
  'table.field.event.key': 'aggregateid',
  'table.field.event.payload': 'payload',
  'route.by.field': 'aggregatetype',
  'route.topic.regex': '(?<routedByValue>.*)',
  'route.topic.replacement': `outbox.event.$\{routedByValue}`,
  'route.tombstone.on.empty.payload': 'false',
  'table.op.invalid.behavior': 'warn',
  'table.expand.json.payload': 'false',
  'table.fields.additional.placement': '',
  'table.field.additional.missing': 'error',
} as const;

/** What Debezium has beyond: it is refused, for records would silently differ. */
const unsupported = new Map([
  ['table.field.event.timestamp', 'records have the time of their commit'],
  ['table.field.event.schema.version', 'the payload goes out as it is, without a schema'],
]);

/** Which tables are outboxes, and how their rows are routed. */
export interface OutboxRule {
  /** Asked with `schema.table`. */
  readonly isOutbox: (name: string) => boolean;
  readonly options: OutboxOptions;
}

/** From settings without the prefix they are written under. Throws `postgres-values/bad-setting`. */
export function outboxOptions(settings: Readonly<Record<string, string>>): OutboxOptions {
  for (const key of Object.keys(settings)) {
    const reason = unsupported.get(key);
    if (reason !== undefined) throw refused(key, `${key} is not supported: ${reason}`);
    if (!Object.hasOwn(standard, key)) throw refused(key, `an outbox has no setting ${key}`);
  }
  const given: Readonly<Record<keyof typeof standard, string>> = { ...standard, ...settings };
  return {
    idColumn: given['table.field.event.id'],
    keyColumn: given['table.field.event.key'],
    payloadColumn: given['table.field.event.payload'],
    routeColumn: given['route.by.field'],
    topicPattern: new RegExp(patternOf(given['route.topic.regex'], 'route.topic.regex').source, 'u'),
    topicReplacement: given['route.topic.replacement'].replaceAll(/\$\{(\w+)\}/g, '$<$1>'),
    tombstoneOnEmptyPayload: given['route.tombstone.on.empty.payload'] === 'true',
    onUpdate: oneOf(given['table.op.invalid.behavior'], ['warn', 'error', 'fatal'], 'table.op.invalid.behavior'),
    expandsJson: given['table.expand.json.payload'] === 'true',
    fields: splitList(given['table.fields.additional.placement'], ',').map(fieldOf),
    ignoresMissingFields: given['table.field.additional.missing'] === 'ignore',
  };
}

function fieldOf(text: string): OutboxField {
  const setting = 'table.fields.additional.placement';
  const [column = '', placement = '', alias = column] = text.split(':').map((part) => part.trim());
  if (column === '') throw refused(setting, `${setting} has an entry without a column: ${text}`);
  return { column, placement: oneOf(placement, ['header', 'envelope'], setting), alias };
}

function oneOf<T extends string>(value: string, choices: readonly T[], setting: string): T {
  const found = choices.find((choice) => choice === value.toLowerCase());
  if (found === undefined) throw refused(setting, `${setting} has ${value}, which is none of ${choices.join(', ')}`);
  return found;
}

function refused(setting: string, message: string): Error {
  return valueErrors.error('bad-setting', { message, where: setting });
}
