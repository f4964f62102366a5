/** Which records a change becomes, whatever their format: tombstones, key changes, what is skipped. */

import type { RecordHeader } from '../../contract/record.ts';
import { type TableShape, type Tuple, valueKinds } from '../row.ts';
import type { JsonOutput } from '../values/json-output.ts';
import type { ChangeFacts, Operation, RecordTarget, TableEncoder, TableFacts } from './change.ts';
import { KeyWriter } from './key-writer.ts';
import type { EnvelopeOptions } from './options.ts';
import { recordOutput } from './record-output.ts';
import type { TableColumns } from './table-columns.ts';

/**
 * Writes the value of one record. `op` may differ from that of the change, where a key change is told as two. `old` is the
 * old tuple, whether or not the record tells it: where it has all of the old row it knows what is unchanged in the new one.
 */
export interface ValueFormat {
  write(
    out: JsonOutput,
    change: ChangeFacts,
    op: Operation,
    before: Tuple | null,
    after: Tuple | null,
    old: Tuple | null,
  ): void;
}

const newKeyHeader = '__debezium.newkey';
const oldKeyHeader = '__debezium.oldkey';

export class ChangeFlow implements TableEncoder {
  readonly topic: string;
  readonly shape: TableShape;
  readonly facts: TableFacts;
  readonly leftOut: readonly string[];
  readonly #options: EnvelopeOptions;
  readonly #columns: TableColumns;
  readonly #key: KeyWriter | null;
  /** Old tuples have all columns of the key: what they lack says nothing about whether it changed. */
  readonly #knowsOldKey: boolean;
  readonly #format: ValueFormat;
  readonly #out = recordOutput;

  constructor(
    topic: string,
    shape: TableShape,
    facts: TableFacts,
    columns: TableColumns,
    format: ValueFormat,
    options: EnvelopeOptions,
  ) {
    this.topic = topic;
    this.shape = shape;
    this.facts = facts;
    this.leftOut = columns.leftOut;
    this.#options = options;
    this.#columns = columns;
    this.#format = format;
    this.#knowsOldKey = shape.replicaIdentity === 'full' || columns.key.every(({ isIdentity }) => isIdentity);
    const place = `${shape.schema}.${shape.table}`;
    this.#key = columns.key.length === 0 ? null : new KeyWriter(columns.key, topic, place, options);
  }

  eventCount(op: Operation, before: Tuple | null, after: Tuple | null): number {
    if (this.#options.skippedOperations.has(op) || (op === 'u' && this.#isIdle(before, after))) return 0;
    return op === 'u' && this.#isKeyUpdate(before, after) ? 2 : 1;
  }

  encode(change: ChangeFacts, before: Tuple | null, after: Tuple | null, target: RecordTarget): void {
    if (this.#options.skippedOperations.has(change.op)) return;
    this.#out.restart();
    switch (change.op) {
      case 'u':
        this.#update(change, before, after, target);
        return;
      case 'd':
        this.#delete(change, before, target, null);
        return;
      case 't':
        this.#put(change, 't', null, null, null, target, null);
        return;
      default:
        this.#put(change, change.op, null, after, after, target, null);
    }
  }

  #update(change: ChangeFacts, before: Tuple | null, after: Tuple | null, target: RecordTarget): void {
    if (this.#isIdle(before, after)) return;
    if (before !== null && after !== null && this.#key !== null && this.#isKeyUpdate(before, after)) {
      this.#changeKey(this.#key, change, before, after, target);
      return;
    }
    this.#put(change, 'u', before, after, after, target, null);
  }

  #delete(
    change: ChangeFacts,
    before: Tuple | null,
    target: RecordTarget,
    headers: readonly RecordHeader[] | null,
  ): void {
    // A key with nulls where the server sent nothing would be the key of another row: better none.
    const keyed = this.#knowsOldKey ? before : null;
    this.#put(change, 'd', before, null, keyed, target, headers);
    if (this.#key === null || keyed === null || !this.#options.tombstonesOnDelete) return;
    this.#out.restart();
    this.#key.write(this.#out, keyed, null);
    target.record(this.topic, this.#out.bytes, 0, this.#out.end, -1, -1, headers);
  }

  /** A delete of the old key with its tombstone and a create of the new one, with headers that name the other. */
  #changeKey(key: KeyWriter, change: ChangeFacts, before: Tuple, after: Tuple, target: RecordTarget): void {
    const oldKey = this.#headerBytes(key, before, null);
    const newKey = this.#headerBytes(key, after, before);
    this.#out.restart();
    this.#delete(change, before, target, [{ key: newKeyHeader, value: newKey }]);
    this.#out.restart();
    change.transaction?.countAgain();
    const old = this.shape.replicaIdentity === 'full' ? before : null;
    this.#put(change, 'c', null, after, after, target, [{ key: oldKeyHeader, value: oldKey }], old);
  }

  #put(
    change: ChangeFacts,
    op: ChangeFacts['op'],
    before: Tuple | null,
    after: Tuple | null,
    keyed: Tuple | null,
    target: RecordTarget,
    headers: readonly RecordHeader[] | null,
    old = before,
  ): void {
    const out = this.#out;
    let keyEnd = 0;
    if (this.#key !== null && keyed !== null) {
      this.#key.write(out, keyed, keyed === after ? old : null);
      keyEnd = out.end;
    }
    this.#format.write(out, change, op, before, after, old);
    target.record(this.topic, out.bytes, keyEnd === 0 ? -1 : 0, keyEnd, keyEnd, out.end, headers);
  }

  /** Only old tuples that have all of the key can tell. */
  #isKeyUpdate(before: Tuple | null, after: Tuple | null): boolean {
    if (this.#key === null || !this.#knowsOldKey || before === null || after === null) return false;
    const out = this.#out;
    out.restart();
    this.#key.write(out, before, null);
    const middle = out.end;
    this.#key.write(out, after, before);
    const isSame = out.end - middle === middle && out.bytes.compare(out.bytes, middle, out.end, 0, middle) === 0;
    out.restart();
    return !isSame;
  }

  #headerBytes(key: KeyWriter, tuple: Tuple, old: Tuple | null): Buffer {
    this.#out.restart();
    key.writeHeader(this.#out, tuple, old);
    return Buffer.from(this.#out.bytes.subarray(0, this.#out.end));
  }

  /** An update that `skip.messages.without.change` leaves out; an unchanged TOAST value is unchanged. */
  #isIdle(before: Tuple | null, after: Tuple | null): boolean {
    if (!this.#options.skipsUnchanged || this.shape.replicaIdentity !== 'full' || before === null || after === null) {
      return false;
    }
    return this.#columns.row.every(({ position }) => {
      const kind = after.kinds[position];
      if (kind === valueKinds.unchanged) return true;
      if (kind !== before.kinds[position]) return false;
      if (kind !== valueKinds.text) return true;
      const [start, end] = [after.starts[position]!, after.ends[position]!];
      const [oldStart, oldEnd] = [before.starts[position]!, before.ends[position]!];
      return end - start === oldEnd - oldStart && after.bytes.compare(before.bytes, oldStart, oldEnd, start, end) === 0;
    });
  }
}
