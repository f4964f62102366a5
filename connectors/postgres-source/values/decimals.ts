/** numeric and money in the three modes of `decimal.handling.mode`; exact to the last digit in two of them. */

import { writeQuotedBytes } from './binary.ts';
import { refuse } from './error-codes.ts';
import type { JsonOutput } from './json-output.ts';
import { type WriteValue, writeString } from './json-text.ts';
import { isDigit, writeFloat } from './numbers.ts';

export type DecimalMode = 'precise' | 'double' | 'string';

const minus = 0x2d;
const dot = 0x2e;
const zero = 0x30;

/** So many digits fit a double without rounding. */
const exactDigits = 15;

/** What `readDecimal` found; overwritten by the next call. */
const parts = { isNegative: false, integerStart: 0, integerEnd: 0, fractionEnd: 0 };

/** Eight bytes big-endian, and more for numbers beyond. */
const word = Buffer.alloc(8);

/** Of a number's modifier: its digits behind the point, negative on PostgreSQL 15 and later; null without a modifier. */
export function scaleOf(modifier: number): number | null {
  if (modifier < 4) return null;
  return (((modifier - 4) & 0x7ff) ^ 1024) - 1024;
}

/** Of a number's modifier. */
export function precisionOf(modifier: number): number {
  return ((modifier - 4) >> 16) & 0xffff;
}

/** numeric(p, s) as Connect's Decimal: base64 of the unscaled number in two's complement. */
export function fixedScaleWriter(scale: number): WriteValue {
  return (out, bytes, start, end) => {
    readDecimal(bytes, start, end);
    writeUnscaled(out, bytes, scale);
  };
}

/** numeric without a scale as Debezium's VariableScaleDecimal; zeros at the end of the fraction are not kept. */
export const writeVariableScale: WriteValue = (out, bytes, start, end) => {
  readDecimal(bytes, start, end);
  while (parts.fractionEnd > parts.integerEnd + 1 && bytes[parts.fractionEnd - 1] === zero) parts.fractionEnd--;
  const scale = fractionDigits();
  out.ascii('{"scale":');
  out.integer(scale);
  out.ascii(',"value":');
  writeUnscaled(out, bytes, scale);
  out.ascii('}');
};

/** As a JSON number; readers round it to a double. NaN and infinities as writeFloat has them. */
export const writeDecimalAsDouble: WriteValue = (out, bytes, start, end) => {
  let last = end;
  const point = bytes.subarray(start, end).indexOf(dot);
  if (point >= 0) while (last > start + point + 2 && bytes[last - 1] === zero) last--;
  writeFloat(out, bytes, start, last);
};

/** The digits as a JSON string, and Debezium's names for what is no number. */
export const writeDecimalAsString: WriteValue = (out, bytes, start, end) => {
  const first = bytes[start];
  const special = specialName(bytes, start, end, first);
  if (special !== undefined) {
    out.ascii(special);
    return;
  }
  readDecimal(bytes, start, end);
  writeString(out, bytes, start, end);
};

function specialName(bytes: Buffer, start: number, end: number, first: number | undefined): string | undefined {
  if (first === undefined || (first !== minus && isDigit(first))) return undefined;
  switch (bytes.toString('latin1', start, Math.min(end, start + 10))) {
    case 'NaN':
      return '"NAN"';
    case 'Infinity':
      return '"POSITIVE_INFINITY"';
    case '-Infinity':
      return '"NEGATIVE_INFINITY"';
    default:
      return undefined;
  }
}

/** Sign, digits, and a fraction if there is one; nothing else. */
function readDecimal(bytes: Buffer, start: number, end: number): void {
  parts.isNegative = bytes[start] === minus;
  let i = parts.isNegative ? start + 1 : start;
  parts.integerStart = i;
  while (i < end && isDigit(bytes[i]!)) i++;
  parts.integerEnd = i;
  if (i < end && bytes[i] === dot) {
    i++;
    while (i < end && isDigit(bytes[i]!)) i++;
    if (i === parts.integerEnd + 1) refuse('not a decimal number');
  }
  parts.fractionEnd = i;
  if (i === end && parts.integerEnd > parts.integerStart) return;
  refuse(
    'a decimal that is no number (NaN, Infinity) cannot be exact; decimal.handling.mode string or double can hold it',
  );
}

function fractionDigits(): number {
  return parts.fractionEnd > parts.integerEnd ? parts.fractionEnd - parts.integerEnd - 1 : 0;
}

/** The digits just read with `scale` of them behind the point, as base64 of an integer. */
function writeUnscaled(out: JsonOutput, bytes: Buffer, scale: number): void {
  const integerEnd = parts.integerEnd + Math.min(scale, 0);
  if (integerEnd < parts.integerEnd) checkZeros(bytes, Math.max(integerEnd, parts.integerStart), parts.integerEnd);
  const fractionStart = parts.integerEnd + 1;
  const fractionEnd = Math.min(fractionStart + Math.max(scale, 0), Math.max(parts.fractionEnd, fractionStart));
  checkZeros(bytes, fractionEnd, parts.fractionEnd);
  const padding = Math.max(scale, 0) - (fractionEnd - fractionStart);
  const digitCount = Math.max(integerEnd - parts.integerStart, 0) + Math.max(scale, 0);
  if (digitCount <= exactDigits) {
    const whole = accumulate(bytes, parts.integerStart, integerEnd, 0);
    const value = accumulate(bytes, fractionStart, fractionEnd, whole) * 10 ** padding;
    writeSmall(out, parts.isNegative ? -value : value);
    return;
  }
  const digits = `${latin1(bytes, parts.integerStart, integerEnd)}${latin1(bytes, fractionStart, fractionEnd)}`;
  const value = BigInt(digits + '0'.repeat(padding));
  writeLarge(out, parts.isNegative ? -value : value);
}

function checkZeros(bytes: Buffer, start: number, end: number): void {
  for (let i = start; i < end; i++) if (bytes[i] !== zero) refuse('more digits than the scale of the column');
}

function accumulate(bytes: Buffer, start: number, end: number, initial: number): number {
  let value = initial;
  for (let i = start; i < end; i++) value = value * 10 + (bytes[i]! - zero);
  return value;
}

function latin1(bytes: Buffer, start: number, end: number): string {
  return end > start ? bytes.toString('latin1', start, end) : '';
}

function writeSmall(out: JsonOutput, value: number): void {
  const high = Math.floor(value / 4294967296);
  word.writeInt32BE(high, 0);
  word.writeUInt32BE(value - high * 4294967296, 4);
  writeMinimal(out, word);
}

function writeLarge(out: JsonOutput, value: bigint): void {
  const magnitude = value < 0n ? -value : value;
  const byteCount = (magnitude.toString(16).length >> 1) + 1;
  const text = BigInt.asUintN(byteCount * 8, value).toString(16);
  writeMinimal(out, Buffer.from(text.padStart(byteCount * 2, '0'), 'hex'));
}

/** Two's complement without the bytes in front that only repeat the sign. */
function writeMinimal(out: JsonOutput, bytes: Buffer): void {
  let first = 0;
  while (first < bytes.length - 1) {
    const isNext = bytes[first + 1]! >= 0x80;
    if (bytes[first] !== (isNext ? 0xff : 0)) break;
    first++;
  }
  writeQuotedBytes(out, bytes, first, bytes.length);
}

/** money, printed with lc_monetary=C: `-$1,234.11`. The digits go to a scratch that belongs to the writer. */
export function moneyWriter(mode: DecimalMode, fraction: number): WriteValue {
  const scratch = Buffer.alloc(64);
  const write =
    mode === 'precise' ? fixedScaleWriter(fraction) : mode === 'double' ? writeDecimalAsDouble : writeDecimalAsString;
  return (out, bytes, start, end) => write(out, scratch, 0, moneyDigits(scratch, bytes, start, end, fraction));
}

/** The amount as a plain decimal with `fraction` digits behind the point, half rounded away from zero. Returns its end. */
function moneyDigits(to: Buffer, bytes: Buffer, start: number, end: number, fraction: number): number {
  if (end - start > 48) refuse('not an amount of money');
  const text = bytes.toString('latin1', start, end);
  const match = /^(?:(-)?\$?|\((?=.*\)$)\$?)(\d[\d,]*)(?:\.(\d+))?\)?$/.exec(text);
  if (match === null) refuse('an amount of money that is not printed with lc_monetary=C');
  const isNegative = match[1] !== undefined || text.startsWith('(');
  const behind = match[3] ?? '';
  const kept = `${(match[2] ?? '').replaceAll(',', '')}${behind.slice(0, fraction).padEnd(fraction, '0')}`;
  const isRoundedUp = behind.length > fraction && behind.charCodeAt(fraction) >= 0x35;
  const digits = (BigInt(kept) + (isRoundedUp ? 1n : 0n)).toString().padStart(fraction + 1, '0');
  const whole = digits.slice(0, digits.length - fraction);
  const plain = fraction === 0 ? whole : `${whole}.${digits.slice(digits.length - fraction)}`;
  return to.write(`${isNegative ? '-' : ''}${plain}`, 0, 'latin1');
}
