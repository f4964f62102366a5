/** Default expressions as the server prints them: literals become the schema's default, calls a zero of their type. */

import type { Codec } from '../values/codec.ts';
import { Unrepresentable } from '../values/error-codes.ts';
import { JsonOutput } from '../values/json-output.ts';
import { oids } from '../values/type-oids.ts';

const callPattern = /^\(?[A-Za-z0-9_."]+\(.*\)/;
const clocks = new Set(['current_timestamp', 'current_time', 'current_date', 'localtime', 'localtimestamp']);
const literalPattern = /'((?:[^']|'')*)'/;

/** Types whose defaults a schema tells, as Debezium has it, with the text of what stands for a call. */
const zeroTexts: ReadonlyMap<number, string> = new Map<number, string>([
  [oids.bit, '0'],
  [oids.varbit, '0'],
  [oids.bool, 'f'],
  [oids.bpchar, ''],
  [oids.varchar, ''],
  [oids.text, ''],
  [oids.numeric, '0.0'],
  [oids.float4, '0.0'],
  [oids.float8, '0.0'],
  [oids.int2, '0'],
  [oids.int4, '0'],
  [oids.int8, '0'],
  [oids.json, '{}'],
  [oids.jsonb, '{}'],
  [oids.xml, ''],
  [oids.uuid, '00000000-0000-0000-0000-000000000000'],
  [oids.date, '1970-01-01'],
  [oids.time, '00:00:00'],
  [oids.timestamp, '1970-01-01 00:00:00'],
  [oids.timestamptz, '1970-01-01 00:00:00+00'],
  [oids.interval, '00:00:00'],
]);

/** A structure is no default to Connect. */
const structures = new Set(['struct', 'array', 'map']);

/** JSON of the default, or undefined when there is none to tell. */
export function defaultJson(expression: string, typeOid: number, codec: Codec): string | undefined {
  const isEnum = codec.schema.name === 'io.debezium.data.Enum';
  const zero = zeroTexts.get(typeOid);
  if ((zero === undefined && !isEnum) || structures.has(codec.schema.type)) return undefined;
  if (/^NULL(?:::|$)/i.test(expression)) return undefined;
  if (callPattern.test(expression) || clocks.has(expression.toLowerCase())) {
    return zero === undefined ? undefined : jsonOf(zero, codec);
  }
  const literal = literalPattern.exec(expression);
  const text = literal === null ? expression : (literal[1] ?? '').replaceAll("''", "'");
  return jsonOf(codec.schema.type === 'boolean' ? text.replace(/^(t|f).*$/, '$1') : text, codec);
}

function jsonOf(text: string, codec: Codec): string | undefined {
  const out = new JsonOutput(256);
  const bytes = Buffer.from(text);
  try {
    codec.write(out, bytes, 0, bytes.length);
  } catch (error) {
    if (error instanceof Unrepresentable) return undefined;
    throw error;
  }
  return out.bytes.toString('utf8', 0, out.end);
}
