/** The schemas of keys and envelopes as Kafka Connect's JsonConverter puts them in front of each record. */

import { type ConnectSchema, int64, optional, schemaJson, string, struct } from '../values/connect-schema.ts';
import { sourceSchema } from './source-block.ts';
import type { TableColumn } from './table-columns.ts';

export const transactionBlockSchema: ConnectSchema = {
  ...struct('event.block', { id: string, total_order: int64, data_collection_order: int64 }),
  version: 1,
  optional: true,
};

/** `{"schema":…,"payload":`; whoever writes the payload closes the brace. */
export function schemaPrefix(schema: ConnectSchema): Buffer {
  return Buffer.from(`{"schema":${schemaJson(schema)},"payload":`);
}

/** Of a record's key; `name` is that of the topic. */
export function keySchema(name: string, columns: readonly TableColumn[]): ConnectSchema {
  return { type: 'struct', fields: fieldsOf(columns), name: `${name}.Key` };
}

export function envelopeSchema(name: string, columns: readonly TableColumn[]): ConnectSchema {
  const row: ConnectSchema = { type: 'struct', fields: fieldsOf(columns), optional: true, name: `${name}.Value` };
  return {
    ...struct(`${name}.Envelope`, {
      before: row,
      after: row,
      source: sourceSchema,
      transaction: transactionBlockSchema,
      op: string,
      ts_ms: optional(int64),
      ts_us: optional(int64),
      ts_ns: optional(int64),
    }),
    version: 2,
  };
}

function fieldsOf(columns: readonly TableColumn[]): { name: string; schema: ConnectSchema }[] {
  return columns.map(({ name, schema }) => ({ name, schema }));
}
