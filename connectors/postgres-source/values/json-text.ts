/** JSON strings from UTF-8 text, copied in runs between the bytes that must be escaped. */

import type { JsonOutput } from './json-output.ts';

/** What writes one value in the text form of its type, `bytes[start, end)`, as JSON. Throws Unrepresentable. */
export type WriteValue = (out: JsonOutput, bytes: Buffer, start: number, end: number) => void;

const quote = 0x22;
const backslash = 0x5c;

/** Up to here every byte is looked at and copied at once, with room as if each were escaped. */
const shortBytes = 96;

/** `\u00` and two hexadecimal digits: the longest escape. */
const escapeBytes = 6;

/** The letter after the backslash for bytes that have a short escape, else 0. */
const shortEscapes = new Uint8Array(256);
for (const [byte, letter] of [
  [0x08, 'b'],
  [0x09, 't'],
  [0x0a, 'n'],
  [0x0c, 'f'],
  [0x0d, 'r'],
  [quote, '"'],
  [backslash, '\\'],
] as const) {
  shortEscapes[byte] = letter.charCodeAt(0);
}

/** 1 for bytes that stand in a JSON string as they are. */
const isPlain = new Uint8Array(256).fill(1, 0x20);
isPlain[quote] = 0;
isPlain[backslash] = 0;

const hexDigits = Buffer.from('0123456789ABCDEF');

/** The text as a JSON string. The bytes of characters beyond ASCII are copied, not judged. */
export const writeString: WriteValue = (out, bytes, start, end) => {
  out.reserve(2);
  out.bytes[out.end++] = quote;
  writeEscaped(out, bytes, start, end);
  out.byte(quote);
};

/** The inside of a JSON string. */
function writeEscaped(out: JsonOutput, bytes: Buffer, start: number, end: number): void {
  let from = start;
  while (end - from > shortBytes) {
    const stop = Math.min(end, firstSpecial(bytes, from, end));
    if (stop - from > shortBytes) {
      out.slice(bytes, from, stop);
      from = stop;
    } else {
      writeShort(out, bytes, from, from + shortBytes);
      from += shortBytes;
    }
  }
  writeShort(out, bytes, from, end);
}

function firstSpecial(bytes: Buffer, start: number, end: number): number {
  let i = start;
  while (i < end && isPlain[bytes[i]!] === 1) i++;
  return i;
}

function writeShort(out: JsonOutput, bytes: Buffer, start: number, end: number): void {
  out.reserve((end - start) * escapeBytes);
  const to = out.bytes;
  let at = out.end;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    if (isPlain[byte] === 1) to[at++] = byte;
    else at = escapeByte(to, at, byte);
  }
  out.end = at;
}

function escapeByte(to: Buffer, start: number, byte: number): number {
  let at = start;
  to[at++] = backslash;
  const letter = shortEscapes[byte]!;
  if (letter !== 0) {
    to[at++] = letter;
    return at;
  }
  to[at++] = 0x75;
  to[at++] = 0x30;
  to[at++] = 0x30;
  to[at++] = hexDigits[byte >> 4]!;
  to[at++] = hexDigits[byte & 15]!;
  return at;
}

/** A JSON string as bytes, for what is prepared once. */
export function quoted(text: string): string {
  return JSON.stringify(text);
}
