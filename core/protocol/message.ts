/** A message: one table of fields, compiled to an encoder and a decoder the first time a version is used. */

import { addDecoder } from './compile-decoder.ts';
import { addEncoder } from './compile-encoder.ts';
import { SourceBuilder } from './compile-source.ts';
import { protocolErrors } from './error-codes.ts';
import { type Decoded, type Encodable, type Fields, zeroUuid } from './field.ts';
import type { Reader } from './reader.ts';
import type { Writer } from './writer.ts';

export interface MessageTable<F extends Fields> {
  /** Shown in errors. */
  readonly name: string;
  readonly versions: readonly [min: number, max: number];
  /** The first version with compact lengths and tag sections; Infinity when there is none. */
  readonly flexibleFrom: number;
  readonly fields: F;
}

export interface Message<F extends Fields> extends MessageTable<F> {
  /** Throws `protocol/unencodable` when the version cannot carry a value, `protocol/unsupported-version` for others. */
  encode(writer: Writer, value: Encodable<F>, version: number): void;
  /** Throws `protocol/malformed`; bytes behind the message are left alone. */
  decode(reader: Reader, version: number): Decoded<F>;
}

type Encode = (writer: Writer, value: unknown) => void;
type Decode = (reader: Reader) => unknown;

export function defineMessage<const F extends Fields>(table: MessageTable<F>): Message<F> {
  const encoders: Encode[] = [];
  const decoders: Decode[] = [];
  return {
    ...table,
    encode(writer, value, version) {
      encoders[version] ??= compileEncoder(table, version);
      encoders[version](writer, value);
    },
    decode(reader, version) {
      decoders[version] ??= compileDecoder(table, version);
      return decoders[version](reader) as Decoded<F>;
    },
  };
}

function compileEncoder(table: MessageTable<Fields>, version: number): Encode {
  const source = sourceFor(table, version);
  const outer = addEncoder(source, table.fields);
  const refuse = (field: string, problem: string) =>
    protocolErrors.error('unencodable', {
      message: `${field} ${problem}`,
      where: `${table.name} version ${version}`,
    });
  return evaluate(`${source.text}\nreturn ${outer};`, { refuse, zeroUuid, noBytes: Buffer.alloc(0) }) as Encode;
}

function compileDecoder(table: MessageTable<Fields>, version: number): Decode {
  const source = sourceFor(table, version);
  const outer = addDecoder(source, table.fields);
  return evaluate(`${source.text}\nreturn ${outer};`, { zeroUuid, noBytes: Buffer.alloc(0) }) as Decode;
}

function sourceFor(table: MessageTable<Fields>, version: number): SourceBuilder {
  const [min, max] = table.versions;
  if (!(version >= min && version <= max)) {
    throw protocolErrors.error('unsupported-version', {
      message: `${table.name} has the versions ${min} to ${max}, not ${version}`,
    });
  }
  return new SourceBuilder(version, version >= table.flexibleFrom);
}

/** The source comes from the tables in this folder alone, never from a message: straight-line code is what makes Produce and Fetch fast. */
function evaluate(body: string, scope: Readonly<Record<string, unknown>>): unknown {
  return new Function(...Object.keys(scope), body)(...Object.values(scope));
}
