/** Compiles what writes the changes of a table: once for each shape, never for a row. */

import { tableTopic } from '../routing/topics.ts';
import type { TableShape } from '../row.ts';
import type { TableEncoder, TableFacts } from './change.ts';
import { ChangeFlow } from './change-flow.ts';
import { DebeziumFormat } from './debezium-format.ts';
import { LeanFormat } from './lean-format.ts';
import type { EnvelopeOptions } from './options.ts';
import { tableColumns } from './table-columns.ts';

/** Throws `postgres-values/bad-setting` where a setting about columns does not fit. */
export function compileTable(shape: TableShape, facts: TableFacts, options: EnvelopeOptions): TableEncoder {
  const topic = tableTopic(options.topics, shape.schema, shape.table);
  const columns = tableColumns(shape, facts, options);
  const format =
    options.format === 'lean'
      ? new LeanFormat(shape, columns.row, options)
      : new DebeziumFormat(topic, shape, columns.row, options);
  return new ChangeFlow(topic, shape, columns, format, options);
}
