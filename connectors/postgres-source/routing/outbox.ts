/** Rows of an outbox table as events: the topic by a column, the payload as it is, identity and more in headers. */

import type { RecordHeader } from '../../contract/record.ts';
import type { ChangeFacts, Operation, RecordTarget, TableEncoder, TableFacts } from '../envelope/change.ts';
import type { EnvelopeOptions } from '../envelope/options.ts';
import { recordOutput } from '../envelope/record-output.ts';
import { type TableShape, type Tuple, valueKinds } from '../row.ts';
import { hexByte } from '../values/base64.ts';
import { compileType } from '../values/compile-type.ts';
import { valueErrors } from '../values/error-codes.ts';
import type { JsonOutput } from '../values/json-output.ts';
import { type WriteValue, writeString } from '../values/json-text.ts';
import { oids } from '../values/type-oids.ts';
import type { OutboxOptions } from './outbox-options.ts';
import { topicOf } from './topics.ts';

/** Topics are made of values: so many are remembered. */
const rememberedTopics = 1000;

interface PlacedColumn {
  readonly alias: string;
  readonly position: number;
  readonly write: WriteValue;
}

/**
 * Creates and snapshot reads are routed; deletes are what an outbox expects and say nothing; updates are
 * told, or fail. Throws `postgres-values/outbox`.
 */
export class OutboxEncoder implements TableEncoder {
  readonly topic = '';
  readonly leftOut: readonly string[] = [];
  readonly shape: TableShape;
  readonly facts: TableFacts;
  readonly #options: OutboxOptions;
  readonly #onUpdate: (place: string) => void;
  readonly #place: string;
  readonly #id: number;
  readonly #key: number;
  readonly #payload: number;
  readonly #route: number;
  readonly #headers: readonly PlacedColumn[];
  readonly #envelope: readonly PlacedColumn[];
  readonly #writePayload: WriteValue;
  readonly #topics = new Map<string, string>();

  constructor(shape: TableShape, facts: TableFacts, outbox: OutboxOptions, options: EnvelopeOptions) {
    this.shape = shape;
    this.facts = facts;
    this.#options = outbox;
    this.#onUpdate = (place) => options.onUnrepresentable(place, 'an update of the outbox is no event');
    this.#place = `${shape.schema}.${shape.table}`;
    this.#id = this.#position(outbox.idColumn);
    this.#key = this.#position(outbox.keyColumn);
    this.#payload = this.#position(outbox.payloadColumn);
    this.#route = this.#position(outbox.routeColumn);
    this.#headers = this.#placed('header', options);
    this.#envelope = this.#placed('envelope', options);
    this.#writePayload = outbox.expandsJson ? writeAsItIs : this.#writerOf(this.#payload, options);
  }

  eventCount(op: Operation): number {
    return op === 'c' || op === 'r' ? 1 : 0;
  }

  encode(change: ChangeFacts, _before: Tuple | null, after: Tuple | null, target: RecordTarget): void {
    if (change.op === 'u') this.#refuseUpdate();
    if ((change.op !== 'c' && change.op !== 'r') || after === null) return;
    const out = recordOutput;
    out.restart();
    const keyEnd = this.#text(out, after, this.#key);
    const isEmpty = this.#isEmpty(after);
    const isNull = isEmpty && (this.#options.tombstoneOnEmptyPayload || after.kinds[this.#payload] === valueKinds.null);
    const valueStart = isNull && this.#envelope.length === 0 ? -1 : this.#value(out, after, isNull);
    const hasKey = after.kinds[this.#key] === valueKinds.text;
    const valueEnd = valueStart < 0 ? -1 : out.end;
    const topic = this.#topicOf(after);
    target.record(topic, out.bytes, hasKey ? 0 : -1, keyEnd, valueStart, valueEnd, this.#headersOf(after));
  }

  #refuseUpdate(): void {
    if (this.#options.onUpdate !== 'fatal') this.#onUpdate(this.#place);
    else throw valueErrors.error('outbox', { message: 'a row of the outbox was updated', where: this.#place });
  }

  #position(column: string): number {
    const position = this.shape.columns.findIndex(({ name }) => name === column);
    if (position >= 0) return position;
    throw valueErrors.error('outbox', { message: `the outbox has no column ${column}`, where: this.#place });
  }

  #placed(placement: 'header' | 'envelope', options: EnvelopeOptions): PlacedColumn[] {
    const known = new Set(this.shape.columns.map(({ name }) => name));
    return this.#options.fields
      .filter((field) => field.placement === placement)
      .filter(({ column }) => known.has(column) || !this.#options.ignoresMissingFields)
      .map(({ column, alias }) => {
        const position = this.#position(column);
        return { alias, position, write: this.#writerOf(position, options) };
      });
  }

  #writerOf(position: number, options: EnvelopeOptions): WriteValue {
    const column = this.shape.columns[position];
    if (column === undefined) return writeString;
    return compileType(column.typeOid, column.typeModifier, options.types, options.modes)?.write ?? writeString;
  }

  /** Appends the text of a column and returns where it ends. */
  #text(out: JsonOutput, row: Tuple, position: number): number {
    if (row.kinds[position] === valueKinds.text) out.slice(row.bytes, row.starts[position]!, row.ends[position]!);
    return out.end;
  }

  #isEmpty(row: Tuple): boolean {
    const position = this.#payload;
    if (row.kinds[position] !== valueKinds.text) return true;
    return row.bytes.toString('utf8', row.starts[position], row.ends[position]).trim() === '';
  }

  /** The payload alone, or an object with what else was asked into it. Returns where it starts. */
  #value(out: JsonOutput, row: Tuple, isNull: boolean): number {
    const start = out.end;
    if (this.#envelope.length === 0) {
      this.#bytes(out, row);
      return start;
    }
    out.ascii('{"payload":');
    if (isNull) out.ascii('null');
    else this.#writePayload(out, row.bytes, row.starts[this.#payload]!, row.ends[this.#payload]!);
    for (const { alias, position, write } of this.#envelope) {
      out.raw(Buffer.from(`,${JSON.stringify(alias)}:`));
      if (row.kinds[position] === valueKinds.text) write(out, row.bytes, row.starts[position]!, row.ends[position]!);
      else out.ascii('null');
    }
    out.byte(0x7d);
    return start;
  }

  /** The payload as it was stored: text as text, bytea as bytes. */
  #bytes(out: JsonOutput, row: Tuple): void {
    if (this.shape.columns[this.#payload]?.typeOid !== oids.bytea) {
      this.#text(out, row, this.#payload);
      return;
    }
    const end = row.ends[this.#payload]!;
    for (let at = row.starts[this.#payload]! + 2; at < end; at += 2) out.byte(hexByte(row.bytes, at));
  }

  #headersOf(row: Tuple): RecordHeader[] {
    const headers: RecordHeader[] = [{ key: 'id', value: textOf(row, this.#id) }];
    for (const { alias, position } of this.#headers) headers.push({ key: alias, value: textOf(row, position) });
    return headers;
  }

  #topicOf(row: Tuple): string {
    const value = textOf(row, this.#route)?.toString();
    if (value === undefined) {
      const message = `a row of the outbox has nothing in ${this.#options.routeColumn}, by which it would be routed`;
      throw valueErrors.error('outbox', { message, where: this.#place });
    }
    const known = this.#topics.get(value);
    if (known !== undefined) return known;
    const topic = topicOf(value.replace(this.#options.topicPattern, this.#options.topicReplacement));
    if (this.#topics.size >= rememberedTopics) this.#topics.clear();
    this.#topics.set(value, topic);
    return topic;
  }
}

function textOf(row: Tuple, position: number): Buffer | null {
  if (row.kinds[position] !== valueKinds.text) return null;
  return Buffer.from(row.bytes.subarray(row.starts[position], row.ends[position]));
}

/** JSON that stands for itself, where it does: text that is none stays a string. */
const writeAsItIs: WriteValue = (out, bytes, start, end) => {
  try {
    JSON.parse(bytes.toString('utf8', start, end));
  } catch {
    writeString(out, bytes, start, end);
    return;
  }
  out.slice(bytes, start, end);
};
