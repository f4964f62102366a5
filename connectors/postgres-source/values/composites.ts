/** Composite values, `(1,"x,y",)`, as JSON objects with the names of the attributes. */

import { refuse } from './error-codes.ts';
import type { JsonOutput } from './json-output.ts';
import { quoted as jsonText, type WriteValue } from './json-text.ts';
import { QuotedText } from './quoted-text.ts';

const comma = 0x2c;
const close = 0x29;
const quote = 0x22;

export interface CompositeField {
  readonly name: string;
  readonly write: WriteValue;
}

export function compositeWriter(fields: readonly CompositeField[]): WriteValue {
  const walk = new CompositeWalk(fields);
  return (out, bytes, start, end) => walk.write(out, bytes, start, end);
}

class CompositeWalk {
  readonly #prefixes: readonly Buffer[];
  readonly #writers: readonly WriteValue[];
  readonly #quoted = new QuotedText();
  #at = 0;

  constructor(fields: readonly CompositeField[]) {
    this.#prefixes = fields.map(({ name }, i) => Buffer.from(`${i === 0 ? '' : ','}${jsonText(name)}:`));
    this.#writers = fields.map(({ write }) => write);
  }

  write(out: JsonOutput, bytes: Buffer, start: number, end: number): void {
    if (end - start < 2 || bytes[start] !== 0x28 || bytes[end - 1] !== close) refuse('not a composite value');
    this.#at = start + 1;
    out.byte(0x7b);
    const last = this.#writers.length - 1;
    for (let i = 0; i <= last; i++) {
      out.raw(this.#prefixes[i]!);
      this.#field(out, bytes, end - 1, this.#writers[i]!);
      if (i < last && (this.#at >= end - 1 || bytes[this.#at++] !== comma)) refuse('not a composite value');
    }
    if (this.#at !== end - 1) refuse('a composite value with other attributes than its type');
    out.byte(0x7d);
  }

  /** One attribute: nothing between commas is null. */
  #field(out: JsonOutput, bytes: Buffer, end: number, write: WriteValue): void {
    const from = this.#at;
    if (from < end && bytes[from] === quote) {
      const quoted = this.#quoted;
      quoted.read(bytes, from + 1, end, true);
      this.#at = quoted.next;
      write(out, quoted.source, quoted.start, quoted.end);
      return;
    }
    let at = from;
    while (at < end && bytes[at] !== comma) at++;
    this.#at = at;
    if (at === from) out.ascii('null');
    else write(out, bytes, from, at);
  }
}
