/** What is known of a column once its type is compiled: its schema, its writer, and what stands for values that are not there. */

import { bytes, type ConnectSchema, string } from './connect-schema.ts';
import { type WriteValue, writeString } from './json-text.ts';

export interface Codec {
  readonly schema: ConnectSchema;
  readonly write: WriteValue;
  /** JSON that stands for an unchanged TOAST value; null where the type cannot hold the placeholder. */
  readonly placeholder: string | null;
  /** JSON that stands for the values of required columns without a default that a key tuple does not have. */
  readonly zero: string;
  /** Character data: what masking, hashing and truncating apply to. */
  readonly isText: boolean;
}

export function codec(schema: ConnectSchema, write: WriteValue, zero: string): Codec {
  return { schema, write, zero, placeholder: null, isText: false };
}

/** Types that are text to Connect, named or not. */
export function textCodec(placeholder: string, schema: ConnectSchema = string, zero = '""'): Codec {
  return { schema, write: writeString, placeholder: JSON.stringify(placeholder), zero, isText: false };
}

export function bytesCodec(write: WriteValue, placeholder: string, schema: ConnectSchema = bytes): Codec {
  const inBase64 = JSON.stringify(Buffer.from(placeholder).toString('base64'));
  return { schema, write, placeholder: inBase64, zero: '""', isText: false };
}
