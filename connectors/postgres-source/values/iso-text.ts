/** ISO 8601 as java.time prints it, which Debezium's text forms are. */

import { civil, civilFromDays } from './civil.ts';
import type { JsonOutput } from './json-output.ts';

const dash = 0x2d;
const colon = 0x3a;

/** Four digits at least, with a plus where there are more and a minus before year 0. */
export function writeIsoDate(out: JsonOutput, year: number, month: number, day: number): void {
  if (year < 0) out.byte(dash);
  else if (year > 9999) out.byte(0x2b);
  const magnitude = Math.abs(year);
  if (magnitude > 9999) out.integer(magnitude);
  else out.digits(magnitude, 4);
  out.byte(dash);
  out.twoDigits(month);
  out.byte(dash);
  out.twoDigits(day);
}

/** The fraction as short as it can be, none where it is 0. */
export function writeIsoClock(out: JsonOutput, hour: number, minute: number, second: number, micros: number): void {
  writeSeconds(out, hour, minute, second);
  if (micros === 0) return;
  let digits = 6;
  let rest = micros;
  for (; rest % 10 === 0; rest /= 10) digits--;
  out.byte(0x2e);
  out.digits(rest, digits);
}

/** Exactly `digits` of the fraction; 0 of them means as `writeIsoClock`. */
function writePaddedClock(out: JsonOutput, secondOfDay: number, micros: number, digits: number): void {
  const hour = Math.floor(secondOfDay / 3600);
  const minute = Math.floor((secondOfDay % 3600) / 60);
  if (digits === 0) {
    writeIsoClock(out, hour, minute, secondOfDay % 60, micros);
    return;
  }
  writeSeconds(out, hour, minute, secondOfDay % 60);
  out.byte(0x2e);
  out.digits(Math.floor(micros / 10 ** (6 - digits)), digits);
}

function writeSeconds(out: JsonOutput, hour: number, minute: number, second: number): void {
  out.twoDigits(hour);
  out.byte(colon);
  out.twoDigits(minute);
  out.byte(colon);
  out.twoDigits(second);
}

/** A moment in UTC, with `Z` and without quotes. */
export function writeIsoMoment(out: JsonOutput, secondsSince1970: number, micros: number, digits: number): void {
  const days = Math.floor(secondsSince1970 / 86_400);
  civilFromDays(days);
  writeIsoDate(out, civil.year, civil.month, civil.day);
  out.byte(0x54);
  writePaddedClock(out, secondsSince1970 - days * 86_400, micros, digits);
  out.byte(0x5a);
}
