/** The bytes of records being written: one buffer that grows, is used again for each record, and gives back what a giant took. */

/** A record that needed more leaves a smaller buffer behind. */
const keptBytes = 4 * 1024 * 1024;

/** Below it a loop is faster than a call. */
const loopedBytes = 40;

const digit0 = 0x30;

export class JsonOutput {
  bytes: Buffer;
  /** Where the next byte goes; callers move it after `reserve`. */
  end = 0;

  constructor(initialBytes = 64 * 1024) {
    this.bytes = Buffer.allocUnsafeSlow(initialBytes);
  }

  /** Begins anew; what was written before is gone. */
  restart(): void {
    this.end = 0;
    if (this.bytes.length > keptBytes) this.bytes = Buffer.allocUnsafeSlow(keptBytes);
  }

  /** Makes room for `count` more bytes, after which `bytes` may be another buffer. */
  reserve(count: number): void {
    if (this.end + count <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.end + count, this.bytes.length * 2));
    this.bytes.copy(larger, 0, 0, this.end);
    this.bytes = larger;
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.end++] = value;
  }

  /** All of `source`: what was prepared once for every row. */
  raw(source: Buffer): void {
    this.slice(source, 0, source.length);
  }

  slice(source: Buffer, start: number, end: number): void {
    const length = end - start;
    this.reserve(length);
    const bytes = this.bytes;
    let at = this.end;
    this.end = at + length;
    if (length > loopedBytes) {
      source.copy(bytes, at, start, end);
      return;
    }
    for (let i = start; i < end; i++) bytes[at++] = source[i]!;
  }

  /** For rare and short texts that are ASCII. */
  ascii(text: string): void {
    this.reserve(text.length);
    for (let i = 0; i < text.length; i++) this.bytes[this.end++] = text.charCodeAt(i);
  }

  /** A whole number within the safe range. */
  integer(value: number): void {
    this.reserve(20);
    let rest = value;
    if (rest < 0) {
      this.bytes[this.end++] = 0x2d;
      rest = -rest;
    }
    if (rest < 1e9) this.#small(rest);
    else if (rest < 1e18) {
      const high = Math.floor(rest / 1e9);
      this.#small(high);
      this.digits(rest - high * 1e9, 9);
    } else this.ascii(String(rest));
  }

  /** A whole number of any size; one that is safe costs no string. */
  bigInteger(value: bigint): void {
    if (value <= 9007199254740991n && value >= -9007199254740991n) this.integer(Number(value));
    else this.ascii(value.toString());
  }

  /** The last `count` digits of a number below 2^31, zeros in front. */
  digits(value: number, count: number): void {
    this.reserve(count);
    let rest = value | 0;
    for (let i = this.end + count - 1; i >= this.end; i--) {
      const tenth = (rest / 10) | 0;
      this.bytes[i] = digit0 + rest - tenth * 10;
      rest = tenth;
    }
    this.end += count;
  }

  /** Two digits, as clocks and calendars have them. */
  twoDigits(value: number): void {
    this.reserve(2);
    const tens = (value / 10) | 0;
    this.bytes[this.end] = digit0 + tens;
    this.bytes[this.end + 1] = digit0 + value - tens * 10;
    this.end += 2;
  }

  #small(value: number): void {
    let count = 1;
    for (let limit = 10; value >= limit; limit *= 10) count++;
    this.digits(value, count);
  }
}
