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

const WANTS_VALUE: i32 = 0;
const WANTS_FIRST_ELEMENT: i32 = 1;
const WANTS_KEY: i32 = 2;
const WANTS_FIRST_KEY: i32 = 3;
const AFTER_VALUE: i32 = 4;

/** Deeper documents count as bad, so that the stack is bounded. */
const DEEPEST_NESTING: i32 = 1000;

/** The closing byte of each open object and array lies in front; the host puts the text behind it. */
const CLOSERS: i32 = 0;

/** A position behind every end: what a skip answers when the text is wrong. */
const NOWHERE: i32 = i32.MAX_VALUE;

/** What [start, end) is. Sixteen bytes behind `end` are read and ignored. Bytes above 0x7f are taken inside strings as they come. */
export function checkJson(start: i32, end: i32): i32 {
  let at = start;
  let depth = 0;
  let wants = WANTS_VALUE;
  let verdict = CLEAN;
  while (at < end) {
    const byte = load<u8>(at);
    if (byte <= 0x20) {
      if (byte == 0x0a || byte == 0x0d) verdict = HAS_BREAKS;
      else if (byte != 0x20 && byte != 0x09) return BAD;
      at++;
    } else if (wants == AFTER_VALUE) {
      if (depth == 0) return BAD;
      const closer = load<u8>(CLOSERS + depth);
      if (byte == COMMA) wants = closer == CLOSE_BRACE ? WANTS_KEY : WANTS_VALUE;
      else if (byte == closer) depth--;
      else return BAD;
      at++;
    } else if (wants >= WANTS_KEY) {
      if (byte == QUOTE) {
        at = skipString(at + 1, end);
        while (at < end) {
          const space = load<u8>(at);
          if (space > 0x20) break;
          if (space == 0x0a || space == 0x0d) verdict = HAS_BREAKS;
          else if (space != 0x20 && space != 0x09) return BAD;
          at++;
        }
        if (at >= end || load<u8>(at) != COLON) return BAD;
        wants = WANTS_VALUE;
      } else if (byte == CLOSE_BRACE && wants == WANTS_FIRST_KEY) {
        depth--;
        wants = AFTER_VALUE;
      } else return BAD;
      at++;
    } else if (byte == QUOTE) {
      at = skipString(at + 1, end);
      wants = AFTER_VALUE;
    } else if (byte == OPEN_BRACE || byte == OPEN_BRACKET) {
      if (++depth > DEEPEST_NESTING) return BAD;
      store<u8>(CLOSERS + depth, byte == OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET);
      wants = byte == OPEN_BRACE ? WANTS_FIRST_KEY : WANTS_FIRST_ELEMENT;
      at++;
    } else if (byte == CLOSE_BRACKET && wants == WANTS_FIRST_ELEMENT) {
      depth--;
      wants = AFTER_VALUE;
      at++;
    } else {
      at = skipScalar(byte, at, end);
      wants = AFTER_VALUE;
    }
  }
  return at == end && depth == 0 && wants == AFTER_VALUE ? verdict : BAD;
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
