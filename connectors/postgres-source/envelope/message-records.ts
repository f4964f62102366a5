/** Logical messages (`pg_logical_emit_message`) as records of op m; their content is any bytes. */

import { lsnText } from '../lsn.ts';
import { messageTopic } from '../routing/topics.ts';
import { standardAlphabet, urlSafeAlphabet, writeBase64 } from '../values/base64.ts';
import type { BinaryMode } from '../values/binary.ts';
import { type ConnectSchema, int64, optional, string, struct } from '../values/connect-schema.ts';
import type { JsonOutput } from '../values/json-output.ts';
import type { ChangeFacts, RecordTarget } from './change.ts';
import { transactionBlockSchema } from './envelope-schema.ts';
import type { EnvelopeOptions } from './options.ts';
import { SideRecord } from './side-record.ts';
import { SourceBlock, sourceSchema } from './source-block.ts';

/** What counts as the table of a message in transaction metadata. */
export const messageCollection = 'LOGICAL_DECODING_MESSAGE';

const schemaPrefix = 'io.debezium.connector.postgresql.';

export class MessageRecords {
  readonly #record: SideRecord;
  readonly #source: SourceBlock;
  readonly #options: EnvelopeOptions;

  constructor(options: EnvelopeOptions) {
    const content: ConnectSchema = { type: options.modes.binary === 'bytes' ? 'bytes' : 'string', optional: true };
    const key = { ...struct(`${schemaPrefix}MessageKey`, { prefix: optional(string) }), version: 1 };
    const block = { ...struct(`${schemaPrefix}Message`, { prefix: optional(string), content }), version: 1 };
    const value = struct(`${schemaPrefix}MessageValue`, {
      op: string,
      ts_ms: optional(int64),
      source: sourceSchema,
      transaction: transactionBlockSchema,
      message: block,
    });
    const { version, database, topics } = options;
    this.#options = options;
    this.#source = new SourceBlock({ version, name: topics.prefix, database, schema: '', table: '' });
    this.#record = new SideRecord(messageTopic(topics), key, { ...value, version: 1 }, options);
  }

  /** The content is `bytes[start, end)`. Skipped where `skipped.operations` has m. */
  put(target: RecordTarget, change: ChangeFacts, prefix: string, bytes: Buffer, start: number, end: number): void {
    if (this.#options.skippedOperations.has('m')) return;
    const name = JSON.stringify(prefix);
    this.#record.put(target, `{"prefix":${name}}`, (out) => {
      if (this.#options.format === 'lean') this.#lean(out, change);
      else this.#envelope(out, change);
      out.raw(Buffer.from(`${name},"content":"`));
      writeContent(out, this.#options.modes.binary, bytes, start, end);
      out.ascii(this.#options.format === 'lean' ? '"}' : '"}}');
    });
  }

  #envelope(out: JsonOutput, change: ChangeFacts): void {
    out.ascii(`{"op":"m","ts_ms":${Math.floor(change.nowUs / 1000)},"source":`);
    this.#source.write(out, change);
    const place = change.transaction;
    const block =
      place === null
        ? null
        : { id: place.id, total_order: place.totalOrder, data_collection_order: place.dataCollectionOrder };
    out.ascii(`,"transaction":${JSON.stringify(block)},"message":{"prefix":`);
  }

  #lean(out: JsonOutput, change: ChangeFacts): void {
    out.ascii(`{"op":"m","ts_us":${change.sourceTimeUs}`);
    if (change.transactionId !== null) out.ascii(`,"tx":${change.transactionId}`);
    if (change.lsn !== null) out.ascii(`,"lsn":"${lsnText(change.lsn)}"`);
    out.ascii(',"prefix":');
  }
}

function writeContent(out: JsonOutput, mode: BinaryMode, bytes: Buffer, start: number, end: number): void {
  if (mode === 'hex') out.ascii(bytes.toString('hex', start, end));
  else writeBase64(out, bytes, start, end, mode === 'base64-url-safe' ? urlSafeAlphabet : standardAlphabet);
}
