/** Writes messages of pgoutput for tests. */

export const uint16 = (value: number) => Buffer.from([value >> 8, value & 0xff]);

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function lsn(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

export const text = (value: string) => Buffer.from(`${value}\0`);

export const bytesOf = (...parts: readonly (string | Buffer)[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));

/** null is null, undefined an unchanged TOAST value. */
export function tuple(...values: readonly (string | null | undefined)[]): Buffer {
  const parts = values.map((value) => {
    if (value === null) return Buffer.from('n');
    if (value === undefined) return Buffer.from('u');
    const bytes = Buffer.from(value);
    return Buffer.concat([Buffer.from('t'), uint32(bytes.length), bytes]);
  });
  return Buffer.concat([uint16(values.length), ...parts]);
}

/** A table `public.t` of text columns, of which the first `keys` are the replica identity. */
export function relation({ oid, columns, keys }: { oid: number; columns: readonly string[]; keys: number }): Buffer {
  const described = columns.map((name, index) =>
    bytesOf(Buffer.from([index < keys ? 1 : 0]), text(name), uint32(25), uint32(0xffffffff)),
  );
  return bytesOf('R', uint32(oid), text('public'), text('t'), 'd', uint16(columns.length), ...described);
}
