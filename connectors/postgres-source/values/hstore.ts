/** hstore: a JSON object, or the text of one in a string as Debezium has it by default. */

import { refuse } from './error-codes.ts';
import { JsonOutput } from './json-output.ts';
import { type WriteValue, writeString } from './json-text.ts';
import { isNullWord, QuotedText } from './quoted-text.ts';

export type HstoreMode = 'json' | 'map';

const comma = 0x2c;
const space = 0x20;
const quote = 0x22;

/** Keys in the server's order, values null or strings. */
export function hstoreWriter(mode: HstoreMode): WriteValue {
  const object = objectWriter();
  if (mode === 'map') return object;
  const inner = new JsonOutput(256);
  return (out, bytes, start, end) => {
    inner.restart();
    object(inner, bytes, start, end);
    writeString(out, inner.bytes, 0, inner.end);
  };
}

function objectWriter(): WriteValue {
  const text = new QuotedText();
  return (out, bytes, start, end) => {
    out.byte(0x7b);
    for (let at = start; at < end; ) {
      if (at > start) {
        at = separator(bytes, at, end);
        out.byte(comma);
      }
      at = quotedPart(bytes, at, end);
      text.read(bytes, at, end, false);
      writeString(out, text.source, text.start, text.end);
      at = arrow(bytes, text.next, end);
      out.byte(0x3a);
      at = pairValue(out, text, bytes, at, end);
    }
    out.byte(0x7d);
  };
}

function pairValue(out: JsonOutput, text: QuotedText, bytes: Buffer, at: number, end: number): number {
  if (at + 4 <= end && isNullWord(bytes, at, at + 4)) {
    out.ascii('null');
    return at + 4;
  }
  text.read(bytes, quotedPart(bytes, at, end), end, false);
  writeString(out, text.source, text.start, text.end);
  return text.next;
}

function quotedPart(bytes: Buffer, at: number, end: number): number {
  if (at >= end || bytes[at] !== quote) refuse('not an hstore');
  return at + 1;
}

function arrow(bytes: Buffer, at: number, end: number): number {
  if (at + 1 >= end || bytes[at] !== 0x3d || bytes[at + 1] !== 0x3e) refuse('not an hstore');
  return at + 2;
}

function separator(bytes: Buffer, at: number, end: number): number {
  if (bytes[at] !== comma || at + 1 >= end) refuse('not an hstore');
  return bytes[at + 1] === space ? at + 2 : at + 1;
}
