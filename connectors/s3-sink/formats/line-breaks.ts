/** Whether a value has a line break, asked of one record after another: the search runs once over the bytes, not once per record. */

const newline = 0x0a;
const carriageReturn = 0x0d;

const none: Buffer = Buffer.alloc(0);

export class LineBreaks {
  #bytes = none;
  /** The first of each kind at or behind the last start asked for; Infinity when there is none. */
  #nextNewline = -1;
  #nextReturn = -1;
  #lastStart = 0;

  /** Call before bytes that were searched may have changed. */
  reset(): void {
    this.#bytes = none;
  }

  /** Whether `bytes[start, end)` has one; fastest when starts grow. */
  isIn(bytes: Buffer, start: number, end: number): boolean {
    if (bytes !== this.#bytes || start < this.#lastStart) {
      this.#bytes = bytes;
      this.#nextNewline = -1;
      this.#nextReturn = -1;
    }
    this.#lastStart = start;
    if (this.#nextNewline < start) this.#nextNewline = find(bytes, newline, start);
    if (this.#nextReturn < start) this.#nextReturn = find(bytes, carriageReturn, start);
    return this.#nextNewline < end || this.#nextReturn < end;
  }
}

function find(bytes: Buffer, byte: number, start: number): number {
  const found = bytes.indexOf(byte, start);
  return found < 0 ? Number.POSITIVE_INFINITY : found;
}
