/** Compiles what writes the changes of a table: once for each shape, never for a row. */

import { OutboxEncoder } from '../routing/outbox.ts';
import { tableTopic } from '../routing/topics.ts';
import type { TableShape } from '../row.ts';
import type { TableEncoder, TableFacts } from './change.ts';
import { ChangeFlow } from './change-flow.ts';
import { DebeziumFormat } from './debezium-format.ts';
import { LeanFormat } from './lean-format.ts';
import type { EnvelopeOptions } from './options.ts';
import { tableColumns } from './table-columns.ts';

/**
 * Throws `postgres-values/bad-setting` where a setting about columns does not fit, and `postgres-values/outbox` for an
 * outbox without the columns it needs.
 */
export function compileTable(shape: TableShape, facts: TableFacts, options: EnvelopeOptions): TableEncoder {
  const { outbox } = options;
  if (outbox?.isOutbox(`${shape.schema}.${shape.table}`) === true)
    return new OutboxEncoder(shape, facts, outbox.options, options);
  const topic = tableTopic(options.topics, shape.schema, shape.table);
  const columns = tableColumns(shape, facts, options);
  const format =
    options.format === 'lean'
      ? new LeanFormat(shape, columns.row, options)
      : new DebeziumFormat(topic, shape, columns.row, options);
  return new ChangeFlow(topic, shape, facts, columns, format, options);
}
