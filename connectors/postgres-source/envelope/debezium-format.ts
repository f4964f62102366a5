/** Debezium's envelope: before, after, source, transaction, op and three timestamps, byte for byte as JsonConverter writes it. */

import type { TableShape, Tuple } from '../row.ts';
import type { JsonOutput } from '../values/json-output.ts';
import type { ChangeFacts, Operation } from './change.ts';
import type { ValueFormat } from './change-flow.ts';
import { envelopeSchema, schemaPrefix } from './envelope-schema.ts';
import { EnvelopeTail } from './envelope-tail.ts';
import type { EnvelopeOptions } from './options.ts';
import { RowWriter } from './row-writer.ts';
import { SourceBlock } from './source-block.ts';
import type { TableColumn } from './table-columns.ts';

const noBefore = Buffer.from('{"before":null,"after":');
const beforePrefix = Buffer.from('{"before":');
const afterPrefix = Buffer.from(',"after":');
const sourcePrefix = Buffer.from(',"source":');
const nothing = Buffer.from('null');

export class DebeziumFormat implements ValueFormat {
  readonly #row: RowWriter;
  readonly #source: SourceBlock;
  readonly #tail = new EnvelopeTail();
  readonly #schema: Buffer | null;
  readonly #isFull: boolean;

  constructor(topic: string, shape: TableShape, columns: readonly TableColumn[], options: EnvelopeOptions) {
    const { unchangedToast, unrepresentable, onUnrepresentable, version, database, topics } = options;
    const { schema, table } = shape;
    const policy = { unchangedToast, unrepresentable, onUnrepresentable, place: `${schema}.${table}` };
    this.#row = new RowWriter(columns, policy, 'zero');
    this.#source = new SourceBlock({ version, name: topics.prefix, database, schema, table });
    this.#schema = options.valueSchemas ? schemaPrefix(envelopeSchema(topic, columns)) : null;
    this.#isFull = shape.replicaIdentity === 'full';
  }

  write(
    out: JsonOutput,
    change: ChangeFacts,
    op: Operation,
    before: Tuple | null,
    after: Tuple | null,
    old: Tuple | null,
  ): void {
    if (this.#schema !== null) out.raw(this.#schema);
    if (before === null) out.raw(noBefore);
    else {
      out.raw(beforePrefix);
      if (this.#isFull) this.#row.write(out, before, null);
      else this.#row.writeKeyTuple(out, before);
      out.raw(afterPrefix);
    }
    if (after === null) out.raw(nothing);
    else this.#row.write(out, after, this.#isFull ? old : null);
    out.raw(sourcePrefix);
    this.#source.write(out, change);
    this.#tail.write(out, op, change.nowUs, change.transaction);
    if (this.#schema !== null) out.byte(0x7d);
  }
}
