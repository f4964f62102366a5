/** Reads the primitive types of the Kafka protocol from a buffer; whatever does not fit raises `protocol/malformed`. */

import type { MillraceError } from '../base/errors.ts';
import { protocolErrors } from './error-codes.ts';

/** The most elements one array may announce, and the most fields one tag section: Kafka's own limits. */
const maxArrayElements = 1_000_000;
const maxTags = 10_000;

export class Reader {
  readonly buffer: Buffer;
  readonly end: number;
  position: number;

  constructor(buffer: Buffer, position = 0, end = buffer.length) {
    this.buffer = buffer;
    this.position = position;
    this.end = Math.min(end, buffer.length);
  }

  get remaining(): number {
    return this.end - this.position;
  }

  int8(): number {
    return (this.buffer[this.#take(1)]! << 24) >> 24;
  }

  uint8(): number {
    return this.buffer[this.#take(1)]!;
  }

  int16(): number {
    const at = this.#take(2);
    return ((this.buffer[at]! << 24) | (this.buffer[at + 1]! << 16)) >> 16;
  }

  int32(): number {
    const at = this.#take(4);
    const { buffer } = this;
    return (buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!;
  }

  uint32(): number {
    return this.int32() >>> 0;
  }

  /** Exact within ±2^53; the nearest number beyond. */
  int64(): number {
    const high = this.int32();
    return high * 4_294_967_296 + this.uint32();
  }

  int64Big(): bigint {
    return this.buffer.readBigInt64BE(this.#take(8));
  }

  float64(): number {
    return this.buffer.readDoubleBE(this.#take(8));
  }

  boolean(): boolean {
    return this.buffer[this.#take(1)] !== 0;
  }

  /** An unsigned varint of at most 32 bits. */
  uvarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.uint8();
      if (shift === 28 && byte > 0x0f) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw this.malformed('a variable-length integer is longer than 32 bits');
  }

  /** A zigzag varint of 32 bits. */
  varint(): number {
    const value = this.uvarint();
    return (value >>> 1) ^ -(value & 1);
  }

  /** 16 bytes in Kafka's printed form: 22 characters of URL-safe base64. */
  uuid(): string {
    const at = this.#take(16);
    return this.buffer.toString('base64url', at, at + 16);
  }

  string(): string {
    return this.#text(this.#length(this.int16(), 'string'));
  }

  nullableString(): string | null {
    const length = this.int16();
    return length === -1 ? null : this.#text(this.#length(length, 'string'));
  }

  compactString(): string {
    return this.#text(this.#length(this.uvarint() - 1, 'string'));
  }

  compactNullableString(): string | null {
    const length = this.uvarint() - 1;
    return length === -1 ? null : this.#text(length);
  }

  /** A copy, so that what is kept for long does not keep the whole frame alive. */
  bytes(): Buffer {
    return Buffer.from(this.#slice(this.#length(this.int32(), 'bytes')));
  }

  nullableBytes(): Buffer | null {
    const length = this.int32();
    return length === -1 ? null : Buffer.from(this.#slice(this.#length(length, 'bytes')));
  }

  compactBytes(): Buffer {
    return Buffer.from(this.#slice(this.#length(this.uvarint() - 1, 'bytes')));
  }

  compactNullableBytes(): Buffer | null {
    const length = this.uvarint() - 1;
    return length === -1 ? null : Buffer.from(this.#slice(length));
  }

  /** Record batches: a slice that shares the memory of the frame. */
  records(): Buffer | null {
    const length = this.int32();
    return length === -1 ? null : this.#slice(this.#length(length, 'records'));
  }

  compactRecords(): Buffer | null {
    const length = this.uvarint() - 1;
    return length === -1 ? null : this.#slice(length);
  }

  /** The announced element count, -1 for null; refused before anything is allocated when the rest cannot hold it. */
  arrayLength(minElementBytes = 1): number {
    return this.#count(this.int32(), minElementBytes);
  }

  compactArrayLength(minElementBytes = 1): number {
    return this.#count(this.uvarint() - 1, minElementBytes);
  }

  /** How many fields a tag section announces. */
  tagCount(): number {
    const count = this.uvarint();
    // A tagged field takes at least its tag and its size.
    if (count > maxTags || count * 2 > this.remaining)
      throw this.malformed(`a section announces ${count} tagged fields`);
    return count;
  }

  /** Reads the size of a tagged field and answers where the field ends. */
  tagEnd(): number {
    const size = this.uvarint();
    if (size > this.remaining) throw this.malformed(`a tagged field of ${size} bytes exceeds the message`);
    return this.position + size;
  }

  /** A whole section of tagged fields nobody here knows. */
  skipTags(): void {
    for (let left = this.tagCount(); left > 0; left--) {
      this.uvarint();
      this.position = this.tagEnd();
    }
  }

  expectPosition(position: number): void {
    if (this.position !== position) throw this.malformed('a tagged field does not fill its size');
  }

  skip(byteCount: number): void {
    this.#take(byteCount);
  }

  malformed(message: string): MillraceError {
    return protocolErrors.error('malformed', { message, where: `byte ${this.position} of ${this.end}` });
  }

  #take(byteCount: number): number {
    const at = this.position;
    if (byteCount > this.end - at) throw this.malformed(`${byteCount} more bytes were expected`);
    this.position = at + byteCount;
    return at;
  }

  #length(length: number, what: string): number {
    if (length < 0) throw this.malformed(`a ${what} has the length ${length}`);
    return length;
  }

  #text(length: number): string {
    const at = this.#take(length);
    return this.buffer.toString('utf8', at, at + length);
  }

  #slice(length: number): Buffer {
    const at = this.#take(length);
    return this.buffer.subarray(at, at + length);
  }

  #count(count: number, minElementBytes: number): number {
    if (count < -1 || count > maxArrayElements || count * minElementBytes > this.remaining) {
      throw this.malformed(`an array announces ${count} elements`);
    }
    return count;
  }
}
