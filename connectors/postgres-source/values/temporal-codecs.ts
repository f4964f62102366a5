/** Built-in types of the calendar and the clock. */

import { type Codec, codec } from './codec.ts';
import { type ConnectSchema, logical, struct } from './connect-schema.ts';
import { intervalWriter, structuredDuration } from './intervals.ts';
import type { ValueModes } from './modes.ts';
import type { CodecMaker } from './scalar-codecs.ts';
import {
  dateWriter,
  precisionOfTime,
  timestampUnit,
  timestampWriter,
  timeUnit,
  timeWriter,
} from './temporal-writers.ts';
import { oids } from './type-oids.ts';
import { zonedTimestampWriter, zonedTimeWriter } from './zoned-writers.ts';

export const temporalCodecs: ReadonlyMap<number, CodecMaker> = new Map<number, CodecMaker>([
  [oids.date, dateCodec],
  [oids.time, timeCodec],
  [oids.timestamp, timestampCodec],
  [oids.timestamptz, zonedTimestampCodec],
  [oids.timetz, zonedTimeCodec],
  [oids.interval, intervalCodec],
]);

const timePrefix = 'io.debezium.time.';
const connectPrefix = 'org.apache.kafka.connect.data.';

function dateCodec(modes: ValueModes): Codec {
  const write = dateWriter(modes.time);
  switch (modes.time) {
    case 'structured':
      return codec(structured('StructuredDate', dateParts, ['specialValue']), write, zeroDate);
    case 'isostring':
    case 'plain':
      return codec(time('string', 'IsoDate'), write, '"1970-01-01Z"');
    case 'connect':
      return codec(logical('int32', `${connectPrefix}Date`), write, '0');
    default:
      return codec(time('int32', 'Date'), write, '0');
  }
}

function timeCodec(modes: ValueModes, modifier: number): Codec {
  const precision = precisionOfTime(modifier);
  const write = timeWriter(modes.time, precision);
  switch (timeUnit(modes.time, precision)) {
    case 'structured':
      return codec(
        structured('StructuredTime', clockParts, ['precision']),
        write,
        zeroStruct(clockParts, ['precision']),
      );
    case 'iso':
    case 'plain':
      return codec(time('string', 'IsoTime'), write, '"00:00:00Z"');
    case 'millis':
      return codec(
        modes.time === 'connect' ? logical('int32', `${connectPrefix}Time`) : time('int32', 'Time'),
        write,
        '0',
      );
    case 'micros':
      return codec(time('int64', 'MicroTime'), write, '0');
    case 'nanos':
      return codec(time('int64', 'NanoTime'), write, '0');
  }
}

function timestampCodec(modes: ValueModes, modifier: number): Codec {
  const precision = precisionOfTime(modifier);
  const write = timestampWriter(modes.time, precision);
  switch (timestampUnit(modes.time, precision)) {
    case 'structured': {
      const parts = [...dateParts, ...clockParts];
      const rest = ['specialValue', 'precision'];
      return codec(structured('StructuredTimestamp', parts, rest), write, zeroStruct(parts, rest));
    }
    case 'iso':
    case 'plain':
      return codec(time('string', 'IsoTimestamp'), write, '"1970-01-01T00:00:00Z"');
    case 'millis':
      return codec(
        modes.time === 'connect' ? logical('int64', `${connectPrefix}Timestamp`) : time('int64', 'Timestamp'),
        write,
        '0',
      );
    case 'micros':
      return codec(time('int64', 'MicroTimestamp'), write, '0');
    case 'nanos':
      return codec(time('int64', 'NanoTimestamp'), write, '0');
  }
}

function zonedTimestampCodec(modes: ValueModes, modifier: number): Codec {
  const write = zonedTimestampWriter(modes.time, precisionOfTime(modifier));
  if (modes.time !== 'structured') return codec(time('string', 'ZonedTimestamp'), write, '"1970-01-01T00:00:00Z"');
  const parts = [...dateParts, ...clockParts, 'offsetSeconds'];
  const rest = ['zoneId', 'specialValue', 'precision'];
  return codec(structured('StructuredZonedTimestamp', parts, rest), write, zeroStruct(parts, rest));
}

function zonedTimeCodec(modes: ValueModes, modifier: number): Codec {
  const write = zonedTimeWriter(modes.time, precisionOfTime(modifier));
  if (modes.time !== 'structured') return codec(time('string', 'ZonedTime'), write, '"00:00:00Z"');
  const parts = [...clockParts, 'offsetSeconds'];
  return codec(structured('StructuredZonedTime', parts, ['precision']), write, zeroStruct(parts, ['precision']));
}

function intervalCodec(modes: ValueModes, modifier: number): Codec {
  if (modes.time === 'structured') {
    const parts = ['years', 'months', 'days', 'hours', 'minutes', 'seconds', 'nanos'];
    const schema = structured('StructuredDuration', parts, ['precision']);
    return codec(schema, structuredDuration(precisionOfInterval(modifier)), zeroStruct(parts, ['precision']));
  }
  const write = intervalWriter(modes.interval);
  if (modes.interval === 'string') return codec(time('string', 'Interval'), write, '"P0Y0M0DT0H0M0S"');
  return codec(time('int64', 'MicroDuration'), write, '0');
}

/** The low half of an interval's modifier; all bits set mean no limit. */
function precisionOfInterval(modifier: number): number {
  return modifier < 0 || (modifier & 0xffff) > 6 ? 6 : modifier & 0xffff;
}

const dateParts = ['year', 'month', 'day'];
const clockParts = ['hour', 'minute', 'second', 'nanos'];

const smallParts = new Set(['month', 'day', 'hour', 'minute', 'second']);
const textParts = new Set(['zoneId', 'specialValue']);

const zeroDate = '{"year":1970,"month":1,"day":1,"specialValue":null}';

function time(type: 'string' | 'int32' | 'int64', name: string): ConnectSchema {
  return logical(type, timePrefix + name);
}

/** All parts are optional, for infinity has none of them. */
function structured(name: string, parts: readonly string[], rest: readonly string[]): ConnectSchema {
  const fields = Object.fromEntries([...parts, ...rest].map((part) => [part, partSchema(part)]));
  return { ...struct(timePrefix + name, fields), version: 1 };
}

function partSchema(part: string): ConnectSchema {
  if (textParts.has(part)) return { type: 'string', optional: true };
  if (smallParts.has(part)) return { type: 'int8', optional: true };
  return { type: part === 'seconds' ? 'int64' : 'int32', optional: true };
}

/** The first day, midnight, no time at all; `rest` is null. */
function zeroStruct(parts: readonly string[], rest: readonly string[]): string {
  const first = { year: 1970, month: 1, day: 1 } as Readonly<Record<string, number>>;
  const values = [...parts.map((part) => [part, first[part] ?? 0]), ...rest.map((part) => [part, null])];
  return JSON.stringify(Object.fromEntries(values));
}
