/** From the connector's settings to what decides how records look. */

import { columnRules } from '../columns/column-rules.ts';
import { keyRule, noKeyRule } from '../columns/key-columns.ts';
import type { PostgresSourceConfig } from '../config.ts';
import { configuredNaming } from '../routing/configured-naming.ts';
import { outboxRule } from '../routing/configured-outbox.ts';
import { debeziumModes, leanModes, type ValueModes } from '../values/modes.ts';
import type { Operation } from './change.ts';
import { type EnvelopeOptions, envelopeOptions } from './options.ts';
import { sparseReports } from './sparse-reports.ts';

/** What is known at run time alone. */
export interface EnvelopeSurroundings
  extends Pick<EnvelopeOptions, 'types' | 'database' | 'version' | 'onUnrepresentable'> {
  /** Of the database, as the server names it: `UTF8` unless given. */
  readonly encoding?: string;
}

/** Throws `postgres-values/bad-setting` for what only shows when it is used, such as an unknown hash. */
export function configuredOptions(config: PostgresSourceConfig, surroundings: EnvelopeSurroundings): EnvelopeOptions {
  const { encoding, ...known } = surroundings;
  const topics = configuredNaming(config);
  const unchangedToast = config['unavailable.value.mode'];
  const keys = config['message.key.columns'];
  return envelopeOptions({
    ...known,
    onUnrepresentable: sparseReports(surroundings.onUnrepresentable),
    prefix: topics.prefix,
    format: config.format,
    topics,
    modes: { ...modesOf(config), encoding: encoding === 'SQL_ASCII' ? 'unknown' : 'utf8' },
    keySchemas: config['key.converter.schemas.enable'],
    valueSchemas: config['value.converter.schemas.enable'],
    headerSchemas: config['header.converter'] === 'json' && config['header.converter.schemas.enable'],
    columns: columnRules({
      'column.include.list': config['column.include.list'],
      'column.exclude.list': config['column.exclude.list'],
      ...config['column.truncate.to.(n).chars'],
      ...config['column.mask.with.(n).chars'],
      ...config['column.mask.hash.(algorithm).with.salt.(salt)'],
    }),
    keys: keys === undefined ? noKeyRule : keyRule(keys),
    tombstonesOnDelete: config['tombstones.on.delete'],
    skippedOperations: new Set(config['skipped.operations'].filter(isOperation)),
    skipsUnchanged: config['skip.messages.without.change'],
    schemaChanges: config['include.schema.changes'],
    outbox: outboxRule(config),
    unrepresentable: config['unrepresentable.handling.mode'],
    reselects: unchangedToast === 'reselect',
    ...(unchangedToast === undefined || unchangedToast === 'reselect' ? {} : { unchangedToast }),
  });
}

/** Each format has modes of its own, of which settings replace those they name. */
function modesOf(config: PostgresSourceConfig): ValueModes {
  const standard = config.format === 'lean' ? leanModes : debeziumModes;
  return {
    ...standard,
    decimal: config['decimal.handling.mode'] ?? standard.decimal,
    time: config['time.precision.mode'] ?? standard.time,
    interval: config['interval.handling.mode'] ?? standard.interval,
    hstore: config['hstore.handling.mode'] ?? standard.hstore,
    binary: config['binary.handling.mode'] ?? standard.binary,
    moneyFractionDigits: config['money.fraction.digits'],
    unknownTypes: config['include.unknown.datatypes'] ? 'bytes' : standard.unknownTypes,
    placeholder: config['unavailable.value.placeholder'],
  };
}

function isOperation(text: string): text is Operation {
  return text !== 'none';
}
