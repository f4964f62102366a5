/** Finds the parts of one record inside a batch, without allocating; it never reads past the end it is given. */

/** The varints before the key take at most three bytes each in the fast way, the attributes one. */
const fastScanBytes = 13;
const maxFastVarintBytes = 4;

export class RecordScanner {
  offsetDelta = 0;
  /** Milliseconds; exact within ±2^53. */
  timestampDelta = 0;
  /** Key and value are the ranges [start, end) of the buffer; a start of -1 means null. */
  keyStart = -1;
  keyEnd = -1;
  valueStart = -1;
  valueEnd = -1;
  headerCount = 0;
  headersStart = 0;

  #buffer: Buffer;
  #at = 0;
  #end = 0;
  #failed = false;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  setBuffer(buffer: Buffer): void {
    this.#buffer = buffer;
  }

  /**
   * Scans the record at `start` and answers where the next one starts, or -1 when the bytes before `end` are no record.
   * This is the fast way, for varints of up to three bytes: they are written out, because a call for each of them takes
   * twice the time. `bits` gathers one: a byte of 0x80 or more announces another, and its mark is taken off there.
   */
  scan(start: number, end: number): number {
    if (end - start < fastScanBytes) return this.#scanCarefully(start, end);
    const buffer = this.#buffer;
    let at = start;

    let bits = buffer[at++]!;
    if (bits >= 0x80) bits += (buffer[at++]! - 1) << 7;
    if (bits >= 0x4000) bits += (buffer[at++]! - 1) << 14;
    if (bits >= 0x20_0000) return this.#scanCarefully(start, end);
    const recordEnd = at + ((bits >>> 1) ^ -(bits & 1));
    at += 1; // Attributes, unused so far.

    bits = buffer[at++]!;
    if (bits >= 0x80) bits += (buffer[at++]! - 1) << 7;
    if (bits >= 0x4000) bits += (buffer[at++]! - 1) << 14;
    if (bits >= 0x20_0000) return this.#scanCarefully(start, end);
    this.timestampDelta = (bits >>> 1) ^ -(bits & 1);

    bits = buffer[at++]!;
    if (bits >= 0x80) bits += (buffer[at++]! - 1) << 7;
    if (bits >= 0x4000) bits += (buffer[at++]! - 1) << 14;
    if (bits >= 0x20_0000) return this.#scanCarefully(start, end);
    this.offsetDelta = (bits >>> 1) ^ -(bits & 1);

    bits = buffer[at++]!;
    if (bits >= 0x80) bits += (buffer[at++]! - 1) << 7;
    if (bits >= 0x4000) bits += (buffer[at++]! - 1) << 14;
    if (bits >= 0x20_0000) return this.#scanCarefully(start, end);
    const keyLength = (bits >>> 1) ^ -(bits & 1);
    this.keyStart = keyLength < 0 ? -1 : at;
    if (keyLength > 0) at += keyLength;
    this.keyEnd = keyLength < 0 ? -1 : at;
    if (end - at < maxFastVarintBytes) return this.#scanCarefully(start, end);

    bits = buffer[at++]!;
    if (bits >= 0x80) bits += (buffer[at++]! - 1) << 7;
    if (bits >= 0x4000) bits += (buffer[at++]! - 1) << 14;
    if (bits >= 0x20_0000) return this.#scanCarefully(start, end);
    const valueLength = (bits >>> 1) ^ -(bits & 1);
    this.valueStart = valueLength < 0 ? -1 : at;
    if (valueLength > 0) at += valueLength;
    this.valueEnd = valueLength < 0 ? -1 : at;

    // A record with headers, or one that does not end here, is left to the careful way.
    if (at + 1 !== recordEnd || recordEnd > end || buffer[at] !== 0) return this.#scanCarefully(start, end);
    this.headerCount = 0;
    this.headersStart = recordEnd;
    return recordEnd;
  }

  /** The same for any record, checking every byte it takes. */
  #scanCarefully(start: number, end: number): number {
    this.#at = start;
    this.#end = end;
    this.#failed = false;
    const length = this.#varint();
    const recordEnd = this.#at + length;
    if (length < 0 || recordEnd > end) return -1;
    this.#end = recordEnd;
    this.#skip(1);
    this.timestampDelta = this.#varlong();
    this.offsetDelta = this.#varint();
    const keyLength = this.#varint();
    this.keyStart = keyLength < 0 ? -1 : this.#at;
    this.keyEnd = keyLength < 0 ? -1 : this.#skip(keyLength);
    const valueLength = this.#varint();
    this.valueStart = valueLength < 0 ? -1 : this.#at;
    this.valueEnd = valueLength < 0 ? -1 : this.#skip(valueLength);
    this.headerCount = this.#varint();
    this.headersStart = this.#at;
    if (this.#failed || this.headerCount < 0) return -1;
    if (this.headerCount === 0 && this.#at !== recordEnd) return -1;
    return recordEnd;
  }

  /** Moves to the next header of the record just scanned: `first` starts over. Answers false when it does not fit. */
  scanHeader(header: HeaderRange): boolean {
    const keyLength = this.#varint();
    header.keyStart = this.#at;
    header.keyEnd = this.#skip(keyLength);
    const valueLength = this.#varint();
    header.valueStart = valueLength < 0 ? -1 : this.#at;
    header.valueEnd = valueLength < 0 ? -1 : this.#skip(valueLength);
    return !this.#failed && keyLength >= 0;
  }

  /** True when the headers of the record just scanned have been walked exactly to its end. */
  get isAtEnd(): boolean {
    return this.#at === this.#end;
  }

  rewindHeaders(): void {
    this.#at = this.headersStart;
  }

  #skip(byteCount: number): number {
    const at = this.#at + byteCount;
    if (at > this.#end) this.#failed = true;
    else this.#at = at;
    return this.#at;
  }

  #varint(): number {
    const at = this.#at;
    if (at < this.#end) {
      const byte = this.#buffer[at]!;
      if (byte < 0x80) {
        this.#at = at + 1;
        return (byte >>> 1) ^ -(byte & 1);
      }
    }
    return this.#longVarint();
  }

  #longVarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.#at >= this.#end) break;
      const byte = this.#buffer[this.#at]!;
      this.#at += 1;
      if (shift === 28 && byte > 0x0f) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
    }
    this.#failed = true;
    return 0;
  }

  #varlong(): number {
    const at = this.#at;
    if (at < this.#end && this.#buffer[at]! < 0x80) return this.#varint();
    let value = 0;
    let scale = 1;
    for (let read = 0; read < 10 && this.#at < this.#end; read++) {
      const byte = this.#buffer[this.#at]!;
      this.#at += 1;
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
    this.#failed = true;
    return 0;
  }
}

/** Where a header lies; a value start of -1 means null. */
export interface HeaderRange {
  keyStart: number;
  keyEnd: number;
  valueStart: number;
  valueEnd: number;
}
