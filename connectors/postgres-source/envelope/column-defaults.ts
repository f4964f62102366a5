/** Default expressions as the server prints them: literals become the schema's default, calls the zero of their type. */

import type { Codec } from '../values/codec.ts';
import { Unrepresentable } from '../values/error-codes.ts';
import { JsonOutput } from '../values/json-output.ts';

const callPattern = /^\(?[A-Za-z0-9_."]+\(.*\)/;
const clocks = new Set(['current_timestamp', 'current_time', 'current_date', 'localtime', 'localtimestamp']);
const literalPattern = /'((?:[^']|'')*)'/;

/** Of other types a default is not told, for no JSON stands for it in a schema. */
const scalarTypes = new Set(['boolean', 'int8', 'int16', 'int32', 'int64', 'float', 'double', 'string', 'bytes']);

/** JSON of the default, or undefined when there is none to tell. */
export function defaultJson(expression: string, codec: Codec): string | undefined {
  if (!scalarTypes.has(codec.schema.type) || /^NULL(?:::|$)/i.test(expression)) return undefined;
  if (callPattern.test(expression) || clocks.has(expression.toLowerCase())) return codec.zero;
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
