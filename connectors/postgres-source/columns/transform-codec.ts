/** Puts a mask, a hash or a limit between a column's text and its writer. */

import { createHash } from 'node:crypto';
import { messageOf } from '../../../core/base/errors.ts';
import type { Codec } from '../values/codec.ts';
import { valueErrors } from '../values/error-codes.ts';
import { type WriteValue, writeString } from '../values/json-text.ts';
import type { ColumnTransform } from './column-rules.ts';

export interface TransformedCodec extends Codec {
  /** Written in place of every value, null and unset ones included; undefined when the value still counts. */
  readonly constant?: string;
}

/**
 * Applies to character data. Of other types the schema alone says that it was asked
 * for, as in Debezium. `declaredLength` is that of the column, in characters, or -1.
 */
export function transformCodec(codec: Codec, transform: ColumnTransform, declaredLength: number): TransformedCodec {
  if (transform.kind === 'truncate') return truncated(codec, transform.length, declaredLength);
  const schema = { ...codec.schema, parameters: { ...codec.schema.parameters, masked: 'true' } };
  if (!codec.isText) return { ...codec, schema };
  if (transform.kind === 'mask') {
    return { ...codec, schema, constant: JSON.stringify('*'.repeat(transform.length)) };
  }
  return { ...codec, schema, write: hashWriter(transform, declaredLength) };
}

function truncated(codec: Codec, length: number, declaredLength: number): Codec {
  if (!codec.isText || (declaredLength >= 0 && declaredLength <= length)) return codec;
  const schema = { ...codec.schema, parameters: { ...codec.schema.parameters, truncateLength: String(length) } };
  const { write } = codec;
  return {
    ...codec,
    schema,
    write: (out, bytes, start, end) => write(out, bytes, start, truncatedEnd(bytes, start, end, length)),
  };
}

/** Where the first `length` characters end, counted as UTF-16 does and never within one. */
function truncatedEnd(bytes: Buffer, start: number, end: number, length: number): number {
  if (end - start <= length) return end;
  let left = length;
  let at = start;
  while (at < end) {
    const lead = bytes[at]!;
    const units = lead >= 0xf0 ? 2 : 1;
    if (left < units) break;
    left -= units;
    at++;
    while (at < end && (bytes[at]! & 0xc0) === 0x80) at++;
  }
  return at;
}

/** The salted hash in hexadecimal digits, cut to the length of the column. */
function hashWriter(transform: ColumnTransform & { kind: 'hash' }, declaredLength: number): WriteValue {
  checkAlgorithm(transform.algorithm);
  const salt = Buffer.from(transform.salt);
  return (out, bytes, start, end) => {
    const value = bytes.subarray(start, end);
    const hash = createHash(transform.algorithm).update(salt);
    if (transform.version === 1) hash.update(serialised(value));
    else hash.update(value);
    const hex = Buffer.from(hash.digest('hex'), 'latin1');
    writeString(out, hex, 0, declaredLength > 0 ? Math.min(declaredLength, hex.length) : hex.length);
  };
}

function checkAlgorithm(algorithm: string): void {
  try {
    createHash(algorithm);
  } catch (error) {
    throw valueErrors.error('bad-setting', {
      message: `the hash algorithm ${algorithm} is not known: ${messageOf(error)}`,
      where: `column.mask.hash.${algorithm}.with.salt.…`,
      fix: 'Name one such as SHA-256 or SHA-512.',
      cause: error,
    });
  }
}

/** Version 1 hashes a string as Java serialises it: a stream header, a tag, the length, the text. */
function serialised(value: Buffer): Buffer {
  const text = modifiedUtf8(value);
  const header = Buffer.from([0xac, 0xed, 0, 5, 0x74, text.length >> 8, text.length & 0xff]);
  if (text.length <= 0xffff) return Buffer.concat([header, text]);
  const longHeader = Buffer.from([0xac, 0xed, 0, 5, 0x7c, 0, 0, 0, 0, 0, 0, 0, 0]);
  longHeader.writeBigUInt64BE(BigInt(text.length), 5);
  return Buffer.concat([longHeader, text]);
}

/** UTF-8 in which characters beyond 16 bits are two of three bytes each; PostgreSQL's text has no zero. */
function modifiedUtf8(value: Buffer): Buffer {
  if (!value.some((byte) => byte >= 0xf0)) return value;
  const parts: number[] = [];
  for (const unit of value.toString('utf8').split('')) {
    const code = unit.charCodeAt(0);
    if (code < 0x80) parts.push(code);
    else if (code < 0x800) parts.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else parts.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
  }
  return Buffer.from(parts);
}
