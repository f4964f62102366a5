/** Writes a tuple as a JSON object; compiled once for a list of columns, so that a row costs its bytes and nothing else. */

import { type Tuple, valueKinds } from '../row.ts';
import { Unrepresentable, valueErrors } from '../values/error-codes.ts';
import type { JsonOutput } from '../values/json-output.ts';
import { quoted, type WriteValue, writeString } from '../values/json-text.ts';
import type { TableColumn } from './table-columns.ts';

export interface RowPolicy {
  readonly unchangedToast: 'placeholder' | 'omit';
  readonly unrepresentable: 'fail' | 'null' | 'string';
  readonly onUnrepresentable: (place: string, reason: string) => void;
  /** `schema.table`, for errors. */
  readonly place: string;
}

const openBrace = 0x7b;
const closeBrace = 0x7d;
const nothing = Buffer.from('null');

export class RowWriter {
  readonly #columns: readonly TableColumn[];
  readonly #policy: RowPolicy;
  readonly #positions: Int32Array;
  /** `,"name":` of each column; the first comma of a row becomes its brace. */
  readonly #prefixes: readonly Buffer[];
  readonly #writers: readonly WriteValue[];
  readonly #constants: readonly (Buffer | null)[];
  readonly #placeholders: readonly Buffer[];
  /** What key tuples have in place of columns that are not in the key; null leaves the column out. */
  readonly #absent: readonly (Buffer | null)[];

  constructor(columns: readonly TableColumn[], policy: RowPolicy, absentColumns: 'zero' | 'omit') {
    this.#columns = columns;
    this.#policy = policy;
    this.#positions = Int32Array.from(columns, ({ position }) => position);
    this.#prefixes = columns.map(({ name }) => Buffer.from(`,${quoted(name)}:`));
    this.#writers = columns.map(({ codec }) => codec.write);
    this.#constants = columns.map(({ codec }) => (codec.constant === undefined ? null : Buffer.from(codec.constant)));
    this.#placeholders = columns.map(({ codec, isRequired }) => {
      return Buffer.from(codec.placeholder ?? (isRequired ? codec.zero : 'null'));
    });
    this.#absent = columns.map(({ codec, schema, isRequired, isIdentity }) => {
      if (isIdentity) return nothing;
      return absentColumns === 'omit' ? null : Buffer.from(isRequired ? (schema.defaultJson ?? codec.zero) : 'null');
    });
  }

  /** `old`, where the server sent all of the old row, fills what the new one says is unchanged. */
  write(out: JsonOutput, tuple: Tuple, old: Tuple | null): void {
    const begin = out.end;
    let next = 0;
    while (next < this.#positions.length) next = this.#run(out, tuple, old, next);
    this.#finish(out, begin);
  }

  /** A tuple that has the columns of the replica identity only. */
  writeKeyTuple(out: JsonOutput, tuple: Tuple): void {
    const begin = out.end;
    for (let i = 0; i < this.#positions.length; i++) {
      const isThere = this.#columns[i]!.isIdentity;
      const absent = this.#absent[i]!;
      if (isThere) this.#run(out, tuple, null, i, i + 1);
      else if (absent !== null) {
        out.raw(this.#prefixes[i]!);
        out.raw(absent);
      }
    }
    this.#finish(out, begin);
  }

  /** Writes columns from `first` on until `last` or one that cannot be written, settles that one, and returns the next. */
  #run(out: JsonOutput, tuple: Tuple, old: Tuple | null, first: number, last = this.#positions.length): number {
    let i = first;
    let mark = out.end;
    try {
      for (; i < last; i++) {
        mark = out.end;
        this.#column(out, tuple, old, i);
      }
      return i;
    } catch (error) {
      if (!(error instanceof Unrepresentable)) throw error;
      out.end = mark;
      this.#settle(out, tuple, old, i, error.message);
      return i + 1;
    }
  }

  #column(out: JsonOutput, tuple: Tuple, old: Tuple | null, i: number): void {
    const position = this.#positions[i]!;
    const kind = position < tuple.columnCount ? tuple.kinds[position]! : valueKinds.null;
    const constant = this.#constants[i]!;
    if (kind === valueKinds.text && constant === null) {
      out.raw(this.#prefixes[i]!);
      this.#writers[i]!(out, tuple.bytes, tuple.starts[position]!, tuple.ends[position]!);
    } else if (constant !== null || kind === valueKinds.null) {
      out.raw(this.#prefixes[i]!);
      out.raw(constant ?? nothing);
    } else if (kind === valueKinds.unchanged) this.#unchanged(out, old, i, position);
    else throw new Unrepresentable('a value in binary form');
  }

  #unchanged(out: JsonOutput, old: Tuple | null, i: number, position: number): void {
    const isKnown = old !== null && position < old.columnCount && old.kinds[position] === valueKinds.text;
    if (!isKnown && this.#policy.unchangedToast === 'omit') return;
    out.raw(this.#prefixes[i]!);
    if (isKnown) this.#writers[i]!(out, old.bytes, old.starts[position]!, old.ends[position]!);
    else out.raw(this.#placeholders[i]!);
  }

  #settle(out: JsonOutput, tuple: Tuple, old: Tuple | null, i: number, reason: string): void {
    const where = `${this.#policy.place}.${this.#columns[i]!.name}`;
    if (this.#policy.unrepresentable === 'fail') {
      throw valueErrors.error('unrepresentable', { message: `a value cannot be written: ${reason}`, where });
    }
    this.#policy.onUnrepresentable(where, reason);
    out.raw(this.#prefixes[i]!);
    const position = this.#positions[i]!;
    const source = tuple.kinds[position] === valueKinds.text ? tuple : old;
    if (this.#policy.unrepresentable === 'null' || source === null) out.raw(nothing);
    else writeString(out, source.bytes, source.starts[position]!, source.ends[position]!);
  }

  #finish(out: JsonOutput, begin: number): void {
    if (out.end === begin) out.byte(openBrace);
    else out.bytes[begin] = openBrace;
    out.byte(closeBrace);
  }
}

/** The names of columns that a tuple leaves unset, appended to `names`; for formats that tell. */
export function unsetNames(columns: readonly TableColumn[], tuple: Tuple, old: Tuple | null): string[] {
  return columns
    .filter(
      ({ position }) => tuple.kinds[position] === valueKinds.unchanged && old?.kinds[position] !== valueKinds.text,
    )
    .map(({ name }) => name);
}
