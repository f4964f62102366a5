/** The types of pgvector: lists of numbers, and a sparse list. */

import { refuse } from './error-codes.ts';
import type { WriteValue } from './json-text.ts';
import { writeFloat, writeInteger } from './numbers.ts';

const comma = 0x2c;

/** vector and halfvec, `[1,2.5]`: an array of doubles or floats. */
export const writeVector: WriteValue = (out, bytes, start, end) => {
  if (end - start < 2 || bytes[start] !== 0x5b || bytes[end - 1] !== 0x5d) refuse('not a vector');
  out.byte(0x5b);
  for (let at = start + 1; at < end - 1; ) {
    if (at > start + 1) {
      if (bytes[at] !== comma) refuse('not a vector');
      out.byte(comma);
      at++;
    }
    const stop = find(bytes, comma, at, end - 1);
    writeFloat(out, bytes, at, stop);
    at = stop;
  }
  out.byte(0x5d);
};

/** sparsevec, `{1:1.5,3:2}/5`: dimensions, and a map, which Connect's JSON writes as a list of pairs. */
export const writeSparseVector: WriteValue = (out, bytes, start, end) => {
  const close = find(bytes, 0x7d, start, end);
  if (bytes[start] !== 0x7b || start >= end || close + 1 >= end || bytes[close + 1] !== 0x2f) refuse('not a sparsevec');
  out.ascii('{"dimensions":');
  writeInteger(out, bytes, close + 2, end);
  out.ascii(',"vector":[');
  for (let at = start + 1; at < close; ) {
    if (at > start + 1) {
      if (bytes[at] !== comma) refuse('not a sparsevec');
      out.byte(comma);
      at++;
    }
    const colon = find(bytes, 0x3a, at, close);
    const stop = find(bytes, comma, at, close);
    if (colon >= stop) refuse('not a sparsevec');
    out.byte(0x5b);
    writeInteger(out, bytes, at, colon);
    out.byte(comma);
    writeFloat(out, bytes, colon + 1, stop);
    out.byte(0x5d);
    at = stop;
  }
  out.ascii(']}');
};

function find(bytes: Buffer, byte: number, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] !== byte) at++;
  return at;
}
