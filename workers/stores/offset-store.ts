/** The offset topic as a store: how far every source partition of every connector was read. */

import type { SourcePosition } from '../../connectors/contract/source.ts';
import { canonicalJson } from './canonical-json.ts';
import type { StoreRecord } from './config-records.ts';
import { applyOffsetRecord, type OffsetState, offsetRecord, type StoredPosition } from './offset-records.ts';
import { type KeyedLog, TopicStore } from './topic-store.ts';

export interface OffsetStoreOptions {
  readonly log: KeyedLog;
  /** Of the topic; those who write to it without this store need it. */
  readonly partitionCount: number;
  readonly onFailed: (error: unknown) => void;
}

export class OffsetStore {
  readonly partitionCount: number;
  readonly #store: TopicStore;
  readonly #state: OffsetState = new Map();

  constructor({ log, partitionCount, onFailed }: OffsetStoreOptions) {
    this.partitionCount = partitionCount;
    const apply = (record: StoreRecord) => applyOffsetRecord(this.#state, record);
    this.#store = new TopicStore({ log, apply, onFailed });
  }

  /**
   * Waits for nothing: a run that was killed may have left a transaction open here, which ends only when its task starts
   * again. Each `read` waits by itself.
   */
  open(): void {
    this.#store.start();
  }

  /** Everything stored for the connector when this was called, whoever wrote it. */
  async read(connector: string): Promise<StoredPosition[]> {
    await this.#store.refresh();
    return [...(this.#state.get(connector)?.values() ?? [])];
  }

  /** Resolves when the positions are durable. A null offset removes. */
  async write(connector: string, positions: readonly SourcePosition[]): Promise<void> {
    const stored = this.#state.get(connector);
    const records = positions.map((position) => {
      return offsetRecord(connector, position, stored?.get(canonicalJson(position.partition))?.key);
    });
    await this.#store.write(records);
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
