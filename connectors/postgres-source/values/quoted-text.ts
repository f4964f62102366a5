/** Quoted parts of arrays, composites and hstore: found in place where nothing is escaped, else unescaped into a scratch. */

import { refuse } from './error-codes.ts';

const quote = 0x22;
const backslash = 0x5c;

/** The text read last is `source[start, end)`; `next` is behind its closing quote. One per writer, for writers nest. */
export class QuotedText {
  source: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
  next = 0;
  #scratch = Buffer.allocUnsafe(256);

  /**
   * Reads from behind the opening quote. A backslash escapes the byte after it; in composites a doubled quote also
   * stands for one.
   */
  read(bytes: Buffer, from: number, end: number, isDoubled: boolean): void {
    let at = from;
    while (at < end && bytes[at] !== quote && bytes[at] !== backslash) at++;
    if (at < end && bytes[at] === quote && !(isDoubled && at + 1 < end && bytes[at + 1] === quote)) {
      this.source = bytes;
      this.start = from;
      this.end = at;
      this.next = at + 1;
      return;
    }
    this.#unescape(bytes, from, at, end, isDoubled);
  }

  #unescape(bytes: Buffer, from: number, plainEnd: number, end: number, isDoubled: boolean): void {
    if (this.#scratch.length < end - from) this.#scratch = Buffer.allocUnsafe((end - from) * 2);
    const scratch = this.#scratch;
    let length = bytes.copy(scratch, 0, from, plainEnd);
    let at = plainEnd;
    for (; ; at++) {
      if (at >= end) refuse('a quoted text without its end');
      let byte = bytes[at]!;
      if (byte === quote) {
        if (!(isDoubled && at + 1 < end && bytes[at + 1] === quote)) break;
        at++;
      } else if (byte === backslash) {
        at++;
        if (at >= end) refuse('a quoted text without its end');
        byte = bytes[at]!;
      }
      scratch[length++] = byte;
    }
    this.source = scratch;
    this.start = 0;
    this.end = length;
    this.next = at + 1;
  }
}

/** Whether `bytes[start, end)` is the unquoted word that stands for null. */
export function isNullWord(bytes: Buffer, start: number, end: number): boolean {
  if (end - start !== 4) return false;
  const word = (bytes[start]! << 24) | (bytes[start + 1]! << 16) | (bytes[start + 2]! << 8) | bytes[start + 3]!;
  return word === 0x4e554c4c;
}
