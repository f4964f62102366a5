/** Reads dates, times and timestamps as PostgreSQL prints them with DateStyle=ISO; no objects, no Date. */

import { daysFromCivil, isDate } from './civil.ts';
import { refuse } from './error-codes.ts';
import { isDigit } from './numbers.ts';

export type Special = 'none' | 'infinity' | '-infinity';

/** What was read last; overwritten by the next call. Years count 1 BC as 0. */
export const read = {
  special: 'none' as Special,
  year: 0,
  month: 0,
  day: 0,
  hour: 0,
  minute: 0,
  second: 0,
  micros: 0,
  /** East of Greenwich. */
  offsetSeconds: 0,
};

const colon = 0x3a;
const dash = 0x2d;
const plus = 0x2b;
const space = 0x20;

/** Where reading stands; every function below moves it. */
let at = 0;

/** `2016-11-04`, `4713-12-31 BC`, `infinity`. */
export function readDate(bytes: Buffer, start: number, end: number): void {
  if (readSpecial(bytes, start, end)) return;
  at = start;
  readYearMonthDay(bytes, end);
  readEra(bytes, end);
  finishDate(end);
}

/** `13:51:30.123456`, `24:00:00`. */
export function readTime(bytes: Buffer, start: number, end: number): void {
  at = start;
  readClock(bytes, end);
  expectEnd(end);
}

/** `13:51:30.123+02`, `13:51:30+05:30`, `13:51:30-00:19:32`. */
export function readZonedTime(bytes: Buffer, start: number, end: number): void {
  at = start;
  readClock(bytes, end);
  readOffset(bytes, end);
  expectEnd(end);
}

/** `2016-11-04 13:51:30.123456`, with ` BC`, or infinite. */
export function readTimestamp(bytes: Buffer, start: number, end: number): void {
  if (readSpecial(bytes, start, end)) return;
  readDateAndClock(bytes, start, end);
  readEra(bytes, end);
  finishDate(end);
}

/** `2016-11-04 11:51:30.123456+00`, with ` BC`, or infinite. */
export function readZonedTimestamp(bytes: Buffer, start: number, end: number): void {
  if (readSpecial(bytes, start, end)) return;
  readDateAndClock(bytes, start, end);
  readOffset(bytes, end);
  readEra(bytes, end);
  finishDate(end);
}

/** Days since 1970 of the date read last. */
export function readDays(): number {
  return daysFromCivil(read.year, read.month, read.day);
}

/** Microseconds since midnight of the clock read last. */
export function readClockMicros(): number {
  return (read.hour * 3600 + read.minute * 60 + read.second) * 1e6 + read.micros;
}

function readDateAndClock(bytes: Buffer, start: number, end: number): void {
  at = start;
  readYearMonthDay(bytes, end);
  expect(bytes, end, space);
  readClock(bytes, end);
}

function readSpecial(bytes: Buffer, start: number, end: number): boolean {
  read.special = 'none';
  const length = end - start;
  if (length === 8 && bytes[start] === 0x69 && bytes.toString('latin1', start, end) === 'infinity')
    read.special = 'infinity';
  if (length === 9 && bytes[start] === dash && bytes.toString('latin1', start, end) === '-infinity') {
    read.special = '-infinity';
  }
  return read.special !== 'none';
}

function readYearMonthDay(bytes: Buffer, end: number): void {
  const start = at;
  let year = 0;
  while (at < end && isDigit(bytes[at]!)) year = year * 10 + bytes[at++]! - 0x30;
  if (at - start < 4 || at - start > 7) refuse('not a date');
  read.year = year;
  expect(bytes, end, dash);
  read.month = twoDigits(bytes, end);
  expect(bytes, end, dash);
  read.day = twoDigits(bytes, end);
}

function readEra(bytes: Buffer, end: number): void {
  if (end - at !== 3 || bytes[at] !== space || bytes[at + 1] !== 0x42 || bytes[at + 2] !== 0x43) return;
  at += 3;
  read.year = 1 - read.year;
}

function finishDate(end: number): void {
  expectEnd(end);
  if (!isDate(read.year, read.month, read.day)) refuse('not a date');
}

function readClock(bytes: Buffer, end: number): void {
  read.hour = twoDigits(bytes, end);
  expect(bytes, end, colon);
  read.minute = twoDigits(bytes, end);
  expect(bytes, end, colon);
  read.second = twoDigits(bytes, end);
  read.micros = at < end && bytes[at] === 0x2e ? fraction(bytes, end) : 0;
  if (read.hour > 24 || read.minute > 59 || read.second > 60) refuse('not a time');
  if (read.hour === 24 && read.minute + read.second + read.micros > 0) refuse('not a time');
}

/** One to six digits behind a point, as microseconds. */
function fraction(bytes: Buffer, end: number): number {
  at++;
  const start = at;
  let micros = 0;
  while (at < end && isDigit(bytes[at]!)) micros = micros * 10 + bytes[at++]! - 0x30;
  const count = at - start;
  if (count < 1 || count > 6) refuse('not a time');
  for (let i = count; i < 6; i++) micros *= 10;
  return micros;
}

function readOffset(bytes: Buffer, end: number): void {
  const sign = bytes[at];
  if (at >= end || (sign !== plus && sign !== dash)) refuse('a time without its zone');
  at++;
  let seconds = twoDigits(bytes, end) * 3600;
  if (at < end && bytes[at] === colon) {
    at++;
    seconds += twoDigits(bytes, end) * 60;
  }
  if (at < end && bytes[at] === colon) {
    at++;
    seconds += twoDigits(bytes, end);
  }
  read.offsetSeconds = sign === dash ? -seconds : seconds;
}

function twoDigits(bytes: Buffer, end: number): number {
  const high = bytes[at]!;
  const low = bytes[at + 1]!;
  if (at + 1 >= end || !isDigit(high) || !isDigit(low)) refuse('not a date or time');
  at += 2;
  return (high - 0x30) * 10 + low - 0x30;
}

function expect(bytes: Buffer, end: number, byte: number): void {
  if (at >= end || bytes[at] !== byte) refuse('not a date or time');
  at++;
}

function expectEnd(end: number): void {
  if (at !== end) refuse('not a date or time');
}
