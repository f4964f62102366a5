/** Turns lines of text into the records of a batch: finds each newline sixteen bytes at a time and copies the line behind its record header. */

// The first 64 bytes of the memory take the results; the input and the output lie behind them, where the host puts them.
const CONSUMED_BYTES: i32 = 0;
const PRODUCED_BYTES: i32 = 4;
const RECORD_COUNT: i32 = 8;
const PAYLOAD_BYTES: i32 = 12;
const IS_FULL: i32 = 16;

/** What a record takes beside its value, at most: two varints of five bytes, one of ten, and three single bytes. */
const RECORD_OVERHEAD_BYTES: i32 = 26;

/** Copies overshoot by less than one vector. */
const OVERSHOOT_BYTES: i32 = 16;

const NEWLINE: u8 = 0x0a;
const CARRIAGE_RETURN: u8 = 0x0d;

/**
 * Frames whole lines of [at, end) as records without key and headers into [out, outEnd), until a line is longer than
 * `maxLineBytes`, has no newline yet, or finds no room, or `maxRecords` or `budget` are used up. A record costs its value
 * and `recordCost` of the budget; the last one may overdraw it. Sixteen bytes behind `end` are read and ignored.
 */
export function frameLines(
  start: i32,
  end: i32,
  out: i32,
  outEnd: i32,
  firstOffsetDelta: i32,
  timestampDelta: i64,
  maxLineBytes: i32,
  maxRecords: i32,
  budget: i32,
  recordCost: i32,
): void {
  const timestampBytes = varlongBytes(timestampDelta);
  let at = start;
  let to = out;
  let count = 0;
  let payload = 0;
  let left = budget;
  let isFull = 0;
  while (count < maxRecords && left > 0) {
    const newline = findNewline(at, end);
    if (newline < 0) break;
    let lineBytes = newline - at;
    if (lineBytes > 0 && load<u8>(newline - 1) == CARRIAGE_RETURN) lineBytes--;
    if (lineBytes > maxLineBytes) break;
    if (to + lineBytes + RECORD_OVERHEAD_BYTES + OVERSHOOT_BYTES > outEnd) {
      isFull = 1;
      break;
    }
    const offsetDelta = firstOffsetDelta + count;
    const bodyBytes = 3 + timestampBytes + varintBytes(offsetDelta) + varintBytes(lineBytes) + lineBytes;
    to = putVarint(to, bodyBytes);
    store<u8>(to++, 0); // Attributes, unused so far.
    to = putVarlong(to, timestampDelta);
    to = putVarint(to, offsetDelta);
    store<u8>(to++, 1); // A null key: -1 in zigzag.
    to = putVarint(to, lineBytes);
    copy(to, at, lineBytes);
    to += lineBytes;
    store<u8>(to++, 0); // No headers.
    at = newline + 1;
    count++;
    payload += lineBytes;
    left -= lineBytes + recordCost;
  }
  store<i32>(CONSUMED_BYTES, at - start);
  store<i32>(PRODUCED_BYTES, to - out);
  store<i32>(RECORD_COUNT, count);
  store<i32>(PAYLOAD_BYTES, payload);
  store<i32>(IS_FULL, isFull);
}

/** The position of the first newline in [at, end), or -1. */
// @ts-expect-error: decorator
@inline
function findNewline(start: i32, end: i32): i32 {
  const wanted = i8x16.splat(NEWLINE);
  for (let at = start; at < end; at += 16) {
    const mask = i8x16.bitmask(i8x16.eq(v128.load(at), wanted));
    if (mask != 0) {
      const found = at + ctz(mask);
      return found < end ? found : -1;
    }
  }
  return -1;
}

// @ts-expect-error: decorator
@inline
function copy(to: i32, from: i32, byteCount: i32): void {
  for (let done = 0; done < byteCount; done += 16) v128.store(to + done, v128.load(from + done));
}

// @ts-expect-error: decorator
@inline
function zigzag(value: i32): u32 {
  return (value << 1) ^ (value >> 31);
}

// @ts-expect-error: decorator
@inline
function varintBytes(value: i32): i32 {
  const rest = zigzag(value);
  if (rest < 0x80) return 1;
  if (rest < 0x4000) return 2;
  if (rest < 0x20_0000) return 3;
  return rest < 0x1000_0000 ? 4 : 5;
}

// @ts-expect-error: decorator
@inline
function putVarint(start: i32, value: i32): i32 {
  let at = start;
  let rest = zigzag(value);
  while (rest >= 0x80) {
    store<u8>(at++, <u8>(rest | 0x80));
    rest >>= 7;
  }
  store<u8>(at++, <u8>rest);
  return at;
}

function varlongBytes(value: i64): i32 {
  let count = 1;
  for (let rest = <u64>((value << 1) ^ (value >> 63)); rest >= 0x80; rest >>= 7) count++;
  return count;
}

// @ts-expect-error: decorator
@inline
function putVarlong(start: i32, value: i64): i32 {
  let at = start;
  let rest = <u64>((value << 1) ^ (value >> 63));
  while (rest >= 0x80) {
    store<u8>(at++, <u8>(rest | 0x80));
    rest >>= 7;
  }
  store<u8>(at++, <u8>rest);
  return at;
}
