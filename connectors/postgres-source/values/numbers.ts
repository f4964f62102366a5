/** Numbers whose text is JSON already: checked while they are copied, never parsed. */

import { refuse } from './error-codes.ts';
import type { JsonOutput } from './json-output.ts';
import type { WriteValue } from './json-text.ts';

const minus = 0x2d;
const dot = 0x2e;
const zero = 0x30;

export function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** Digits with at most a minus in front, as all integer types print. */
export const writeInteger: WriteValue = (out, bytes, start, end) => {
  const first = bytes[start] === minus ? start + 1 : start;
  if (first >= end || (bytes[first] === zero && end - first > 1)) refuse('not an integer');
  out.reserve(end - start);
  const to = out.bytes;
  let at = out.end;
  if (first > start) to[at++] = minus;
  for (let i = first; i < end; i++) {
    const byte = bytes[i]!;
    if (byte < 0x30 || byte > 0x39) refuse('not an integer');
    to[at++] = byte;
  }
  out.end = at;
};

/**
 * real and double precision: the shortest text that gives the value back, with `.0` where it would look like an integer.
 * What JSON has no number for becomes the strings "NaN", "Infinity" and "-Infinity".
 */
export const writeFloat: WriteValue = (out, bytes, start, end) => {
  if (isNamed(bytes, start, end)) {
    writeNamed(out, bytes, start, end);
    return;
  }
  const integerEnd = copyIntegerPart(out, bytes, start, end);
  if (integerEnd === end) {
    out.reserve(2);
    out.bytes[out.end++] = dot;
    out.bytes[out.end++] = zero;
    return;
  }
  copyRest(out, bytes, integerEnd, end);
};

function isNamed(bytes: Buffer, start: number, end: number): boolean {
  const byte = bytes[bytes[start] === minus ? start + 1 : start];
  return end > start && (byte === 0x4e || byte === 0x49);
}

function writeNamed(out: JsonOutput, bytes: Buffer, start: number, end: number): void {
  const name = bytes.toString('latin1', start, end);
  if (name !== 'NaN' && name !== 'Infinity' && name !== '-Infinity') refuse('not a number');
  out.byte(0x22);
  out.slice(bytes, start, end);
  out.byte(0x22);
}

/** Copies sign and digits before the point and returns where they end. */
function copyIntegerPart(out: JsonOutput, bytes: Buffer, start: number, end: number): number {
  let i = bytes[start] === minus ? start + 1 : start;
  const first = i;
  while (i < end && isDigit(bytes[i]!)) i++;
  if (i === first || (bytes[first] === zero && i - first > 1)) refuse('not a number');
  out.slice(bytes, start, i);
  return i;
}

/** Copies what follows the integer part: a fraction, an exponent, or both. */
function copyRest(out: JsonOutput, bytes: Buffer, start: number, end: number): void {
  let i = start;
  if (bytes[i] === dot) i = digitsEnd(bytes, i + 1, end);
  if (i < end && (bytes[i]! | 0x20) === 0x65) {
    const sign = bytes[i + 1];
    i = digitsEnd(bytes, sign === minus || sign === 0x2b ? i + 2 : i + 1, end);
  }
  if (i !== end) refuse('not a number');
  out.slice(bytes, start, end);
}

function digitsEnd(bytes: Buffer, start: number, end: number): number {
  let i = start;
  while (i < end && isDigit(bytes[i]!)) i++;
  if (i === start) refuse('not a number');
  return i;
}

/** `t` and `f`. */
export const writeBoolean: WriteValue = (out, bytes, start, end) => {
  if (end - start === 1 && bytes[start] === 0x74) out.ascii('true');
  else if (end - start === 1 && bytes[start] === 0x66) out.ascii('false');
  else refuse('neither t nor f');
};
