/** Says whether bytes are one JSON document (RFC 8259) without building anything; strings are passed sixteen bytes at a time. */

const BAD: i32 = 0;
const CLEAN: i32 = 1;
/** Valid, with line breaks between tokens. */
const HAS_BREAKS: i32 = 2;

const QUOTE: u8 = 0x22;
const BACKSLASH: u8 = 0x5c;
const COMMA: u8 = 0x2c;
const COLON: u8 = 0x3a;
const OPEN_BRACE: u8 = 0x7b;
const CLOSE_BRACE: u8 = 0x7d;
const OPEN_BRACKET: u8 = 0x5b;
const CLOSE_BRACKET: u8 = 0x5d;

/** Deeper documents count as bad, so that the stack is bounded. */
const DEEPEST_NESTING: i32 = 1000;

/** The closing byte of each open object and array lies in front; the host puts the text behind it. */
const CLOSERS: i32 = 0;

/** A position behind every end: what a skip answers when the text is wrong. */
const NOWHERE: i32 = i32.MAX_VALUE;

/** A line break was seen between tokens. */
let hasBreaks: bool = false;

/** What [start, end) is. Sixteen bytes behind `end` are read and ignored. Bytes above 0x7f are taken inside strings as they come. */
export function checkJson(start: i32, end: i32): i32 {
  hasBreaks = false;
  let at = pastSpace(start, end);
  let depth = 0;
  let isInObject = false;
  while (true) {
    if (isInObject) {
      if (at >= end || load<u8>(at) != QUOTE) return BAD;
      at = pastSpace(skipString(at + 1, end), end);
      if (at >= end || load<u8>(at) != COLON) return BAD;
      at = pastSpace(at + 1, end);
    }
    if (at >= end) return BAD;
    const first = load<u8>(at);
    if (first == QUOTE) at = skipString(at + 1, end);
    else if (first == OPEN_BRACE || first == OPEN_BRACKET) {
      if (++depth > DEEPEST_NESTING) return BAD;
      const closer = first == OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET;
      store<u8>(CLOSERS + depth, closer);
      isInObject = first == OPEN_BRACE;
      at = pastSpace(at + 1, end);
      // An empty one is closed below; anything else begins with its first element.
      if (at >= end || load<u8>(at) != closer) continue;
    } else at = skipScalar(first, at, end);
    while (true) {
      at = pastSpace(at, end);
      if (depth == 0) return at != end ? BAD : hasBreaks ? HAS_BREAKS : CLEAN;
      if (at >= end) return BAD;
      const byte = load<u8>(at++);
      if (byte == COMMA) {
        at = pastSpace(at, end);
        break;
      }
      if (byte != load<u8>(CLOSERS + depth)) return BAD;
      depth--;
      isInObject = depth > 0 && load<u8>(CLOSERS + depth) == CLOSE_BRACE;
    }
  }
}

// @ts-ignore: decorator
@inline
function pastSpace(at: i32, end: i32): i32 {
  return at < end && load<u8>(at) <= 0x20 ? skipSpace(at, end) : at;
}

/** The position of the first byte that is no white space, or one beyond any end at a control character. */
function skipSpace(start: i32, end: i32): i32 {
  let at = start;
  while (at < end) {
    const byte = load<u8>(at);
    if (byte > 0x20) break;
    if (byte == 0x0a || byte == 0x0d) hasBreaks = true;
    else if (byte != 0x20 && byte != 0x09) return NOWHERE;
    at++;
  }
  return at;
}

/** The position behind the string whose first byte is at `start`, or one beyond any end when it is wrong or unfinished. */
// @ts-ignore: decorator
@inline
function skipString(start: i32, end: i32): i32 {
  const quotes = i8x16.splat(QUOTE);
  const backslashes = i8x16.splat(BACKSLASH);
  const spaces = i8x16.splat(0x20);
  let at = start;
  while (at < end) {
    const bytes = v128.load(at);
    const special = v128.or(
      v128.or(i8x16.eq(bytes, quotes), i8x16.eq(bytes, backslashes)),
      i8x16.lt_u(bytes, spaces),
    );
    const mask = i8x16.bitmask(special);
    if (mask == 0) {
      at += 16;
      continue;
    }
    at += ctz(mask);
    if (at >= end) return NOWHERE;
    const byte = load<u8>(at);
    if (byte == QUOTE) return at + 1;
    if (byte != BACKSLASH) return NOWHERE;
    at = skipEscape(at + 1, end);
  }
  return NOWHERE;
}

function skipEscape(at: i32, end: i32): i32 {
  if (at >= end) return NOWHERE;
  const byte = load<u8>(at);
  // " \ / b f n r t
  if (
    byte == 0x22 ||
    byte == 0x5c ||
    byte == 0x2f ||
    byte == 0x62 ||
    byte == 0x66 ||
    byte == 0x6e ||
    byte == 0x72 ||
    byte == 0x74
  )
    return at + 1;
  if (byte != 0x75 || at + 4 >= end) return NOWHERE;
  for (let i = 1; i <= 4; i++) if (!isHex(load<u8>(at + i))) return NOWHERE;
  return at + 5;
}

function skipScalar(byte: u8, at: i32, end: i32): i32 {
  if (byte == 0x74) return end - at >= 4 && load<u32>(at) == 0x65757274 ? at + 4 : NOWHERE; // true
  if (byte == 0x66) return end - at >= 5 && load<u32>(at + 1) == 0x65736c61 ? at + 5 : NOWHERE; // false
  if (byte == 0x6e) return end - at >= 4 && load<u32>(at) == 0x6c6c756e ? at + 4 : NOWHERE; // null
  return skipNumber(at, end);
}

function skipNumber(start: i32, end: i32): i32 {
  let at = start;
  if (load<u8>(at) == 0x2d) at++;
  if (at >= end) return NOWHERE;
  if (load<u8>(at) == 0x30) at++;
  else at = skipDigits(at, end);
  if (at < end && load<u8>(at) == 0x2e) at = skipDigits(at + 1, end);
  if (at < end && (load<u8>(at) | 0x20) == 0x65) {
    at++;
    if (at < end && (load<u8>(at) == 0x2b || load<u8>(at) == 0x2d)) at++;
    at = skipDigits(at, end);
  }
  return at;
}

/** The position behind one digit or more. */
function skipDigits(start: i32, end: i32): i32 {
  let at = start;
  while (at < end && <u32>(load<u8>(at) - 0x30) < 10) at++;
  return at == start ? NOWHERE : at;
}

function isHex(byte: u8): bool {
  const letter = byte | 0x20;
  return (byte >= 0x30 && byte <= 0x39) || (letter >= 0x61 && letter <= 0x66);
}
