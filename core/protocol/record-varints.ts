/** The zigzag varints of records, written in place: their sizes beforehand, and the bytes. */

export function varintBytes(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x20_0000) return 3;
  return zigzag < 0x1000_0000 ? 4 : 5;
}

export function putVarint(memory: Buffer, at: number, value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  let position = at;
  while (rest >= 0x80) {
    memory[position++] = rest | 0x80;
    rest >>>= 7;
  }
  memory[position++] = rest;
  return position;
}

/** Zigzag of a number beyond 32 bits; exact below 2^52, which milliseconds never reach. */
function longZigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

export function varlongBytes(value: number): number {
  if ((value | 0) === value) return varintBytes(value);
  let count = 1;
  for (let rest = longZigzag(value); rest >= 0x80; rest = Math.floor(rest / 128)) count++;
  return count;
}

export function putVarlong(memory: Buffer, at: number, value: number): number {
  if ((value | 0) === value) return putVarint(memory, at, value);
  let position = at;
  let rest = longZigzag(value);
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) memory[position++] = (rest % 128) | 0x80;
  memory[position++] = rest;
  return position;
}

/** A length, -1 for null, and the bytes. */
export function sizedBytes(value: Buffer | null): number {
  return value === null ? 1 : varintBytes(value.length) + value.length;
}

export function putSized(memory: Buffer, at: number, value: Buffer | null): number {
  if (value === null) return putVarint(memory, at, -1);
  const position = putVarint(memory, at, value.length);
  value.copy(memory, position);
  return position + value.length;
}
