/** The lean format: op, place, rows; what an update left unset is named. No schema, no field that is always the same. */

import { lsnText } from '../lsn.ts';
import type { TableShape, Tuple } from '../row.ts';
import type { JsonOutput } from '../values/json-output.ts';
import { quoted } from '../values/json-text.ts';
import type { ChangeFacts, Operation } from './change.ts';
import type { ValueFormat } from './change-flow.ts';
import type { EnvelopeOptions } from './options.ts';
import { RowWriter, unsetNames } from './row-writer.ts';
import type { TableColumn } from './table-columns.ts';

export class LeanFormat implements ValueFormat {
  readonly #row: RowWriter;
  readonly #columns: readonly TableColumn[];
  readonly #isFull: boolean;
  readonly #table: Buffer;

  constructor(shape: TableShape, columns: readonly TableColumn[], options: EnvelopeOptions) {
    const { unchangedToast, unrepresentable, onUnrepresentable } = options;
    const place = `${shape.schema}.${shape.table}`;
    this.#row = new RowWriter(columns, { unchangedToast, unrepresentable, onUnrepresentable, place }, 'omit');
    this.#columns = columns;
    this.#isFull = shape.replicaIdentity === 'full';
    this.#table = Buffer.from(`","schema":${quoted(shape.schema)},"table":${quoted(shape.table)},"ts_us":`);
  }

  write(
    out: JsonOutput,
    change: ChangeFacts,
    op: Operation,
    before: Tuple | null,
    after: Tuple | null,
    old: Tuple | null,
  ): void {
    out.ascii('{"op":"');
    out.ascii(op);
    out.raw(this.#table);
    out.integer(change.sourceTimeUs);
    this.#place(out, change);
    if (before !== null) {
      out.ascii(',"before":');
      if (this.#isFull) this.#row.write(out, before, null);
      else this.#row.writeKeyTuple(out, before);
    }
    if (after !== null) {
      const known = this.#isFull ? old : null;
      out.ascii(',"after":');
      this.#row.write(out, after, known);
      if (op !== 'r') this.#unset(out, after, known);
    }
    out.byte(0x7d);
  }

  /** Where in the log: transaction, LSN, row of the transaction; or that it is from a snapshot. */
  #place(out: JsonOutput, change: ChangeFacts): void {
    if (change.transactionId !== null) {
      out.ascii(',"tx":');
      out.integer(change.transactionId);
    }
    if (change.lsn !== null) {
      out.ascii(',"lsn":"');
      out.ascii(lsnText(change.lsn));
      out.byte(0x22);
    }
    if (change.snapshot === 'false') {
      out.ascii(',"row":');
      out.integer(change.rowIndex);
    } else out.ascii(`,"snapshot":"${change.snapshot}"`);
    if (change.origin !== null) out.raw(Buffer.from(`,"origin":${quoted(change.origin)}`));
  }

  #unset(out: JsonOutput, after: Tuple, old: Tuple | null): void {
    const names = unsetNames(this.#columns, after, old);
    if (names.length > 0) out.raw(Buffer.from(`,"unset":${JSON.stringify(names)}`));
  }
}
