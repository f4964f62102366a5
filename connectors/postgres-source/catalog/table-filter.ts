/** Which tables are captured, by the lists of the configuration. Pure. */

import { patternOf } from '../columns/patterns.ts';

export interface FilterSettings {
  readonly 'schema.include.list': readonly string[] | undefined;
  readonly 'schema.exclude.list': readonly string[] | undefined;
  readonly 'table.include.list': readonly string[] | undefined;
  readonly 'table.exclude.list': readonly string[] | undefined;
}

export interface TableFilter {
  /** Its rows and changes become records. */
  isCaptured(schema: string, table: string): boolean;
}

type Matcher = (name: string) => boolean;

/** As Debezium matches: whole names, in upper or lower case; a table must pass the lists of schemas too. */
export function tableFilter(settings: FilterSettings): TableFilter {
  const schemas = rule(settings, 'schema.include.list', 'schema.exclude.list');
  const tables = rule(settings, 'table.include.list', 'table.exclude.list');
  return {
    isCaptured: (schema, table) => !isSystemSchema(schema) && schemas(schema) && tables(`${schema}.${table}`),
  };
}

/** Matches whole `schema.table` names; undefined matches everything. */
export function nameMatcher(list: readonly string[] | undefined, setting: string): Matcher {
  if (list === undefined) return () => true;
  const patterns = list.map((each) => patternOf(each, setting));
  return (name) => patterns.some((pattern) => pattern.test(name));
}

export interface SignalSettings {
  readonly 'signal.data.collection': string | undefined;
  readonly 'signal.enabled.channels': readonly string[];
}

/** The table whose rows are signals, as `schema.table`; undefined for none. */
export function signalTableOf(settings: SignalSettings): string | undefined {
  const isRead = settings['signal.enabled.channels'].includes('source');
  return isRead ? settings['signal.data.collection'] : undefined;
}

function isSystemSchema(schema: string): boolean {
  return schema.startsWith('pg_') || schema === 'information_schema';
}

function rule(
  settings: FilterSettings,
  include: 'schema.include.list' | 'table.include.list',
  exclude: 'schema.exclude.list' | 'table.exclude.list',
): Matcher {
  const isIncluded = nameMatcher(settings[include], include);
  const excluded = settings[exclude];
  const isExcluded = excluded === undefined ? () => false : nameMatcher(excluded, exclude);
  return (name) => isIncluded(name) && !isExcluded(name);
}
