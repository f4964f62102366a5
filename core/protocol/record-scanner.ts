/** Finds the parts of one record inside a batch, without allocating; it never reads past the end it is given. */

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

  /** Scans the record at `at` and answers where the next one starts, or -1 when the bytes before `end` are no record. */
  scan(at: number, end: number): number {
    this.#at = at;
    this.#end = end;
    this.#failed = false;
    const length = this.#varint();
    const recordEnd = this.#at + length;
    if (length < 0 || recordEnd > end) return -1;
    this.#end = recordEnd;
    this.#at += 1; // Attributes, unused so far.
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
