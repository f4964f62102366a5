/** A keyed log in memory: append-only lists that any number of readers follow. */

import type { StoreRecord } from '../../workers/stores/config-records.ts';
import { partitionOfKey } from '../../workers/stores/murmur2.ts';
import type { KeyedLog, LogPosition, TailHandler } from '../../workers/stores/topic-store.ts';

export class FakeKeyedLog implements KeyedLog {
  readonly #partitions: StoreRecord[][];
  readonly #wakers = new Set<() => void>();
  /** When set, `append` fails with it once. */
  nextFailure: Error | undefined;

  constructor(partitionCount: number) {
    this.#partitions = Array.from({ length: partitionCount }, () => []);
  }

  get records(): readonly StoreRecord[] {
    return this.#partitions.flat();
  }

  async append(records: readonly StoreRecord[]): Promise<readonly LogPosition[]> {
    const failure = this.nextFailure;
    this.nextFailure = undefined;
    if (failure !== undefined) throw failure;
    const touched = new Set<number>();
    for (const record of records) {
      const partition = partitionOfKey(Buffer.from(record.key), this.#partitions.length);
      this.#partitions[partition]!.push(record);
      touched.add(partition);
    }
    for (const wake of this.#wakers) wake();
    return this.#endsOf([...touched]);
  }

  async ends(): Promise<readonly LogPosition[]> {
    return this.#endsOf(this.#partitions.map((_, partition) => partition));
  }

  async tail(handler: TailHandler, signal: AbortSignal): Promise<void> {
    const read = this.#partitions.map(() => 0);
    while (!signal.aborted) {
      for (const [partition, records] of this.#partitions.entries()) {
        while (read[partition]! < records.length) handler.onRecord(records[read[partition]!++]!);
        handler.onProgress({ partition, offset: read[partition]! });
      }
      await this.#change(signal);
    }
  }

  #endsOf(partitions: readonly number[]): LogPosition[] {
    return partitions.map((partition) => ({ partition, offset: this.#partitions[partition]!.length }));
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#wakers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#wakers.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}
