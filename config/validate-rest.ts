/** Kafka Connect's answers about a plugin's settings: its definitions, and the validation of a configuration (`ConfigInfos`). */

import { isConfidentialName } from './blot.ts';
import type { ConnectorDefinition } from './definition.ts';
import type { AnyField, FieldKind } from './fields/field.ts';
import { blot } from './fields/secret.ts';
import { canonicalKey } from './parse-settings.ts';
import type { Problem } from './problem.ts';
import { visible } from './reference.ts';

/** One setting as `GET /connector-plugins/{plugin}/config` lists it. */
interface ConfigKeyInfo {
  readonly name: string;
  readonly type: 'BOOLEAN' | 'STRING' | 'INT' | 'LONG' | 'DOUBLE' | 'LIST' | 'CLASS' | 'PASSWORD';
  readonly required: boolean;
  readonly default_value: string | null;
  readonly importance: 'HIGH' | 'MEDIUM' | 'LOW';
  readonly documentation: string;
  readonly group: string;
  readonly order_in_group: number;
  readonly width: 'SHORT' | 'MEDIUM' | 'LONG';
  readonly display_name: string;
  readonly dependents: readonly string[];
}

interface ConfigValueInfo {
  readonly name: string;
  readonly value: string | null;
  readonly recommended_values: readonly string[];
  readonly errors: readonly string[];
  readonly visible: boolean;
}

export interface ConfigInfos {
  readonly name: string;
  readonly error_count: number;
  readonly groups: readonly string[];
  readonly configs: readonly { readonly definition: ConfigKeyInfo | null; readonly value: ConfigValueInfo }[];
}

const types: Partial<Record<FieldKind, ConfigKeyInfo['type']>> = {
  boolean: 'BOOLEAN',
  int: 'INT',
  duration: 'LONG',
  bytes: 'LONG',
  number: 'DOUBLE',
  list: 'LIST',
  globs: 'LIST',
  topics: 'LIST',
  converter: 'CLASS',
  secret: 'PASSWORD',
};

const widths: Partial<Record<FieldKind, ConfigKeyInfo['width']>> = {
  boolean: 'SHORT',
  int: 'SHORT',
  duration: 'SHORT',
  bytes: 'SHORT',
  number: 'SHORT',
  globs: 'LONG',
  url: 'LONG',
  path: 'LONG',
};

/** The settings of a connector, in the order of the reference; families have no one name to be listed under. */
export function configKeys(definition: ConnectorDefinition): ConfigKeyInfo[] {
  const counts = new Map<string, number>();
  const single = visible(definition.fields).filter(([, field]) => field.family === undefined);
  return single.map(([name, field]) => {
    const group = field.group ?? definition.title;
    const order = (counts.get(group) ?? 0) + 1;
    counts.set(group, order);
    return {
      name,
      type: types[field.kind] ?? 'STRING',
      required: field.required,
      default_value: field.default === undefined ? null : field.print(field.default),
      importance: field.importance.toUpperCase() as ConfigKeyInfo['importance'],
      documentation: field.doc,
      group,
      order_in_group: order,
      width: widths[field.kind] ?? 'MEDIUM',
      display_name: name,
      dependents: [],
    };
  });
}

/**
 * The answer to `PUT /connector-plugins/{plugin}/config/validate`: always complete, also when nothing is right. A value
 * may be null, which Kafka Connect refuses too; an unknown setting is listed with its error and without definition.
 */
export function validateForRest(
  definition: ConnectorDefinition,
  settings: Readonly<Record<string, string | null>>,
): ConfigInfos {
  const texts = Object.fromEntries(
    Object.entries(settings).filter((entry): entry is [string, string] => entry[1] !== null),
  );
  const nulls = Object.keys(settings).filter((key) => settings[key] === null);
  const result = definition.parse(texts, { broken: new Set(nulls), isFromUser: true });
  const problems = 'problems' in result ? result.problems : [];
  const errors: Map<string, readonly Reason[]> = Map.groupBy(
    problems.filter((each) => each.severity === 'error'),
    (each) => canonicalKey(definition.fields, each.path) ?? each.path,
  );
  for (const key of nulls) errors.set(canonicalKey(definition.fields, key) ?? key, [nullProblem]);
  const keys = configKeys(definition);
  const known = keys.map((key) => ({
    definition: key,
    value: knownValue(key.name, definition.fields[key.name]!, settings, errors.get(key.name)),
  }));
  const isKnown = (key: string) => keys.some(({ name }) => name === canonicalKey(definition.fields, key));
  const unknown = Object.keys(settings).filter((key) => !isKnown(key));
  const configs = [...known, ...unknown.map((key) => unknownValue(key, settings[key]!, errors.get(key)))];
  return {
    name: definition.name,
    error_count: configs.reduce((count, { value }) => count + value.errors.length, 0),
    groups: [...new Set(keys.map((key) => key.group))],
    configs,
  };
}

type Reason = Pick<Problem, 'message' | 'fix'>;

const nullProblem: Reason = { message: 'the value is null', fix: 'Give a value, or remove the setting.' };

function knownValue(
  name: string,
  field: AnyField,
  settings: Readonly<Record<string, string | null>>,
  errors: readonly Reason[] = [],
): ConfigValueInfo {
  const key = [name, ...field.aliases].find((each) => Object.hasOwn(settings, each));
  const fallback = field.default === undefined ? null : field.print(field.default);
  const given = key === undefined ? fallback : settings[key]!;
  const value = given !== null && field.kind === 'secret' ? blot : given;
  return { name, value, recommended_values: field.choices, errors: errors.map(sentence), visible: true };
}

function unknownValue(key: string, text: string | null, errors: readonly Reason[] = []) {
  const value = text !== null && isConfidentialName(key) ? blot : text;
  return {
    definition: null,
    value: { name: key, value, recommended_values: [], errors: errors.map(sentence), visible: true },
  };
}

function sentence({ message, fix }: Reason): string {
  return `${message}. ${fix}`;
}
