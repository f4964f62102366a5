/** Arrays in PostgreSQL's text form, element by element through the writer of their type. */

import { refuse } from './error-codes.ts';
import type { JsonOutput } from './json-output.ts';
import type { WriteValue } from './json-text.ts';
import { isNullWord, QuotedText } from './quoted-text.ts';

const open = 0x7b;
const close = 0x7d;
const quote = 0x22;
const bracket = 0x5b;
const equals = 0x3d;

/** PostgreSQL's own bound on dimensions. */
const mostDimensions = 6;

export interface ArrayForm {
  /** `,` for all types but box, which has `;`. */
  readonly delimiter: number;
  /** Arrays of several dimensions have no place in Connect's ARRAY: refused, or nested as JSON can. */
  readonly dimensions: 'one' | 'nested';
}

/** Lower bounds other than 1 (`[0:2]={…}`) are not kept. */
export function arrayWriter(element: WriteValue, form: ArrayForm): WriteValue {
  const walk = new ArrayWalk(element, form);
  return (out, bytes, start, end) => walk.write(out, bytes, start, end);
}

class ArrayWalk {
  readonly #element: WriteValue;
  readonly #form: ArrayForm;
  readonly #quoted = new QuotedText();
  #at = 0;

  constructor(element: WriteValue, form: ArrayForm) {
    this.#element = element;
    this.#form = form;
  }

  write(out: JsonOutput, bytes: Buffer, start: number, end: number): void {
    this.#at = start;
    if (bytes[start] === bracket) {
      while (this.#at < end && bytes[this.#at] !== equals) this.#at++;
      this.#at++;
    }
    this.#level(out, bytes, end, 1);
    if (this.#at !== end) refuse('not an array');
  }

  #level(out: JsonOutput, bytes: Buffer, end: number, depth: number): void {
    if (this.#at >= end || bytes[this.#at] !== open) refuse('not an array');
    if (depth > 1 && this.#form.dimensions === 'one') refuse('an array of several dimensions');
    if (depth > mostDimensions) refuse('not an array');
    this.#at++;
    out.byte(bracket);
    if (this.#at < end && bytes[this.#at] === close) {
      this.#at++;
      out.byte(0x5d);
      return;
    }
    for (;;) {
      this.#item(out, bytes, end, depth);
      if (this.#at >= end) refuse('not an array');
      const byte = bytes[this.#at++];
      if (byte === close) break;
      if (byte !== this.#form.delimiter) refuse('not an array');
      out.byte(0x2c);
    }
    out.byte(0x5d);
  }

  #item(out: JsonOutput, bytes: Buffer, end: number, depth: number): void {
    if (bytes[this.#at] === open && this.#at < end) {
      this.#level(out, bytes, end, depth + 1);
      return;
    }
    if (bytes[this.#at] === quote && this.#at < end) {
      const quoted = this.#quoted;
      quoted.read(bytes, this.#at + 1, end, false);
      this.#at = quoted.next;
      this.#element(out, quoted.source, quoted.start, quoted.end);
      return;
    }
    const from = this.#at;
    const delimiter = this.#form.delimiter;
    let at = from;
    while (at < end && bytes[at] !== delimiter && bytes[at] !== close) at++;
    this.#at = at;
    if (at === from) refuse('not an array');
    if (isNullWord(bytes, from, at)) out.ascii('null');
    else this.#element(out, bytes, from, at);
  }
}
