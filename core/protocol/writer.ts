/** Writes the primitive types of the Kafka protocol into a growing buffer; record batches go in by reference, uncopied. */

import { protocolErrors } from './error-codes.ts';

/** Record data from this size on becomes a piece of its own; a copy is cheaper below. */
const referenceFromBytes = 1024;

/** What may stand for record data when encoding: one buffer, several behind each other, or none. */
export type RecordData = Buffer | readonly Buffer[] | null;

export class Writer {
  #buffer: Buffer;
  #position = 0;
  /** Where the piece being written starts in `#buffer`. */
  #pieceStart = 0;
  #pieces: Buffer[] = [];
  #finishedBytes = 0;

  constructor(initialBytes = 512) {
    this.#buffer = Buffer.allocUnsafe(initialBytes);
  }

  /** Bytes written so far, those by reference included. */
  get length(): number {
    return this.#finishedBytes + this.#position - this.#pieceStart;
  }

  int8(value: number): this {
    if ((value << 24) >> 24 !== value) throw outOfRange(value, 'int8');
    const at = this.#room(1);
    this.#buffer[at] = value;
    return this;
  }

  int16(value: number): this {
    if ((value << 16) >> 16 !== value) throw outOfRange(value, 'int16');
    const at = this.#room(2);
    const buffer = this.#buffer;
    buffer[at] = value >> 8;
    buffer[at + 1] = value;
    return this;
  }

  int32(value: number): this {
    if ((value | 0) !== value) throw outOfRange(value, 'int32');
    const at = this.#room(4);
    const buffer = this.#buffer;
    buffer[at] = value >> 24;
    buffer[at + 1] = value >> 16;
    buffer[at + 2] = value >> 8;
    buffer[at + 3] = value;
    return this;
  }

  uint32(value: number): this {
    if (value >>> 0 !== value) throw outOfRange(value, 'uint32');
    return this.int32(value | 0);
  }

  int64(value: number): this {
    if (!Number.isSafeInteger(value)) throw outOfRange(value, 'int64');
    this.int32(Math.floor(value / 4_294_967_296));
    return this.int32(value | 0);
  }

  int64Big(value: bigint): this {
    if (BigInt.asIntN(64, value) !== value) throw outOfRange(value, 'int64');
    this.#buffer.writeBigInt64BE(value, this.#room(8));
    return this;
  }

  float64(value: number): this {
    const at = this.#room(8);
    this.#buffer.writeDoubleBE(value, at);
    return this;
  }

  boolean(value: boolean): this {
    const at = this.#room(1);
    this.#buffer[at] = value ? 1 : 0;
    return this;
  }

  uvarint(value: number): this {
    if (value >>> 0 !== value) throw outOfRange(value, 'uvarint');
    let at = this.#room(5);
    const buffer = this.#buffer;
    let rest = value;
    while (rest >= 0x80) {
      buffer[at++] = rest | 0x80;
      rest >>>= 7;
    }
    buffer[at++] = rest;
    this.#position = at;
    return this;
  }

  varint(value: number): this {
    if ((value | 0) !== value) throw outOfRange(value, 'varint');
    return this.uvarint(((value << 1) ^ (value >> 31)) >>> 0);
  }

  /** Takes Kafka's printed form: 22 characters of URL-safe base64. */
  uuid(value: string): this {
    const at = this.#room(16);
    if (value.length !== 22 || this.#buffer.write(value, at, 16, 'base64url') !== 16) {
      throw protocolErrors.error('unencodable', { message: `"${value}" is not a UUID in Kafka's form` });
    }
    return this;
  }

  string(value: string): this {
    const length = Buffer.byteLength(value);
    if (length > 0x7fff) throw tooLong(length, 'string');
    return this.int16(length).#text(value, length);
  }

  nullableString(value: string | null): this {
    return value === null ? this.int16(-1) : this.string(value);
  }

  compactString(value: string): this {
    const length = Buffer.byteLength(value);
    return this.uvarint(length + 1).#text(value, length);
  }

  compactNullableString(value: string | null): this {
    return value === null ? this.uvarint(0) : this.compactString(value);
  }

  bytes(value: Buffer): this {
    return this.int32(value.length).raw(value);
  }

  nullableBytes(value: Buffer | null): this {
    return value === null ? this.int32(-1) : this.bytes(value);
  }

  compactBytes(value: Buffer): this {
    return this.uvarint(value.length + 1).raw(value);
  }

  compactNullableBytes(value: Buffer | null): this {
    return value === null ? this.uvarint(0) : this.compactBytes(value);
  }

  /** The buffers must not change until the pieces have been written to the socket. */
  records(value: RecordData): this {
    return value === null ? this.int32(-1) : this.int32(recordBytes(value)).#reference(value);
  }

  compactRecords(value: RecordData): this {
    return value === null ? this.uvarint(0) : this.uvarint(recordBytes(value) + 1).#reference(value);
  }

  /** -1 stands for null. */
  arrayLength(count: number): this {
    return this.int32(count);
  }

  compactArrayLength(count: number): this {
    return this.uvarint(count + 1);
  }

  /** Copies the bytes as they are. */
  raw(value: Uint8Array): this {
    const at = this.#room(value.length);
    this.#buffer.set(value, at);
    return this;
  }

  /** Starts a tagged field; `endTag` with the answer puts its size in front. It may not hold record data. */
  beginTag(tag: number): number {
    this.uvarint(tag);
    this.#room(1);
    return this.length;
  }

  endTag(mark: number): void {
    const size = this.length - mark;
    // One byte is reserved for the size; a longer one shifts the content.
    let extra = 0;
    for (let rest = size >>> 7; rest > 0; rest >>>= 7) extra++;
    this.#room(extra);
    // Making room may have moved the piece, so its places are only known now; nothing below may make room again.
    const start = this.#position - extra - size;
    const buffer = this.#buffer;
    buffer.copyWithin(start + extra, start, start + size);
    let at = start - 1;
    let rest = size;
    for (; rest >= 0x80; rest >>>= 7) buffer[at++] = rest | 0x80;
    buffer[at] = rest;
  }

  /** The pieces to write one behind the other; the writer is used up. */
  finish(): Buffer[] {
    this.#cut();
    return this.#pieces;
  }

  /** All bytes in one buffer; for small messages that are stored rather than sent. */
  toBuffer(): Buffer {
    const pieces = this.finish();
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  #room(byteCount: number): number {
    const at = this.#position;
    const end = at + byteCount;
    if (end > this.#buffer.length) return this.#grow(byteCount);
    this.#position = end;
    return at;
  }

  /** Moves the unfinished piece to a larger buffer. */
  #grow(byteCount: number): number {
    const used = this.#position - this.#pieceStart;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#buffer.length, used + byteCount, 512));
    this.#buffer.copy(larger, 0, this.#pieceStart, this.#position);
    this.#buffer = larger;
    this.#pieceStart = 0;
    this.#position = used + byteCount;
    return used;
  }

  #text(value: string, byteLength: number): this {
    const at = this.#room(byteLength);
    this.#buffer.write(value, at, byteLength, 'utf8');
    return this;
  }

  #reference(value: Buffer | readonly Buffer[]): this {
    if (Buffer.isBuffer(value)) this.#referenceOne(value);
    else for (const part of value as readonly Buffer[]) this.#referenceOne(part);
    return this;
  }

  #referenceOne(value: Buffer): void {
    if (value.length < referenceFromBytes) {
      this.raw(value);
      return;
    }
    this.#cut();
    this.#pieces.push(value);
    this.#finishedBytes += value.length;
  }

  #cut(): void {
    const { length } = this;
    if (this.#position > this.#pieceStart) this.#pieces.push(this.#buffer.subarray(this.#pieceStart, this.#position));
    this.#finishedBytes = length;
    this.#pieceStart = this.#position;
  }
}

function recordBytes(value: Buffer | readonly Buffer[]): number {
  if (Buffer.isBuffer(value)) return value.length;
  let total = 0;
  for (const part of value as readonly Buffer[]) total += part.length;
  return total;
}

function outOfRange(value: number | bigint, type: string) {
  return protocolErrors.error('unencodable', { message: `${value} does not fit an ${type}` });
}

function tooLong(length: number, type: string) {
  return protocolErrors.error('unencodable', { message: `${length} bytes do not fit a ${type}` });
}
