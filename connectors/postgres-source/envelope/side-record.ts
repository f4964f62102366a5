/** Records beside those of rows: what their formats share. */

import type { ConnectSchema } from '../values/connect-schema.ts';
import type { JsonOutput } from '../values/json-output.ts';
import type { RecordTarget } from './change.ts';
import { schemaPrefix } from './envelope-schema.ts';
import type { EnvelopeOptions } from './options.ts';
import { recordOutput } from './record-output.ts';

/** Writes records whose key and value are made by functions, with the schemas that the options ask for. */
export class SideRecord {
  readonly #topic: string;
  readonly #keyPrefix: Buffer | null;
  readonly #valuePrefix: Buffer | null;

  constructor(topic: string, key: ConnectSchema, value: ConnectSchema, options: EnvelopeOptions) {
    const hasSchemas = options.format === 'debezium';
    this.#topic = topic;
    this.#keyPrefix = hasSchemas && options.keySchemas ? schemaPrefix(key) : null;
    this.#valuePrefix = hasSchemas && options.valueSchemas ? schemaPrefix(value) : null;
  }

  put(target: RecordTarget, key: string, writeValue: (out: JsonOutput) => void): void {
    const out = recordOutput;
    out.restart();
    if (this.#keyPrefix !== null) out.raw(this.#keyPrefix);
    out.raw(Buffer.from(key));
    if (this.#keyPrefix !== null) out.byte(0x7d);
    const keyEnd = out.end;
    if (this.#valuePrefix !== null) out.raw(this.#valuePrefix);
    writeValue(out);
    if (this.#valuePrefix !== null) out.byte(0x7d);
    target.record(this.#topic, out.bytes, 0, keyEnd, keyEnd, out.end, null);
  }
}
