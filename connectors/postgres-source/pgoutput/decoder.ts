/**
 * Decodes pgoutput, protocol versions 1 to 4 without two-phase commit, message by message. Pure. Formats: PostgreSQL
 * documentation, "Logical Replication Message Formats".
 */

import { postgresErrors } from '../error-codes.ts';
import { type ColumnShape, replicaIdentities, type TableShape } from '../row.ts';
import { readTimeUs } from '../wire/messages.ts';
import type { ChangeEvents, CommitInfo, OldTuple, StreamEvents } from './events.ts';
import { mostColumns, TupleRanges } from './tuple-reader.ts';

const tags = {
  begin: 0x42, // B
  commit: 0x43, // C
  origin: 0x4f, // O
  relation: 0x52, // R
  type: 0x59, // Y
  insert: 0x49, // I
  update: 0x55, // U
  delete: 0x44, // D
  truncate: 0x54, // T
  message: 0x4d, // M
  streamStart: 0x53, // S
  streamStop: 0x45, // E
  streamCommit: 0x63, // c
  streamAbort: 0x41, // A
} as const;

const newTuple = 0x4e; // N
const keyTuple = 0x4b; // K
const oldTuple = 0x4f; // O

/** A text that is cut off or makes no sense; caught where the message is known. */
class Malformed extends Error {}

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
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;

  /**
   * Decodes `bytes[start, end)`, one whole message that is not part of a streamed transaction. Throws `postgres/protocol`
   * for one that is cut off, unknown or about an unknown table; what was told before stays told.
   */
  decode(bytes: Buffer, start: number, end: number, events: StreamEvents): void {
    try {
      this.#outer(this.#begin(bytes, start, end), events);
    } catch (error) {
      throw explained(error, bytes, start);
    }
  }

  /** The same for a message inside a streamed transaction, which says behind its tag which (sub)transaction it is of. */
  decodeStreamed(bytes: Buffer, start: number, end: number, events: ChangeEvents): void {
    try {
      const tag = this.#begin(bytes, start, end);
      this.#skip(4);
      this.#change(tag, events);
    } catch (error) {
      throw explained(error, bytes, start);
    }
  }

  #begin(bytes: Buffer, start: number, end: number): number {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    return this.#byte();
  }

  #outer(tag: number, events: StreamEvents): void {
    switch (tag) {
      case tags.begin:
        events.begin(this.#lsn(), this.#time(), this.#uint32());
        return;
      case tags.commit:
        this.#skip(1);
        events.commit(this.#commit());
        return;
      case tags.streamStart:
        events.streamStart(this.#uint32(), this.#byte() === 1);
        return;
      case tags.streamStop:
        events.streamStop();
        return;
      case tags.streamCommit: {
        const transactionId = this.#uint32();
        this.#skip(1);
        events.streamCommit(transactionId, this.#commit());
        return;
      }
      case tags.streamAbort:
        // Version 4 says more behind it, which nobody needs.
        events.streamAbort(this.#uint32(), this.#uint32());
        return;
      default:
        this.#change(tag, events);
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
        const lsn = this.#lsn();
        events.origin(this.#text(), lsn);
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
    if (this.#byte() !== newTuple) throw new Malformed('an insert without a row');
    this.#tuple(this.#new, shape);
    events.insert(shape, this.#new);
  }

  #update(events: ChangeEvents): void {
    const shape = this.#shape();
    let kind: OldTuple | null = null;
    let marker = this.#byte();
    if (marker === keyTuple || marker === oldTuple) {
      kind = marker === keyTuple ? 'key' : 'full';
      this.#tuple(this.#old, shape);
      marker = this.#byte();
    }
    if (marker !== newTuple) throw new Malformed('an update without a row');
    this.#tuple(this.#new, shape);
    events.update(shape, kind === null ? null : this.#old, kind, this.#new);
  }

  #delete(events: ChangeEvents): void {
    const shape = this.#shape();
    const marker = this.#byte();
    if (marker !== keyTuple && marker !== oldTuple) throw new Malformed('a delete without an old row');
    this.#tuple(this.#old, shape);
    events.delete(shape, this.#old, marker === keyTuple ? 'key' : 'full');
  }

  #relation(events: ChangeEvents): void {
    const tableOid = this.#uint32();
    const schema = this.#text();
    const table = this.#text();
    const replicaIdentity = replicaIdentities[String.fromCharCode(this.#byte())];
    if (replicaIdentity === undefined) throw new Malformed('its replica identity is unknown');
    const count = this.#uint16();
    if (count > mostColumns) throw new Malformed(`a table of ${count} columns`);
    const columns: ColumnShape[] = [];
    for (let index = 0; index < count; index += 1) {
      const isKey = (this.#byte() & 1) === 1;
      const name = this.#text();
      columns.push({ name, typeOid: this.#uint32(), typeModifier: this.#uint32() | 0, isKey });
    }
    // An empty name stands for the catalog's own schema.
    const shape = { tableOid, schema: schema === '' ? 'pg_catalog' : schema, table, replicaIdentity, columns };
    this.#relations.set(tableOid, shape);
    events.relation(shape);
  }

  #truncate(events: ChangeEvents): void {
    const count = this.#uint32();
    const flags = this.#byte();
    if (count * 4 > this.#end - this.#at) throw new Malformed('it is cut off');
    const shapes = Array.from({ length: count }, () => this.#shape());
    events.truncate(shapes, { cascades: (flags & 1) !== 0, restarts: (flags & 2) !== 0 });
  }

  #message(events: ChangeEvents): void {
    const isTransactional = (this.#byte() & 1) === 1;
    const lsn = this.#lsn();
    const prefix = this.#text();
    const length = this.#uint32();
    const start = this.#at;
    this.#skip(length);
    events.message({ isTransactional, lsn, prefix, bytes: this.#bytes, start, end: start + length });
  }

  #shape(): TableShape {
    const oid = this.#uint32();
    const shape = this.#relations.get(oid);
    if (shape === undefined) throw new Malformed(`the table ${oid} was not described before`);
    return shape;
  }

  /** Some servers of version 15 sent columns that the table's description left out; they would shift all others. */
  #tuple(into: TupleRanges, shape: TableShape): void {
    const at = into.read(this.#bytes, this.#at, this.#end);
    if (at < 0) throw new Malformed('a row is cut off or has a value of an unknown kind');
    if (into.columnCount !== shape.columns.length) {
      const counts = `${into.columnCount} values for ${shape.columns.length} columns`;
      throw new Malformed(`a row of ${shape.schema}.${shape.table} has ${counts}`);
    }
    this.#at = at;
  }

  #commit(): CommitInfo {
    return { commitLsn: this.#lsn(), endLsn: this.#lsn(), timeUs: this.#time() };
  }

  #need(count: number): number {
    const at = this.#at;
    if (count > this.#end - at) throw new Malformed('it is cut off');
    this.#at = at + count;
    return at;
  }

  #skip(count: number): void {
    this.#need(count);
  }

  #byte(): number {
    return this.#bytes[this.#need(1)]!;
  }

  #uint16(): number {
    return this.#bytes.readUInt16BE(this.#need(2));
  }

  #uint32(): number {
    return this.#bytes.readUInt32BE(this.#need(4));
  }

  #lsn(): bigint {
    return this.#bytes.readBigUInt64BE(this.#need(8));
  }

  #time(): number {
    return readTimeUs(this.#bytes, this.#need(8));
  }

  /** Up to a zero byte. */
  #text(): string {
    const zero = this.#bytes.indexOf(0, this.#at);
    if (zero < 0 || zero >= this.#end) throw new Malformed('a name has no end');
    const text = this.#bytes.toString('utf8', this.#at, zero);
    this.#at = zero + 1;
    return text;
  }
}
