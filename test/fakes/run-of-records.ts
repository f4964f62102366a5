/** Records given as literals, in the form a sink reads them. */

import type { RecordHeader, SinkRecords } from '../../connectors/contract/record.ts';

export interface PlainRecord {
  readonly offset: number;
  readonly timestampMs?: number;
  readonly value: string | Buffer | null;
}

/** What stands around the values in the buffer, so that reading past one shows. */
const padding = Buffer.from('\0\n"');

export class RunOfRecords implements SinkRecords {
  readonly topic: string;
  readonly partition: number;
  readonly bytes: Buffer;
  readonly keyStart = -1;
  readonly keyEnd = -1;
  valueStart = -1;
  valueEnd = -1;
  offset = -1;
  timestampMs = -1;
  readonly #records: readonly PlainRecord[];
  readonly #starts: number[] = [];
  #index = -1;

  constructor(topic: string, partition: number, records: readonly PlainRecord[]) {
    this.topic = topic;
    this.partition = partition;
    this.#records = records;
    const pieces: Buffer[] = [];
    let position = 0;
    for (const { value } of records) {
      const bytes = Buffer.from(value ?? '');
      this.#starts.push(position + padding.length);
      pieces.push(padding, bytes);
      position += padding.length + bytes.length;
    }
    this.bytes = Buffer.concat(pieces);
  }

  next(): boolean {
    this.#index++;
    const record = this.#records[this.#index];
    if (record === undefined) return false;
    this.offset = record.offset;
    this.timestampMs = record.timestampMs ?? -1;
    this.valueStart = record.value === null ? -1 : this.#starts[this.#index]!;
    this.valueEnd = record.value === null ? -1 : this.valueStart + Buffer.byteLength(record.value);
    return true;
  }

  headers(): readonly RecordHeader[] {
    return [];
  }
}
