/** bytea, bit strings, and types that are only known as text: `binary.handling.mode` for all of them. */

import { type Alphabet, hexByte, standardAlphabet, urlSafeAlphabet, writeBase64, writeBase64OfHex } from './base64.ts';
import { refuse } from './error-codes.ts';
import type { JsonOutput } from './json-output.ts';
import type { WriteValue } from './json-text.ts';

export type BinaryMode = 'bytes' | 'base64' | 'base64-url-safe' | 'hex';

const quote = 0x22;
const hexDigits = Buffer.from('0123456789abcdef');

/** bytea as the server prints it with bytea_output=hex. */
export function byteaWriter(mode: BinaryMode): WriteValue {
  if (mode === 'hex') return writeHexDigits;
  const alphabet = alphabetOf(mode);
  return (out, bytes, start, end) => {
    const first = skipPrefix(bytes, start, end);
    out.byte(quote);
    writeBase64OfHex(out, bytes, first, end, alphabet);
    out.byte(quote);
  };
}

/** The bytes of the text itself, for types without a representation of their own. */
export function textBytesWriter(mode: BinaryMode): WriteValue {
  if (mode === 'hex') return writeTextAsHex;
  const alphabet = alphabetOf(mode);
  return (out, bytes, start, end) => {
    out.byte(quote);
    writeBase64(out, bytes, start, end, alphabet);
    out.byte(quote);
  };
}

function alphabetOf(mode: BinaryMode): Alphabet {
  return mode === 'base64-url-safe' ? urlSafeAlphabet : standardAlphabet;
}

function skipPrefix(bytes: Buffer, start: number, end: number): number {
  if (end - start < 2 || bytes[start] !== 0x5c || bytes[start + 1] !== 0x78) {
    refuse('bytea that is not printed with bytea_output=hex');
  }
  return start + 2;
}

const writeHexDigits: WriteValue = (out, bytes, start, end) => {
  const first = skipPrefix(bytes, start, end);
  if ((end - first) % 2 !== 0) refuse('an odd number of hexadecimal digits');
  for (let i = first; i < end; i += 2) hexByte(bytes, i);
  out.byte(quote);
  out.slice(bytes, first, end);
  out.byte(quote);
};

const writeTextAsHex: WriteValue = (out, bytes, start, end) => {
  out.reserve((end - start) * 2 + 2);
  out.bytes[out.end++] = quote;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    out.bytes[out.end++] = hexDigits[byte >> 4]!;
    out.bytes[out.end++] = hexDigits[byte & 15]!;
  }
  out.bytes[out.end++] = quote;
};

/** bit(1) and varbit(1): a boolean. */
export const writeOneBit: WriteValue = (out, bytes, start, end) => {
  if (end - start > 1) refuse('more than one bit');
  const byte = end > start ? bytes[start]! : 0x30;
  if (byte !== 0x30 && byte !== 0x31) refuse('not a bit');
  out.ascii(byte === 0x31 ? 'true' : 'false');
};

/**
 * Longer bit strings: the bits as a number, little-endian, in as many bytes as its highest set bit needs. The bytes go to
 * scratch first; `scratch` belongs to the writer.
 */
export function bitsWriter(): WriteValue {
  let scratch = Buffer.allocUnsafe(64);
  return (out, bytes, start, end) => {
    const byteCount = Math.ceil((end - start) / 8);
    if (scratch.length < byteCount) scratch = Buffer.allocUnsafe(byteCount);
    const used = packBits(scratch, bytes, start, end);
    writeQuotedBytes(out, scratch, 0, used);
  };
}

/** Packs from the right and returns how many bytes are left without the zero bytes on top. */
function packBits(to: Buffer, bytes: Buffer, start: number, end: number): number {
  let used = 0;
  let bit = 0;
  let value = 0;
  for (let i = end - 1; i >= start; i--) {
    const byte = bytes[i]!;
    if (byte === 0x31) value |= 1 << bit;
    else if (byte !== 0x30) refuse('not a bit');
    const at = (end - 1 - i) >> 3;
    to[at] = value;
    if (value !== 0) used = at + 1;
    bit = (bit + 1) & 7;
    if (bit === 0) value = 0;
  }
  return used;
}

/** `bytes[start, end)` as base64 in quotes. */
export function writeQuotedBytes(out: JsonOutput, bytes: Uint8Array, start: number, end: number): void {
  out.byte(quote);
  writeBase64(out, bytes, start, end, standardAlphabet);
  out.byte(quote);
}
