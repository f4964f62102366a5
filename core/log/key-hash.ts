/** A 128-bit hash of a record key (MurmurHash3, x86, 128 bits), seeded anew in every process. */

import { randomBytes } from 'node:crypto';

const c1 = 0x239b961b;
const c2 = 0xab0e9789;
const c3 = 0x38b34ae5;
const c4 = 0xa1e38b93;

const seed = randomBytes(4).readInt32LE(0);

/** Reused by every call: copy what is needed before the next one. */
export const keyHash = new Int32Array(4);

/** Fills `keyHash` with the hash of `bytes[start, end)`. */
export function hashKey(bytes: Uint8Array, start: number, end: number): void {
  const length = end - start;
  let h1 = seed;
  let h2 = seed;
  let h3 = seed;
  let h4 = seed;
  let at = start;
  for (; at + 16 <= end; at += 16) {
    h1 ^= scramble(word(bytes, at, 4), c1, 15, c2);
    h1 = Math.imul(rotate(h1, 19) + h2, 5) + 0x561ccd1b;
    h2 ^= scramble(word(bytes, at + 4, 4), c2, 16, c3);
    h2 = Math.imul(rotate(h2, 17) + h3, 5) + 0x0bcaa747;
    h3 ^= scramble(word(bytes, at + 8, 4), c3, 17, c4);
    h3 = Math.imul(rotate(h3, 15) + h4, 5) + 0x96cd1c35;
    h4 ^= scramble(word(bytes, at + 12, 4), c4, 18, c1);
    h4 = Math.imul(rotate(h4, 13) + h1, 5) + 0x32ac3b17;
  }
  const left = end - at;
  if (left > 12) h4 ^= scramble(word(bytes, at + 12, left - 12), c4, 18, c1);
  if (left > 8) h3 ^= scramble(word(bytes, at + 8, Math.min(left - 8, 4)), c3, 17, c4);
  if (left > 4) h2 ^= scramble(word(bytes, at + 4, Math.min(left - 4, 4)), c2, 16, c3);
  if (left > 0) h1 ^= scramble(word(bytes, at, Math.min(left, 4)), c1, 15, c2);
  finish(h1 ^ length, h2 ^ length, h3 ^ length, h4 ^ length);
}

function finish(a: number, b: number, c: number, d: number): void {
  let h1 = (a + b + c + d) | 0;
  let h2 = (b + h1) | 0;
  let h3 = (c + h1) | 0;
  let h4 = (d + h1) | 0;
  h1 = avalanche(h1);
  h2 = avalanche(h2);
  h3 = avalanche(h3);
  h4 = avalanche(h4);
  h1 = (h1 + h2 + h3 + h4) | 0;
  keyHash[0] = h1;
  keyHash[1] = h2 + h1;
  keyHash[2] = h3 + h1;
  keyHash[3] = h4 + h1;
}

function scramble(value: number, first: number, shift: number, second: number): number {
  return Math.imul(rotate(Math.imul(value, first), shift), second);
}

function rotate(value: number, shift: number): number {
  return (value << shift) | (value >>> (32 - shift));
}

function avalanche(value: number): number {
  let h = value ^ (value >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Up to four bytes, lowest first. */
function word(bytes: Uint8Array, at: number, count: number): number {
  let value = bytes[at]!;
  if (count > 1) value |= bytes[at + 1]! << 8;
  if (count > 2) value |= bytes[at + 2]! << 16;
  if (count > 3) value |= bytes[at + 3]! << 24;
  return value;
}
