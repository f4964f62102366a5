/**
 * Decodes pgoutput, protocol versions 1 to 4, message by message. Pure. Formats: PostgreSQL documentation, "Logical
 * Replication Message Formats".
 */

import { postgresErrors } from '../error-codes.ts';
import { type ColumnShape, replicaIdentities, type TableShape } from '../row.ts';
import type { ChangeEvents, OldTuple, StreamEvents } from './events.ts';
import { Malformed, MessageReader } from './message-reader.ts';
import { tellTransaction } from './transaction-messages.ts';
import { mostColumns, TupleRanges } from './tuple-reader.ts';

const tags = {
  origin: 0x4f, // O
  relation: 0x52, // R
  type: 0x59, // Y
  insert: 0x49, // I
  update: 0x55, // U
  delete: 0x44, // D
  truncate: 0x54, // T
  message: 0x4d, // M
} as const;

const newTuple = 0x4e; // N
const keyTuple = 0x4b; // K
const oldTuple = 0x4f; // O

function explained(error: unknown, bytes: Buffer, start: number): unknown {
  if (!(error instanceof Malformed)) return error;
  const name = JSON.stringify(bytes.toString('latin1', start, start + 1));
  return postgresErrors.error('protocol', {
    message: `a message ${name} of the stream is unreadable: ${error.message}`,
  });
}

export class PgOutputDecoder {
  readonly #relations = new Map<number, TableShape>();
  readonly #old = new TupleRanges();
  readonly #new = new TupleRanges();
  readonly #reader = new MessageReader();

  /**
   * Decodes `bytes[start, end)`, one whole message that is not part of a streamed transaction. Throws `postgres/protocol`
   * for one that is cut off, unknown or about an unknown table; what was told before stays told.
   */
  decode(bytes: Buffer, start: number, end: number, events: StreamEvents): void {
    try {
      this.#reader.open(bytes, start, end);
      const tag = this.#reader.byte();
      if (!tellTransaction(tag, this.#reader, events)) this.#change(tag, events);
    } catch (error) {
      throw explained(error, bytes, start);
    }
  }

  /** The same for a message inside a streamed transaction, which says behind its tag which (sub)transaction it is of. */
  decodeStreamed(bytes: Buffer, start: number, end: number, events: ChangeEvents): void {
    try {
      this.#reader.open(bytes, start, end);
      const tag = this.#reader.byte();
      this.#reader.skip(4);
      this.#change(tag, events);
    } catch (error) {
      throw explained(error, bytes, start);
    }
  }

  #change(tag: number, events: ChangeEvents): void {
    switch (tag) {
      case tags.insert:
        this.#insert(events);
        return;
      case tags.update:
        this.#update(events);
        return;
      case tags.delete:
        this.#delete(events);
        return;
      case tags.relation:
        this.#relation(events);
        return;
      case tags.truncate:
        this.#truncate(events);
        return;
      case tags.message:
        this.#message(events);
        return;
      case tags.origin: {
        const lsn = this.#reader.lsn();
        events.origin(this.#reader.text(), lsn);
        return;
      }
      case tags.type:
        // What a type is called; the catalog says more.
        return;
      default:
        throw new Malformed('its kind is unknown');
    }
  }

  #insert(events: ChangeEvents): void {
    const shape = this.#shape();
    if (this.#reader.byte() !== newTuple) throw new Malformed('an insert without a row');
    this.#tuple(this.#new, shape);
    events.insert(shape, this.#new);
  }

  #update(events: ChangeEvents): void {
    const shape = this.#shape();
    let kind: OldTuple | null = null;
    let marker = this.#reader.byte();
    if (marker === keyTuple || marker === oldTuple) {
      kind = marker === keyTuple ? 'key' : 'full';
      this.#tuple(this.#old, shape);
      marker = this.#reader.byte();
    }
    if (marker !== newTuple) throw new Malformed('an update without a row');
    this.#tuple(this.#new, shape);
    events.update(shape, kind === null ? null : this.#old, kind, this.#new);
  }

  #delete(events: ChangeEvents): void {
    const shape = this.#shape();
    const marker = this.#reader.byte();
    if (marker !== keyTuple && marker !== oldTuple) throw new Malformed('a delete without an old row');
    this.#tuple(this.#old, shape);
    events.delete(shape, this.#old, marker === keyTuple ? 'key' : 'full');
  }

  #relation(events: ChangeEvents): void {
    const tableOid = this.#reader.uint32();
    const schema = this.#reader.text();
    const table = this.#reader.text();
    const replicaIdentity = replicaIdentities[String.fromCharCode(this.#reader.byte())];
    if (replicaIdentity === undefined) throw new Malformed('its replica identity is unknown');
    const count = this.#reader.uint16();
    if (count > mostColumns) throw new Malformed(`a table of ${count} columns`);
    const columns: ColumnShape[] = [];
    for (let index = 0; index < count; index += 1) {
      const isKey = (this.#reader.byte() & 1) === 1;
      const name = this.#reader.text();
      columns.push({ name, typeOid: this.#reader.uint32(), typeModifier: this.#reader.uint32() | 0, isKey });
    }
    // An empty name stands for the catalog's own schema.
    const shape = { tableOid, schema: schema === '' ? 'pg_catalog' : schema, table, replicaIdentity, columns };
    this.#relations.set(tableOid, shape);
    events.relation(shape);
  }

  #truncate(events: ChangeEvents): void {
    const count = this.#reader.uint32();
    const flags = this.#reader.byte();
    if (count * 4 > this.#reader.left) throw new Malformed('it is cut off');
    const shapes = Array.from({ length: count }, () => this.#shape());
    events.truncate(shapes, { cascades: (flags & 1) !== 0, restarts: (flags & 2) !== 0 });
  }

  #message(events: ChangeEvents): void {
    const isTransactional = (this.#reader.byte() & 1) === 1;
    const lsn = this.#reader.lsn();
    const prefix = this.#reader.text();
    const length = this.#reader.uint32();
    const start = this.#reader.at;
    this.#reader.skip(length);
    events.message({ isTransactional, lsn, prefix, bytes: this.#reader.bytes, start, end: start + length });
  }

  #shape(): TableShape {
    const oid = this.#reader.uint32();
    const shape = this.#relations.get(oid);
    if (shape === undefined) throw new Malformed(`the table ${oid} was not described before`);
    return shape;
  }

  /** Some servers of version 15 sent columns that the table's description left out; they would shift all others. */
  #tuple(into: TupleRanges, shape: TableShape): void {
    const at = into.read(this.#reader.bytes, this.#reader.at, this.#reader.end);
    if (at < 0) throw new Malformed('a row is cut off or has a value of an unknown kind');
    if (into.columnCount !== shape.columns.length) {
      const counts = `${into.columnCount} values for ${shape.columns.length} columns`;
      throw new Malformed(`a row of ${shape.schema}.${shape.table} has ${counts}`);
    }
    this.#reader.at = at;
  }
}
