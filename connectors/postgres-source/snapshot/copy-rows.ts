/** Rows out of the text of COPY: fields as ranges of the bytes they came in, unescaped into memory of their own only where they must be. Pure. */

import { type Tuple, valueKinds } from '../row.ts';

const tab = 0x09;
const newline = 0x0a;
const backslash = 0x5c;
const capitalN = 0x4e;

/** What stands for a letter after a backslash (PostgreSQL documentation, COPY, "Text Format"); any other stands for itself. */
const escapes = new Uint8Array(256).map((_, i) => i);
for (const [letter, code] of Object.entries({ b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 })) {
  escapes[letter.charCodeAt(0)] = code;
}

/**
 * Give it bytes with `feed`, take rows with `next` until there is none, then feed again. A row may be divided anywhere
 * among what is fed; one that is whole is not copied unless a value of it is escaped.
 */
export class CopyRows {
  readonly #tuple: CopyTuple;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;
  /** The begin of a row whose end has not come yet. */
  #carry = Buffer.allocUnsafeSlow(2 ** 12);
  #carried = 0;
  #unescaped = Buffer.allocUnsafeSlow(2 ** 12);

  constructor(columnCount: number) {
    this.#tuple = new CopyTuple(columnCount);
  }

  /** Bytes of a row are waiting for its end. */
  get isInRow(): boolean {
    return this.#carried > 0 || this.#at < this.#end;
  }

  /** `bytes[start, end)`, valid until `next` has said null. */
  feed(bytes: Buffer, start: number, end: number): void {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** The next row, valid until the next call; null when more bytes are needed. Throws a RangeError for a row of another width. */
  next(): Tuple | null {
    if (this.#at >= this.#end) return null;
    if (this.#carried > 0) return this.#fromCarry();
    const length = this.#split(this.#bytes, this.#at, this.#end);
    if (length >= 0) {
      this.#at += length;
      return this.#tuple;
    }
    this.#keep(this.#at, this.#end);
    return null;
  }

  #fromCarry(): Tuple | null {
    const rest = this.#bytes.subarray(this.#at, this.#end);
    const found = rest.indexOf(newline);
    this.#keep(this.#at, found < 0 ? this.#end : this.#at + found + 1);
    if (found < 0) return null;
    const length = this.#carried;
    this.#carried = 0;
    this.#split(this.#carry, 0, length);
    return this.#tuple;
  }

  #keep(from: number, to: number): void {
    const needed = this.#carried + to - from;
    if (needed > this.#carry.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#carry.length * 2));
      this.#carry.copy(larger, 0, 0, this.#carried);
      this.#carry = larger;
    }
    this.#bytes.copy(this.#carry, this.#carried, from, to);
    this.#carried = needed;
    this.#at = to;
  }

  /** Fills the tuple from the row that begins at `start`; its length with the newline, or -1 when it is not whole. */
  #split(bytes: Buffer, start: number, end: number): number {
    const { kinds, starts, ends, columnCount } = this.#tuple;
    let column = 0;
    let from = start;
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!;
      if (byte > backslash || (byte > newline && byte < backslash)) continue;
      if (byte === backslash) {
        const isNull = i === from && bytes[i + 1] === capitalN && i + 1 < end;
        if (!isNull) return this.#splitEscaped(bytes, start, end);
        i++;
        continue;
      }
      if (byte !== tab && byte !== newline) continue;
      if (column < columnCount) this.#field(column, kinds, starts, ends, bytes, from, i);
      column++;
      from = i + 1;
      if (byte === tab) continue;
      this.#checkWidth(column, i === start);
      this.#tuple.bytes = bytes;
      return i + 1 - start;
    }
    return -1;
  }

  #field(
    column: number,
    kinds: Uint8Array,
    starts: Uint32Array,
    ends: Uint32Array,
    bytes: Buffer,
    from: number,
    to: number,
  ): void {
    const isNull = to - from === 2 && bytes[from] === backslash && bytes[from + 1] === capitalN;
    kinds[column] = isNull ? valueKinds.null : valueKinds.text;
    starts[column] = from;
    ends[column] = to;
  }

  /** A row with an escaped value: all of it goes to memory of its own. */
  #splitEscaped(bytes: Buffer, start: number, end: number): number {
    const rowEnd = bytes.subarray(start, end).indexOf(newline);
    if (rowEnd < 0) return -1;
    const stop = start + rowEnd;
    if (this.#unescaped.length < rowEnd) this.#unescaped = Buffer.allocUnsafeSlow(rowEnd * 2);
    const out = this.#unescaped;
    const { kinds, starts, ends, columnCount } = this.#tuple;
    let column = 0;
    let to = 0;
    let from = 0;
    let kind: number = valueKinds.text;
    for (let i = start; i <= stop; i++) {
      const byte = bytes[i]!;
      if (byte === tab || byte === newline) {
        if (column < columnCount) {
          kinds[column] = kind;
          starts[column] = from;
          ends[column] = to;
        }
        column++;
        from = to;
        kind = valueKinds.text;
      } else if (byte !== backslash) out[to++] = byte;
      else if (bytes[++i] === capitalN && to === from) kind = valueKinds.null;
      else out[to++] = escapes[bytes[i]!]!;
    }
    this.#checkWidth(column, false);
    this.#tuple.bytes = out;
    return rowEnd + 1;
  }

  /** An empty line is a row of no columns, or one column with an empty value. */
  #checkWidth(found: number, isEmpty: boolean): void {
    const { columnCount } = this.#tuple;
    if (found === columnCount || (columnCount === 0 && isEmpty)) return;
    throw new RangeError(`a row has ${found} values where the table has ${columnCount} columns`);
  }
}

class CopyTuple implements Tuple {
  bytes: Buffer = Buffer.alloc(0);
  readonly columnCount: number;
  readonly kinds: Uint8Array;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;

  constructor(columnCount: number) {
    this.columnCount = columnCount;
    this.kinds = new Uint8Array(columnCount);
    this.starts = new Uint32Array(columnCount);
    this.ends = new Uint32Array(columnCount);
  }
}
