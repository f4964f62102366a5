/** Base64 straight into the output: from bytes, and from the hexadecimal text of bytea. */

import { refuse } from './error-codes.ts';
import type { JsonOutput } from './json-output.ts';

export type Alphabet = Buffer;

export const standardAlphabet: Alphabet = Buffer.from(
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
);
export const urlSafeAlphabet: Alphabet = Buffer.from(
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
);

const padding = 0x3d;

/** The value of a hexadecimal digit, or 255. */
const hexValues = new Uint8Array(256).fill(255);
for (let i = 0; i < 16; i++) {
  hexValues[i.toString(16).charCodeAt(0)] = i;
  hexValues[i.toString(16).toUpperCase().charCodeAt(0)] = i;
}

/** Padded, without line breaks and without quotes. */
export function writeBase64(out: JsonOutput, bytes: Uint8Array, start: number, end: number, alphabet: Alphabet): void {
  out.reserve(Math.ceil((end - start) / 3) * 4);
  let i = start;
  for (; i + 2 < end; i += 3) put(out, bytes[i]!, bytes[i + 1]!, bytes[i + 2]!, alphabet);
  if (i < end) putLast(out, bytes[i]!, i + 1 < end ? bytes[i + 1]! : -1, alphabet);
}

/** The bytes that the hexadecimal digits `bytes[start, end)` stand for. */
export function writeBase64OfHex(out: JsonOutput, bytes: Buffer, start: number, end: number, alphabet: Alphabet): void {
  if ((end - start) % 2 !== 0) refuse('an odd number of hexadecimal digits');
  out.reserve(Math.ceil((end - start) / 6) * 4);
  let i = start;
  for (; i + 5 < end; i += 6) {
    put(out, hexByte(bytes, i), hexByte(bytes, i + 2), hexByte(bytes, i + 4), alphabet);
  }
  if (i < end) putLast(out, hexByte(bytes, i), i + 2 < end ? hexByte(bytes, i + 2) : -1, alphabet);
}

export function hexByte(bytes: Buffer, at: number): number {
  const high = hexValues[bytes[at]!]!;
  const low = hexValues[bytes[at + 1]!]!;
  if ((high | low) > 15) refuse('not a hexadecimal digit');
  return (high << 4) | low;
}

function put(out: JsonOutput, a: number, b: number, c: number, alphabet: Alphabet): void {
  const to = out.bytes;
  const at = out.end;
  to[at] = alphabet[a >> 2]!;
  to[at + 1] = alphabet[((a & 3) << 4) | (b >> 4)]!;
  to[at + 2] = alphabet[((b & 15) << 2) | (c >> 6)]!;
  to[at + 3] = alphabet[c & 63]!;
  out.end = at + 4;
}

/** One byte, or two when `b` is not -1. */
function putLast(out: JsonOutput, a: number, b: number, alphabet: Alphabet): void {
  put(out, a, Math.max(b, 0), 0, alphabet);
  out.bytes[out.end - 1] = padding;
  if (b < 0) out.bytes[out.end - 2] = padding;
}
