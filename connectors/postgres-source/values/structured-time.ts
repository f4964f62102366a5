/** `time.precision.mode: structured`: the parts of dates, times and durations as Debezium's Structured… structs, nothing lost. */

import { civil, civilFromDays } from './civil.ts';
import type { JsonOutput } from './json-output.ts';
import type { WriteValue } from './json-text.ts';
import {
  read,
  readDate,
  readDays,
  readTime,
  readTimestamp,
  readZonedTime,
  readZonedTimestamp,
} from './temporal-text.ts';

export const structuredDate: WriteValue = (out, bytes, start, end) => {
  readDate(bytes, start, end);
  out.ascii('{');
  writeDateParts(out);
  out.ascii(',"specialValue":');
  writeSpecial(out);
  out.ascii('}');
};

export function structuredTime(precision: number): WriteValue {
  return (out, bytes, start, end) => {
    readTime(bytes, start, end);
    out.ascii('{');
    writeClockParts(out, true);
    writePrecision(out, precision);
  };
}

/** The end of a day is the begin of the next, as the server itself prints it. */
export function structuredTimestamp(precision: number): WriteValue {
  return (out, bytes, start, end) => {
    readTimestamp(bytes, start, end);
    out.ascii('{');
    writeDateParts(out);
    out.ascii(',');
    writeClockParts(out, read.special === 'none');
    out.ascii(',"specialValue":');
    writeSpecial(out);
    writePrecision(out, precision);
  };
}

/** The clock and the offset as they were stored. */
export function structuredZonedTime(precision: number): WriteValue {
  return (out, bytes, start, end) => {
    readZonedTime(bytes, start, end);
    out.ascii('{');
    writeClockParts(out, true);
    out.ascii(',"offsetSeconds":');
    out.integer(read.offsetSeconds);
    writePrecision(out, precision);
  };
}

/** In UTC, whatever zone the text has. */
export function structuredZonedTimestamp(precision: number): WriteValue {
  return (out, bytes, start, end) => {
    readZonedTimestamp(bytes, start, end);
    const hasParts = read.special === 'none';
    if (hasParts) shiftToUtc();
    out.ascii('{');
    writeDateParts(out);
    out.ascii(',');
    writeClockParts(out, hasParts);
    out.ascii(hasParts ? ',"offsetSeconds":0,"zoneId":"Z"' : ',"offsetSeconds":null,"zoneId":null');
    out.ascii(',"specialValue":');
    writeSpecial(out);
    writePrecision(out, precision);
  };
}

function shiftToUtc(): void {
  const clock = read.hour * 3600 + read.minute * 60 + read.second - read.offsetSeconds;
  const days = Math.floor(clock / 86_400);
  const second = clock - days * 86_400;
  civilFromDays(readDays() + days);
  read.year = civil.year;
  read.month = civil.month;
  read.day = civil.day;
  read.hour = Math.floor(second / 3600);
  read.minute = Math.floor((second % 3600) / 60);
  read.second = second % 60;
}

function writeDateParts(out: JsonOutput): void {
  if (read.special !== 'none') {
    out.ascii('"year":null,"month":null,"day":null');
    return;
  }
  out.ascii('"year":');
  out.integer(read.year);
  out.ascii(',"month":');
  out.integer(read.month);
  out.ascii(',"day":');
  out.integer(read.day);
}

function writeClockParts(out: JsonOutput, hasParts: boolean): void {
  if (!hasParts) {
    out.ascii('"hour":null,"minute":null,"second":null,"nanos":null');
    return;
  }
  out.ascii('"hour":');
  out.integer(read.hour);
  out.ascii(',"minute":');
  out.integer(read.minute);
  out.ascii(',"second":');
  out.integer(read.second);
  out.ascii(',"nanos":');
  out.integer(read.micros * 1000);
}

function writeSpecial(out: JsonOutput): void {
  if (read.special === 'none') out.ascii('null');
  else out.ascii(read.special === 'infinity' ? '"POSITIVE_INFINITY"' : '"NEGATIVE_INFINITY"');
}

function writePrecision(out: JsonOutput, precision: number): void {
  out.ascii(',"precision":');
  out.integer(precision);
  out.ascii('}');
}
