/** Keys of records: the key columns of a row, with or without their schema. */

import type { Tuple } from '../row.ts';
import type { JsonOutput } from '../values/json-output.ts';
import { keySchema, schemaPrefix } from './envelope-schema.ts';
import type { EnvelopeOptions } from './options.ts';
import { RowWriter } from './row-writer.ts';
import type { TableColumn } from './table-columns.ts';

export class KeyWriter {
  readonly #row: RowWriter;
  readonly #keyPrefix: Buffer | null;
  readonly #headerPrefix: Buffer | null;

  constructor(columns: readonly TableColumn[], topic: string, place: string, options: EnvelopeOptions) {
    // A key that stands for another row would be worse than a task that stops, whatever the policy for values says.
    const policy = {
      unchangedToast: 'placeholder',
      unrepresentable: 'fail',
      onUnrepresentable: () => {},
      place,
    } as const;
    this.#row = new RowWriter(columns, policy, 'omit');
    const { keySchemas, headerSchemas, format } = options;
    const isEither = (keySchemas || headerSchemas) && format === 'debezium';
    const prefix = isEither ? schemaPrefix(keySchema(topic, columns)) : null;
    this.#keyPrefix = keySchemas ? prefix : null;
    this.#headerPrefix = headerSchemas ? prefix : null;
  }

  write(out: JsonOutput, tuple: Tuple, old: Tuple | null): void {
    this.#write(out, this.#keyPrefix, tuple, old);
  }

  /** For a header that names the key. */
  writeHeader(out: JsonOutput, tuple: Tuple, old: Tuple | null): void {
    this.#write(out, this.#headerPrefix, tuple, old);
  }

  #write(out: JsonOutput, prefix: Buffer | null, tuple: Tuple, old: Tuple | null): void {
    if (prefix === null) {
      this.#row.write(out, tuple, old);
      return;
    }
    out.raw(prefix);
    this.#row.write(out, tuple, old);
    out.byte(0x7d);
  }
}
