/** The server's answer to COPY TO STDOUT, cut into pieces of its data wherever the bytes of the connection are divided. Pure. */

const headerBytes = 5;
const tags = { data: 0x64, error: 0x45, ready: 0x5a } as const;
/** What is kept of an error; the rest of its fields say nothing that helps. */
const mostErrorBytes = 2 ** 16;

/** A failure that the server reports, in the shape the driver gives it. */
export interface CopyFailure {
  /** SQLSTATE */
  readonly code: string;
  readonly message: string;
  readonly detail: string | undefined;
  readonly hint: string | undefined;
}

/**
 * Give it bytes with `feed`, take pieces with `next` until it says false: `bytes[start, end)` is data, never of two messages.
 * PostgreSQL documentation, "Message Formats".
 */
export class CopyFrames {
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
  #at = 0;
  #tag = 0;
  /** Of the message that has begun: bytes that have not come yet. */
  #left = 0;
  readonly #header = Buffer.alloc(headerBytes);
  #headerHas = 0;
  readonly #error: Buffer[] = [];
  #errorBytes = 0;
  #failure: CopyFailure | undefined;
  #isDone = false;

  /** The server waits for the next command: the answer is complete. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** What went wrong, once `isDone`. */
  get failure(): CopyFailure | undefined {
    return this.#failure;
  }

  feed(bytes: Buffer): void {
    this.bytes = bytes;
    this.#at = 0;
  }

  /** False when more bytes are needed. */
  next(): boolean {
    const { bytes } = this;
    for (;;) {
      if (this.#left === 0 && !this.#readHeader()) return false;
      const end = Math.min(bytes.length, this.#at + this.#left);
      const start = this.#at;
      this.#at = end;
      this.#left -= end - start;
      if (this.#tag === tags.data) {
        if (end === start) return false;
        this.start = start;
        this.end = end;
        return true;
      }
      this.#other(start, end);
      if (this.#left > 0) return false;
    }
  }

  /** Moves to the next message that has a body; false when it has not come. */
  #readHeader(): boolean {
    const { bytes } = this;
    while (this.#left === 0) {
      const has = this.#headerHas;
      const available = bytes.length - this.#at;
      if (has === 0 && available >= headerBytes) {
        this.#tag = bytes[this.#at]!;
        this.#left = bytes.readUInt32BE(this.#at + 1) - 4;
        this.#at += headerBytes;
        continue;
      }
      const taken = Math.min(headerBytes - has, available);
      bytes.copy(this.#header, has, this.#at, this.#at + taken);
      this.#at += taken;
      this.#headerHas = has + taken;
      if (this.#headerHas < headerBytes) return false;
      this.#headerHas = 0;
      this.#tag = this.#header[0]!;
      this.#left = this.#header.readUInt32BE(1) - 4;
    }
    return true;
  }

  #other(start: number, end: number): void {
    if (this.#tag === tags.error) {
      if (this.#errorBytes < mostErrorBytes) this.#error.push(Buffer.from(this.bytes.subarray(start, end)));
      this.#errorBytes += end - start;
      if (this.#left === 0) this.#failure = failureOf(Buffer.concat(this.#error));
    } else if (this.#tag === tags.ready && this.#left === 0) {
      this.#isDone = true;
    }
  }
}

/** Fields are a letter and a text that ends with a zero byte. */
function failureOf(bytes: Buffer): CopyFailure {
  const texts = bytes.toString('utf8').split('\0');
  const fieldOf = (letter: string) => texts.find((each) => each.startsWith(letter))?.slice(1);
  return {
    code: fieldOf('C') ?? '',
    message: fieldOf('M') ?? 'the server reports an error',
    detail: fieldOf('D'),
    hint: fieldOf('H'),
  };
}
