/** What a slot has, read with SQL and decoded by the simplest means: version 1 of pgoutput, one message at a time. */

import type pg from 'pg';
import type { ReplicaIdentity, TableShape, Tuple } from '../../../connectors/postgres-source/row.ts';

export type PeekedChange =
  | { readonly kind: 'begin'; readonly transactionId: number }
  | { readonly kind: 'commit' }
  | { readonly kind: 'relation'; readonly shape: TableShape }
  | {
      readonly kind: 'row';
      readonly op: 'c' | 'u' | 'd';
      readonly tableOid: number;
      readonly before: Tuple | null;
      readonly after: Tuple | null;
    }
  | { readonly kind: 'truncate'; readonly tableOids: readonly number[] }
  | { readonly kind: 'message'; readonly prefix: string; readonly content: Buffer };

export async function peekChanges(client: pg.Client, slot: string, publication: string): Promise<PeekedChange[]> {
  const { rows } = await client.query<{ data: string }>(
    "SELECT data FROM pg_logical_slot_peek_binary_changes($1, NULL, NULL, 'proto_version', '1', 'publication_names', $2, 'messages', 'true')",
    [slot, publication],
  );
  return rows.flatMap(({ data }) => new Message(Buffer.from(data.slice(2), 'hex')).change() ?? []);
}

const identities: Readonly<Record<string, ReplicaIdentity>> = { d: 'default', n: 'nothing', f: 'full', i: 'index' };
const operations = { I: 'c', U: 'u', D: 'd' } as const;

class Message {
  readonly #bytes: Buffer;
  #at = 1;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  change(): PeekedChange | null {
    const tag = String.fromCharCode(this.#bytes[0] ?? 0);
    switch (tag) {
      case 'B':
        return { kind: 'begin', transactionId: this.#bytes.readUInt32BE(17) };
      case 'C':
        return { kind: 'commit' };
      case 'R':
        return { kind: 'relation', shape: this.#shape() };
      case 'I':
      case 'U':
      case 'D':
        return this.#row(operations[tag]);
      case 'T': {
        const count = this.#uint32();
        this.#at++;
        return { kind: 'truncate', tableOids: Array.from({ length: count }, () => this.#uint32()) };
      }
      case 'M': {
        this.#at += 9;
        const prefix = this.#text();
        const length = this.#uint32();
        return { kind: 'message', prefix, content: this.#bytes.subarray(this.#at, this.#at + length) };
      }
      default:
        return null;
    }
  }

  #row(op: 'c' | 'u' | 'd'): PeekedChange {
    const tableOid = this.#uint32();
    let before: Tuple | null = null;
    let after: Tuple | null = null;
    while (this.#at < this.#bytes.length) {
      if (this.#bytes[this.#at++] === 0x4e) after = this.#tuple();
      else before = this.#tuple();
    }
    return { kind: 'row', op, tableOid, before, after };
  }

  #tuple(): Tuple {
    const columnCount = this.#uint16();
    const kinds = new Uint8Array(columnCount);
    const starts = new Uint32Array(columnCount);
    const ends = new Uint32Array(columnCount);
    for (let i = 0; i < columnCount; i++) {
      kinds[i] = this.#bytes[this.#at++] ?? 0;
      if (kinds[i] !== 0x74) continue;
      const length = this.#uint32();
      starts[i] = this.#at;
      this.#at += length;
      ends[i] = this.#at;
    }
    return { bytes: this.#bytes, columnCount, kinds, starts, ends };
  }

  #shape(): TableShape {
    const tableOid = this.#uint32();
    const schema = this.#text();
    const table = this.#text();
    const replicaIdentity = identities[String.fromCharCode(this.#bytes[this.#at++] ?? 0)] ?? 'default';
    const columns = Array.from({ length: this.#uint16() }, () => {
      const isKey = this.#bytes[this.#at++] === 1;
      const name = this.#text();
      return { name, isKey, typeOid: this.#uint32(), typeModifier: this.#uint32() | 0 };
    });
    return { tableOid, schema, table, replicaIdentity, columns };
  }

  #text(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    const text = this.#bytes.toString('utf8', this.#at, end);
    this.#at = end + 1;
    return text;
  }

  #uint16(): number {
    this.#at += 2;
    return this.#bytes.readUInt16BE(this.#at - 2);
  }

  #uint32(): number {
    this.#at += 4;
    return this.#bytes.readUInt32BE(this.#at - 4);
  }
}
