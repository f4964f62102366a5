/** Built-in types without a calendar: numbers, text, bytes, bits. */

import { bitsWriter, byteaWriter, textBytesWriter, writeOneBit } from './binary.ts';
import { bytesCodec, type Codec, codec, textCodec } from './codec.ts';
import { bytes, type ConnectSchema, double, int32, int64, logical, string, struct } from './connect-schema.ts';
import {
  fixedScaleWriter,
  moneyWriter,
  precisionOf,
  scaleOf,
  writeDecimalAsDouble,
  writeDecimalAsString,
  writeVariableScale,
} from './decimals.ts';
import type { WriteValue } from './json-text.ts';
import type { ValueModes } from './modes.ts';
import { writeBoolean, writeFloat, writeInteger } from './numbers.ts';
import { oids } from './type-oids.ts';

/** Makes the codec of a type from its modifier (-1 when it has none). */
export type CodecMaker = (modes: ValueModes, modifier: number) => Codec;

/** Unlimited to Debezium: the length of varbit without one. */
const unlimitedBits = 2_147_483_647;

const decimalName = 'org.apache.kafka.connect.data.Decimal';

export const scalarCodecs: ReadonlyMap<number, CodecMaker> = new Map<number, CodecMaker>([
  [oids.bool, () => codec({ type: 'boolean' }, writeBoolean, 'false')],
  [oids.int2, () => codec({ type: 'int16' }, writeInteger, '0')],
  [oids.int4, () => codec(int32, writeInteger, '0')],
  [oids.int8, () => codec(int64, writeInteger, '0')],
  [oids.oid, () => codec(int64, writeInteger, '0')],
  [oids.float4, () => codec({ type: 'float' }, writeFloat, '0.0')],
  [oids.float8, () => codec(double, writeFloat, '0.0')],
  [oids.numeric, numericCodec],
  [oids.money, moneyCodec],
  [oids.char, characters],
  [oids.name, characters],
  [oids.text, characters],
  [oids.bpchar, characters],
  [oids.varchar, characters],
  [oids.json, jsonCodec],
  [oids.jsonb, jsonCodec],
  [oids.xml, named('io.debezium.data.Xml')],
  [oids.uuid, named('io.debezium.data.Uuid')],
  [oids.tsvector, named('io.debezium.data.Tsvector')],
  [oids.inet, plainText],
  [oids.cidr, plainText],
  [oids.macaddr, plainText],
  [oids.macaddr8, plainText],
  [oids.int4range, plainText],
  [oids.int8range, plainText],
  [oids.numrange, plainText],
  [oids.tsrange, plainText],
  [oids.tstzrange, plainText],
  [oids.daterange, plainText],
  [oids.bytea, byteaCodec],
  [oids.bit, (modes, modifier) => bitsCodec(modes, modifier)],
  [oids.varbit, (modes, modifier) => bitsCodec(modes, modifier < 0 ? unlimitedBits : modifier)],
]);

/** Text that is not character data: unchanged it has the placeholder, and no mask applies. */
export function plainText(modes: ValueModes): Codec {
  return textCodec(modes.placeholder);
}

export function characters(modes: ValueModes): Codec {
  return { ...textCodec(modes.placeholder), isText: true };
}

/** A string with the name of a logical type. */
export function named(name: string): CodecMaker {
  return (modes) => textCodec(modes.placeholder, logical('string', name));
}

function jsonCodec(modes: ValueModes): Codec {
  const text = textCodec(modes.placeholder, logical('string', 'io.debezium.data.Json'));
  return modes.json === 'string' ? text : { ...text, write: writeJsonValue, zero: '{}' };
}

/** JSON stands for itself; the server has checked it. */
const writeJsonValue: WriteValue = (out, source, start, end) => {
  out.slice(source, start, end);
};

function byteaCodec(modes: ValueModes): Codec {
  const write = byteaWriter(modes.binary);
  if (modes.binary === 'bytes') return bytesCodec(write, modes.placeholder);
  return { ...textCodec(modes.placeholder), write };
}

/** The text of a type that has no representation of its own. */
export function unknownCodec(modes: ValueModes): Codec | null {
  if (modes.unknownTypes === 'leave-out') return null;
  if (modes.unknownTypes === 'text') return plainText(modes);
  const write = textBytesWriter(modes.binary);
  if (modes.binary === 'bytes') return bytesCodec(write, modes.placeholder);
  return { ...textCodec(modes.placeholder), write };
}

function bitsCodec(modes: ValueModes, length: number): Codec {
  if (length <= 1) return codec({ type: 'boolean' }, writeOneBit, 'false');
  const schema: ConnectSchema = {
    ...logical('bytes', 'io.debezium.data.Bits'),
    parameters: { length: String(length) },
  };
  return bytesCodec(bitsWriter(), modes.placeholder, schema);
}

function numericCodec(modes: ValueModes, modifier: number): Codec {
  if (modes.decimal === 'string') return codec(string, writeDecimalAsString, '"0"');
  if (modes.decimal === 'double') return codec(double, writeDecimalAsDouble, '0.0');
  const scale = scaleOf(modifier);
  if (scale === null) return codec(variableScale, writeVariableScale, '{"scale":0,"value":"AA=="}');
  const parameters = { scale: String(scale), 'connect.decimal.precision': String(precisionOf(modifier)) };
  return codec({ ...logical('bytes', decimalName), parameters }, fixedScaleWriter(scale), '"AA=="');
}

const variableScale: ConnectSchema = {
  ...struct('io.debezium.data.VariableScaleDecimal', { scale: int32, value: bytes }),
  version: 1,
  doc: 'Variable scaled decimal',
};

function moneyCodec(modes: ValueModes): Codec {
  const write = moneyWriter(modes.decimal, modes.moneyFractionDigits);
  if (modes.decimal === 'string') return codec(string, write, '"0"');
  if (modes.decimal === 'double') return codec(double, write, '0.0');
  const parameters = { scale: String(modes.moneyFractionDigits) };
  return codec({ ...logical('bytes', decimalName), parameters }, write, '"AA=="');
}
