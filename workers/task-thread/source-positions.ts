/** The source positions of one task: what is stored, and how new ones become records of the offset topic. */

import type { SourcePosition } from '../../connectors/contract/source.ts';
import { BatchBuilder } from '../../core/protocol/batch-builder.ts';
import { canonicalJson } from '../stores/canonical-json.ts';
import { partitionOfKey } from '../stores/murmur2.ts';
import { offsetRecord, type StoredPosition } from '../stores/offset-records.ts';
import type { TopicBatch } from './delivery.ts';

export interface SourcePositionsOptions {
  readonly connector: string;
  readonly stored: readonly StoredPosition[];
  readonly offsetsTopic: string;
  readonly partitionCount: number;
}

export class SourcePositions {
  readonly #options: SourcePositionsOptions;
  readonly #stored = new Map<string, StoredPosition>();
  /** Keys other than our own form, which an earlier writer chose; kept after a removal, too. */
  readonly #foreignKeys = new Map<string, string>();

  constructor(options: SourcePositionsOptions) {
    this.#options = options;
    for (const position of options.stored) {
      const id = canonicalJson(position.partition);
      this.#stored.set(id, position);
      if (position.key !== canonicalJson([options.connector, position.partition]))
        this.#foreignKeys.set(id, position.key);
    }
  }

  stored(): StoredPosition[] {
    return [...this.#stored.values()];
  }

  /** One batch per partition of the offset topic. */
  encode(positions: readonly SourcePosition[], nowMs: number): TopicBatch[] {
    const { connector, offsetsTopic, partitionCount } = this.#options;
    const builders = new Map<number, BatchBuilder>();
    for (const position of positions) {
      const record = offsetRecord(connector, position, this.#foreignKeys.get(canonicalJson(position.partition)));
      const key = Buffer.from(record.key, 'utf8');
      const partition = partitionOfKey(key, partitionCount);
      let builder = builders.get(partition);
      if (builder === undefined) {
        builder = new BatchBuilder();
        builders.set(partition, builder);
      }
      const value = record.value === null ? null : Buffer.from(record.value, 'utf8');
      builder.appendRecord({ key, value, headers: [], timestampMs: nowMs });
    }
    return Array.from(builders, ([partition, builder]) => ({
      topic: offsetsTopic,
      partition,
      batch: builder.build({}),
    }));
  }

  /** These are durable now. */
  store(positions: readonly SourcePosition[]): void {
    const { connector } = this.#options;
    for (const { partition, offset } of positions) {
      const id = canonicalJson(partition);
      if (offset === null) this.#stored.delete(id);
      else {
        const key = this.#foreignKeys.get(id) ?? canonicalJson([connector, partition]);
        this.#stored.set(id, { partition, offset, key });
      }
    }
  }
}
