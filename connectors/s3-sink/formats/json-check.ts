/** Whether bytes are one JSON document (RFC 8259), read byte by byte without building anything; pure. */

export const jsonBad = 0;
export const jsonClean = 1;
/** Valid, with line breaks between tokens: a line of its own only after they became spaces. */
export const jsonHasBreaks = 2;
export type JsonVerdict = typeof jsonBad | typeof jsonClean | typeof jsonHasBreaks;

/** Deeper documents count as bad, so that the stack is bounded. */
export const deepestNesting = 1000;

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

const wantsValue = 0;
const wantsFirstElement = 1;
const wantsKey = 2;
const wantsFirstKey = 3;
const afterValue = 4;

/** The closing byte of each open object and array; shared because a check never pauses. */
const closers = new Uint8Array(deepestNesting + 1);

/** 1 for every byte that stands for itself inside a string. */
const isPlain = new Uint8Array(256).fill(1, 0x20);
isPlain[quote] = 0;
isPlain[backslash] = 0;

/** What `bytes[start, end)` is. Bytes above 0x7f are taken inside strings as they come. */
export function checkJson(bytes: Uint8Array, start: number, end: number): JsonVerdict {
  let position = start;
  let depth = 0;
  let wants = wantsValue;
  let verdict: JsonVerdict = jsonClean;
  while (position < end) {
    const byte = bytes[position]!;
    if (byte <= 0x20) {
      if (byte === 0x0a || byte === 0x0d) verdict = jsonHasBreaks;
      else if (byte !== 0x20 && byte !== 0x09) return jsonBad;
      position++;
    } else if (wants === afterValue) {
      if (depth === 0) return jsonBad;
      if (byte === comma) wants = closers[depth] === closeBrace ? wantsKey : wantsValue;
      else if (byte === closers[depth]) depth--;
      else return jsonBad;
      position++;
    } else if (wants >= wantsKey) {
      if (byte === quote) {
        position = skipString(bytes, position, end);
        while (position < end && bytes[position]! <= 0x20) {
          if (bytes[position] === 0x0a || bytes[position] === 0x0d) verdict = jsonHasBreaks;
          else if (bytes[position] !== 0x20 && bytes[position] !== 0x09) return jsonBad;
          position++;
        }
        if (position >= end || bytes[position] !== colon) return jsonBad;
        wants = wantsValue;
      } else if (byte === closeBrace && wants === wantsFirstKey) {
        depth--;
        wants = afterValue;
      } else return jsonBad;
      position++;
    } else if (byte === quote) {
      position = skipString(bytes, position, end);
      wants = afterValue;
    } else if (byte === openBrace || byte === openBracket) {
      if (++depth > deepestNesting) return jsonBad;
      closers[depth] = byte === openBrace ? closeBrace : closeBracket;
      wants = byte === openBrace ? wantsFirstKey : wantsFirstElement;
      position++;
    } else if (byte === closeBracket && wants === wantsFirstElement) {
      depth--;
      wants = afterValue;
      position++;
    } else {
      position = skipScalar(bytes, position, end);
      wants = afterValue;
    }
  }
  return position === end && depth === 0 && wants === afterValue ? verdict : jsonBad;
}

/** A position behind every end: what a skip answers when the text is wrong. */
const nowhere = Number.MAX_SAFE_INTEGER;

/** The position behind the string that opens at `start`, or one beyond any end when it is wrong or unfinished. */
function skipString(bytes: Uint8Array, start: number, end: number): number {
  let position = start + 1;
  while (position < end) {
    const byte = bytes[position]!;
    if (isPlain[byte] === 1) position++;
    else if (byte === quote) return position + 1;
    else if (byte === backslash) position = skipEscape(bytes, position + 1, end);
    else return nowhere;
  }
  return nowhere;
}

function skipEscape(bytes: Uint8Array, position: number, end: number): number {
  if (position >= end) return nowhere;
  switch (bytes[position]) {
    case 0x22: // "
    case 0x5c: // \
    case 0x2f: // /
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return position + 1;
    case 0x75: // u
      for (let i = 1; i <= 4; i++) if (position + i >= end || !isHex(bytes[position + i]!)) return nowhere;
      return position + 5;
    default:
      return nowhere;
  }
}

function skipScalar(bytes: Uint8Array, position: number, end: number): number {
  switch (bytes[position]) {
    case 0x74: // t
      return skipWord(bytes, position, end, trueWord);
    case 0x66: // f
      return skipWord(bytes, position, end, falseWord);
    case 0x6e: // n
      return skipWord(bytes, position, end, nullWord);
    default:
      return skipNumber(bytes, position, end);
  }
}

const trueWord = Buffer.from('true');
const falseWord = Buffer.from('false');
const nullWord = Buffer.from('null');

function skipWord(bytes: Uint8Array, start: number, end: number, word: Uint8Array): number {
  if (start + word.length > end) return nowhere;
  for (let i = 1; i < word.length; i++) if (bytes[start + i] !== word[i]) return nowhere;
  return start + word.length;
}

function skipNumber(bytes: Uint8Array, start: number, end: number): number {
  let position = start;
  if (bytes[position] === 0x2d) position++;
  if (position >= end) return nowhere;
  if (bytes[position] === 0x30) position++;
  else position = skipDigits(bytes, position, end);
  if (position < end && bytes[position] === 0x2e) position = skipDigits(bytes, position + 1, end);
  if (position < end && (bytes[position] === 0x65 || bytes[position] === 0x45)) {
    position++;
    if (position < end && (bytes[position] === 0x2b || bytes[position] === 0x2d)) position++;
    position = skipDigits(bytes, position, end);
  }
  return position;
}

/** The position behind one digit or more. */
function skipDigits(bytes: Uint8Array, start: number, end: number): number {
  let position = start;
  while (position < end && bytes[position]! >= 0x30 && bytes[position]! <= 0x39) position++;
  return position === start ? nowhere : position;
}

function isHex(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}
