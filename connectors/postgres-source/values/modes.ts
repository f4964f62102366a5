/** How values are represented: Debezium's handling modes, and what the lean format chooses. */

import type { BinaryMode } from './binary.ts';
import type { DecimalMode } from './decimals.ts';
import type { HstoreMode } from './hstore.ts';
import type { IntervalMode } from './intervals.ts';
import type { TimeMode } from './temporal-writers.ts';

export interface ValueModes {
  /** `decimal.handling.mode` */
  readonly decimal: DecimalMode;
  /** `time.precision.mode` */
  readonly time: TimeMode;
  /** `interval.handling.mode` */
  readonly interval: IntervalMode;
  /** `hstore.handling.mode` */
  readonly hstore: HstoreMode;
  /** `binary.handling.mode` */
  readonly binary: BinaryMode;
  /** `money.fraction.digits` */
  readonly moneyFractionDigits: number;
  /** Types without a representation: their columns left out, their text as bytes (`include.unknown.datatypes`), or their text. */
  readonly unknownTypes: 'leave-out' | 'bytes' | 'text';
  /** json and jsonb: a string with the text, or the value itself. */
  readonly json: 'string' | 'value';
  /** Composite types: without a representation as in Debezium, or objects. */
  readonly composites: 'unknown' | 'object';
  /** Arrays of several dimensions: not representable as in Connect, or nested. */
  readonly dimensions: 'one' | 'nested';
  /** `unavailable.value.placeholder` */
  readonly placeholder: string;
  /** A database of encoding SQL_ASCII may have any bytes in its texts: what is not UTF-8 becomes U+FFFD there. */
  readonly encoding: 'utf8' | 'unknown';
}

/** Debezium's defaults. */
export const debeziumModes: ValueModes = {
  decimal: 'precise',
  time: 'adaptive',
  interval: 'numeric',
  hstore: 'json',
  binary: 'bytes',
  moneyFractionDigits: 2,
  unknownTypes: 'leave-out',
  json: 'string',
  composites: 'unknown',
  dimensions: 'one',
  placeholder: '__debezium_unavailable_value',
  encoding: 'utf8',
};

/** Nothing lost and nothing left out, in the JSON a reader would expect. */
export const leanModes: ValueModes = {
  decimal: 'string',
  time: 'plain',
  interval: 'string',
  hstore: 'map',
  binary: 'base64',
  moneyFractionDigits: 2,
  unknownTypes: 'text',
  json: 'value',
  composites: 'object',
  dimensions: 'nested',
  placeholder: '__debezium_unavailable_value',
  encoding: 'utf8',
};
