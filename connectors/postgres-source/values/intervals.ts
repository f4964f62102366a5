/** interval, printed with IntervalStyle postgres or iso_8601: microseconds, ISO 8601 text, or a structure. */

import { refuse } from './error-codes.ts';
import type { WriteValue } from './json-text.ts';

export type IntervalMode = 'numeric' | 'string';

/** A month is 30.4375 days to Debezium. */
const microsPerMonth = 2_629_800_000_000n;
const microsPerDay = 86_400_000_000n;
const largestInt64 = 9_223_372_036_854_775_807n;

/** What was read last. Signs are those of each part; the clock has one for all of its parts. */
const parts = { months: 0, days: 0, clockSign: 1, hours: 0, minutes: 0, seconds: 0, micros: 0 };

const longestText = 200;

export function intervalWriter(mode: IntervalMode): WriteValue {
  return mode === 'string' ? writeIntervalAsText : writeIntervalAsMicros;
}

const writeIntervalAsMicros: WriteValue = (out, bytes, start, end) => {
  readInterval(bytes, start, end);
  const clock = ((parts.hours * 60 + parts.minutes) * 60 + parts.seconds) * parts.clockSign;
  const micros = BigInt(parts.months) * microsPerMonth + BigInt(parts.days) * microsPerDay + BigInt(clock) * 1_000_000n;
  const total = micros + BigInt(parts.micros * parts.clockSign);
  if (total > largestInt64 || total < -largestInt64 - 1n) refuse('an interval beyond 64 bits of microseconds');
  out.bigInteger(total);
};

/** `P1Y2M3DT4H5M6.78S`, every part there. */
const writeIntervalAsText: WriteValue = (out, bytes, start, end) => {
  if (isInfinite(bytes, start, end)) {
    out.ascii(`"${bytes.toString('latin1', start, end)}"`);
    return;
  }
  readInterval(bytes, start, end);
  const sign = parts.clockSign;
  const fraction = parts.micros === 0 ? '' : `.${String(parts.micros).padStart(6, '0').replace(/0+$/, '')}`;
  const minus = sign < 0 && (parts.seconds > 0 || parts.micros > 0) ? '-' : '';
  const clock = `T${signed(parts.hours)}H${signed(parts.minutes)}M${minus}${parts.seconds}${fraction}S`;
  out.ascii(`"P${Math.trunc(parts.months / 12)}Y${parts.months % 12}M${parts.days}D${clock}"`);
};

/** PostgreSQL 17 and later. */
function isInfinite(bytes: Buffer, start: number, end: number): boolean {
  return end - start >= 8 && end - start <= 9 && /^-?infinity$/.test(bytes.toString('latin1', start, end));
}

function signed(value: number): number {
  return value === 0 ? 0 : value * parts.clockSign;
}

export function structuredDuration(precision: number): WriteValue {
  return (out, bytes, start, end) => {
    readInterval(bytes, start, end);
    const sign = parts.clockSign;
    out.ascii(
      `{"years":${Math.trunc(parts.months / 12)},"months":${parts.months % 12},"days":${parts.days},` +
        `"hours":${signed(parts.hours)},"minutes":${signed(parts.minutes)},"seconds":${signed(parts.seconds)},` +
        `"nanos":${parts.micros === 0 ? 0 : parts.micros * 1000 * sign},"precision":${precision}}`,
    );
  };
}

function readInterval(bytes: Buffer, start: number, end: number): void {
  if (end - start > longestText) refuse('not an interval');
  if (isInfinite(bytes, start, end)) refuse('an infinite interval; interval.handling.mode string can hold it');
  const text = bytes.toString('latin1', start, end);
  parts.months = 0;
  parts.days = 0;
  if (text.startsWith('P')) readIso(text);
  else readPostgres(text);
}

const isoPattern =
  /^P(?:(-?\d+)Y)?(?:(-?\d+)M)?(?:(-?\d+)D)?(?:T(?:(-?)(\d+)H)?(?:(-?)(\d+)M)?(?:(-?)(\d+)(?:\.(\d{1,6}))?S)?)?$/;

function readIso(text: string): void {
  const match = isoPattern.exec(text);
  if (match === null) refuse('not an interval');
  parts.months = Number(match[1] ?? 0) * 12 + Number(match[2] ?? 0);
  parts.days = Number(match[3] ?? 0);
  readClock(match[4] || match[6] || match[8] || '', match[5] ?? '0', match[7] ?? '0', match[9] ?? '0', match[10] ?? '');
}

const postgresPattern =
  /^(?:([+-]?\d+) years?)?(?: ?([+-]?\d+) mons?)?(?: ?([+-]?\d+) days?)?(?: ?([+-]?)(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?$/;

function readPostgres(text: string): void {
  const match = postgresPattern.exec(text);
  if (match === null || text === '') refuse('not an interval');
  parts.months = Number(match[1] ?? 0) * 12 + Number(match[2] ?? 0);
  parts.days = Number(match[3] ?? 0);
  readClock(match[4] ?? '', match[5] ?? '0', match[6] ?? '0', match[7] ?? '0', match[8] ?? '');
}

function readClock(sign: string, hours: string, minutes: string, seconds: string, fraction: string): void {
  parts.clockSign = sign === '-' ? -1 : 1;
  parts.hours = Number(hours);
  parts.minutes = Number(minutes);
  parts.seconds = Number(seconds);
  parts.micros = Number(fraction.padEnd(6, '0'));
  if (
    !Number.isSafeInteger(parts.hours * 3600) ||
    !Number.isSafeInteger(parts.months) ||
    !Number.isSafeInteger(parts.days)
  ) {
    refuse('not an interval');
  }
}
