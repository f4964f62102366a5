/** Reads the fields of one pgoutput message, one after the other; what is cut off throws. */

import { readTimeUs } from '../wire/messages.ts';

/** A text that is cut off or makes no sense; caught where the message is known. */
export class Malformed extends Error {}

export class MessageReader {
  bytes: Buffer = Buffer.alloc(0);
  at = 0;
  end = 0;

  /** The fields of `bytes[start, end)` from here on. */
  open(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  get left(): number {
    return this.end - this.at;
  }

  skip(count: number): void {
    this.#need(count);
  }

  byte(): number {
    return this.bytes[this.#need(1)]!;
  }

  uint16(): number {
    return this.bytes.readUInt16BE(this.#need(2));
  }

  uint32(): number {
    return this.bytes.readUInt32BE(this.#need(4));
  }

  lsn(): bigint {
    return this.bytes.readBigUInt64BE(this.#need(8));
  }

  /** Microseconds since 1970. */
  timeUs(): number {
    return readTimeUs(this.bytes, this.#need(8));
  }

  /** Up to a zero byte. */
  text(): string {
    const zero = this.bytes.indexOf(0, this.at);
    if (zero < 0 || zero >= this.end) throw new Malformed('a name has no end');
    const text = this.bytes.toString('utf8', this.at, zero);
    this.at = zero + 1;
    return text;
  }

  #need(count: number): number {
    const at = this.at;
    if (count > this.end - at) throw new Malformed('it is cut off');
    this.at = at + count;
    return at;
  }
}
