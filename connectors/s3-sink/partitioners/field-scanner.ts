/** Finds one field of a JSON object in its bytes without parsing the rest; pure, and safe on bytes that are no JSON. */

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** What a field holds, as text: of strings what they mean, of numbers and words how they are written. */
export type FieldText = { readonly kind: 'text' | 'number' | 'word' | 'null' | 'nested'; readonly text: string };

export class FieldScanner {
  readonly #path: readonly Buffer[];
  #start = 0;
  #end = 0;

  /** `name` leads inwards by dots. */
  constructor(name: string) {
    this.#path = name.split('.').map((each) => Buffer.from(each));
  }

  /** The first field of that name in `bytes[start, end)`; undefined when it is missing or the bytes are no object. */
  find(bytes: Buffer, start: number, end: number): FieldText | undefined {
    if (!this.#locate(bytes, start, end)) return undefined;
    const raw = bytes.toString('utf8', this.#start, this.#end);
    switch (bytes[this.#start]) {
      case quote:
        return textOf(raw);
      case openBrace:
      case 0x5b:
        return { kind: 'nested', text: raw };
      case 0x6e:
        return raw === 'null' ? { kind: 'null', text: raw } : undefined;
      case 0x74:
      case 0x66:
        return raw === 'true' || raw === 'false' ? { kind: 'word', text: raw } : undefined;
      default:
        return /^-?\d/.test(raw) ? { kind: 'number', text: raw } : undefined;
    }
  }

  #locate(bytes: Buffer, start: number, end: number): boolean {
    let position = start;
    for (const name of this.#path) {
      position = enterField(bytes, position, end, name);
      if (position < 0) return false;
    }
    this.#start = position;
    this.#end = skipValue(bytes, position, end);
    return this.#end > position;
  }
}

function textOf(raw: string): FieldText | undefined {
  if (!raw.includes('\\')) return { kind: 'text', text: raw.slice(1, -1) };
  try {
    return { kind: 'text', text: JSON.parse(raw) as string };
  } catch {
    return undefined;
  }
}

/** The position of the value of the field `name` of the object at `start`, or -1. */
function enterField(bytes: Buffer, start: number, end: number, name: Buffer): number {
  let position = skipSpace(bytes, start, end);
  if (bytes[position] !== openBrace) return -1;
  position = skipSpace(bytes, position + 1, end);
  while (position < end && bytes[position] === quote) {
    const keyEnd = skipString(bytes, position, end);
    if (keyEnd < 0) return -1;
    const isOurs = isKey(bytes, position, keyEnd, name);
    position = skipSpace(bytes, keyEnd, end);
    if (position >= end || bytes[position] !== colon) return -1;
    position = skipSpace(bytes, position + 1, end);
    if (isOurs) return position < end ? position : -1;
    position = skipSpace(bytes, skipValue(bytes, position, end), end);
    if (position >= end || bytes[position] !== comma) return -1;
    position = skipSpace(bytes, position + 1, end);
  }
  return -1;
}

/** `bytes[start, end)` is the key with its quotes. A key written with escapes is read by JSON.parse. */
function isKey(bytes: Buffer, start: number, end: number, name: Buffer): boolean {
  if (end - start - 2 === name.length) {
    let i = 0;
    while (i < name.length && bytes[start + 1 + i] === name[i]) i++;
    if (i === name.length) return !name.includes(backslash);
  }
  for (let i = start; i < end; i++) {
    if (bytes[i] === backslash) return textOf(bytes.toString('utf8', start, end))?.text === name.toString();
  }
  return false;
}

function skipSpace(bytes: Buffer, start: number, end: number): number {
  let position = start;
  while (position < end && bytes[position]! <= 0x20) position++;
  return position;
}

/** The position behind the value, at most `end`; what is inside nested values is only balanced, not checked. */
function skipValue(bytes: Buffer, start: number, end: number): number {
  let position = start;
  let depth = 0;
  while (position < end) {
    const byte = bytes[position]!;
    if (byte === quote) {
      position = skipString(bytes, position, end);
      if (position < 0) return end;
      if (depth === 0) return position;
      continue;
    }
    if (byte === openBrace || byte === 0x5b) depth++;
    else if (byte === closeBrace || byte === 0x5d) {
      if (depth === 0) return position;
      if (--depth === 0) return position + 1;
    } else if (depth === 0 && (byte === comma || byte <= 0x20)) return position;
    position++;
  }
  return end;
}

/** The position behind the string that opens at `start`, or -1. */
function skipString(bytes: Buffer, start: number, end: number): number {
  let position = start + 1;
  while (position < end) {
    const byte = bytes[position]!;
    if (byte === quote) return position + 1;
    position += byte === backslash ? 2 : 1;
  }
  return -1;
}
