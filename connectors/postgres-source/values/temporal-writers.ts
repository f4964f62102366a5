/** date, time and timestamp (without zone) in every `time.precision.mode`. */

import { civil, civilFromDays } from './civil.ts';
import { refuse } from './error-codes.ts';
import { writeIsoClock, writeIsoDate } from './iso-text.ts';
import type { JsonOutput } from './json-output.ts';
import type { WriteValue } from './json-text.ts';
import { structuredDate, structuredTime, structuredTimestamp } from './structured-time.ts';
import { read, readClockMicros, readDate, readDays, readTime, readTimestamp } from './temporal-text.ts';

type TimePrecisionMode =
  | 'adaptive'
  | 'adaptive_time_microseconds'
  | 'isostring'
  | 'connect'
  | 'microseconds'
  | 'nanoseconds'
  | 'structured';

/** `plain` is the lean format's: ISO text without the zone that these types do not have, infinity as a word. */
export type TimeMode = TimePrecisionMode | 'plain';

/** How a number of a temporal type counts: its digits behind the second. */
type Unit = 'millis' | 'micros' | 'nanos';

/** The last second whose microseconds and nanoseconds fit 64 bits. */
const lastMicroSecond = 9_223_372_036_854;
const lastNanoSecond = 9_223_372_036;

/** The digits behind the second that a modifier declares; 6 without one. */
export function precisionOfTime(modifier: number): number {
  return modifier < 0 ? 6 : modifier & 0xffff;
}

/** What a time is counted in; structured and isostring are no numbers. */
export function timeUnit(mode: TimeMode, precision: number): Unit | 'iso' | 'structured' | 'plain' {
  switch (mode) {
    case 'adaptive':
      return precision <= 3 ? 'millis' : 'micros';
    case 'adaptive_time_microseconds':
    case 'microseconds':
      return 'micros';
    case 'connect':
      return 'millis';
    case 'nanoseconds':
      return 'nanos';
    case 'isostring':
      return 'iso';
    case 'structured':
    case 'plain':
      return mode;
  }
}

export function timestampUnit(mode: TimeMode, precision: number): Unit | 'iso' | 'structured' | 'plain' {
  return timeUnit(mode === 'adaptive_time_microseconds' ? 'adaptive' : mode, precision);
}

export function dateWriter(mode: TimeMode): WriteValue {
  if (mode === 'structured') return structuredDate;
  if (mode === 'plain') return dateAsText('"');
  return mode === 'isostring' ? dateAsText('Z"') : writeDateAsDays;
}

/** The days of an infinite date are the ends of 32 bits. */
const writeDateAsDays: WriteValue = (out, bytes, start, end) => {
  readDate(bytes, start, end);
  if (read.special === 'none') out.integer(readDays());
  else out.ascii(read.special === 'infinity' ? '2147483647' : '-2147483648');
};

function dateAsText(suffix: string): WriteValue {
  return (out, bytes, start, end) => {
    readDate(bytes, start, end);
    if (read.special !== 'none') {
      out.ascii(`"${read.special}"`);
      return;
    }
    out.byte(0x22);
    writeIsoDate(out, read.year, read.month, read.day);
    out.ascii(suffix);
  };
}

export function timeWriter(mode: TimeMode, precision: number): WriteValue {
  const unit = timeUnit(mode, precision);
  if (unit === 'structured') return structuredTime(precision);
  if (unit === 'iso' || unit === 'plain') return timeAsText(unit === 'iso' ? 'Z"' : '"');
  return (out, bytes, start, end) => {
    readTime(bytes, start, end);
    const micros = readClockMicros();
    if (unit === 'micros') out.integer(micros);
    else out.integer(unit === 'millis' ? Math.floor(micros / 1000) : micros * 1000);
  };
}

function timeAsText(suffix: string): WriteValue {
  return (out, bytes, start, end) => {
    readTime(bytes, start, end);
    out.byte(0x22);
    writeIsoClock(out, read.hour, read.minute, read.second, read.micros);
    out.ascii(suffix);
  };
}

export function timestampWriter(mode: TimeMode, precision: number): WriteValue {
  const unit = timestampUnit(mode, precision);
  if (unit === 'structured') return structuredTimestamp(precision);
  if (unit === 'iso') return timestampAsText('Z"', infiniteMoments);
  if (unit === 'plain') return timestampAsText('"', infiniteWords);
  return (out, bytes, start, end) => {
    readTimestamp(bytes, start, end);
    if (read.special === 'none') writeEpoch(out, readSeconds(), read.micros, unit);
    else out.ascii(infinities[unit][read.special]);
  };
}

/** Debezium's numbers for infinite timestamps: those of the JDBC driver, and the ends of 64 bits. */
const infinities = {
  millis: { infinity: '9223372036825200', '-infinity': '-9223372036832400' },
  micros: { infinity: '9223372036825200000', '-infinity': '-9223372036832400000' },
  nanos: { infinity: '9223372036854775807', '-infinity': '-9223372036854775808' },
} as const;

/** The same moments as text. */
const infiniteMoments = {
  infinity: '"+294247-01-10T04:00:25.2Z"',
  '-infinity': '"-290308-12-21T19:59:27.6Z"',
} as const;

const infiniteWords = { infinity: '"infinity"', '-infinity': '"-infinity"' } as const;

function timestampAsText(suffix: string, infinite: typeof infiniteMoments | typeof infiniteWords): WriteValue {
  return (out, bytes, start, end) => {
    readTimestamp(bytes, start, end);
    if (read.special !== 'none') {
      out.ascii(infinite[read.special]);
      return;
    }
    civilFromDays(readDays() + (read.hour === 24 ? 1 : 0));
    out.byte(0x22);
    writeIsoDate(out, civil.year, civil.month, civil.day);
    out.byte(0x54);
    writeIsoClock(out, read.hour % 24, read.minute, read.second, read.micros);
    out.ascii(suffix);
  };
}

/** Of the timestamp read last, its fraction aside. */
function readSeconds(): number {
  return readDays() * 86_400 + read.hour * 3600 + read.minute * 60 + read.second;
}

/** Seconds since 1970 and the microseconds behind them, in one number of which only parts are ever computed. */
function writeEpoch(out: JsonOutput, seconds: number, micros: number, unit: Unit): void {
  if (unit === 'millis') writeScaled(out, seconds, Math.floor(micros / 1000), 3);
  else if (unit === 'micros') {
    if (seconds > lastMicroSecond || (seconds === lastMicroSecond && micros > 775_807)) refuse('a time beyond 64 bits');
    writeScaled(out, seconds, micros, 6);
  } else {
    if (seconds > lastNanoSecond || (seconds === lastNanoSecond && micros > 854_775)) refuse('a time beyond 64 bits');
    if (seconds < -lastNanoSecond - 1 || (seconds === -lastNanoSecond - 1 && micros < 145_225)) {
      refuse('a time beyond 64 bits');
    }
    writeScaled(out, seconds, micros * 1000, 9);
  }
}

/** `seconds * 10^digits + fraction`, where the fraction is not negative. */
function writeScaled(out: JsonOutput, seconds: number, fraction: number, digits: number): void {
  let whole = seconds;
  let rest = fraction;
  if (seconds < 0) {
    out.byte(0x2d);
    whole = rest === 0 ? -seconds : -seconds - 1;
    rest = rest === 0 ? 0 : 10 ** digits - rest;
  }
  if (whole === 0) {
    out.integer(rest);
    return;
  }
  out.integer(whole);
  out.digits(rest, digits);
}
