/** Where a sink task's runner puts bad records. */

import type { SourceRecord, TopicPartition } from '../../connectors/contract/record.ts';

export interface DeadLetters {
  /** Copies the record before it returns; resolves when it is durable. */
  write(at: TopicPartition, offset: number, record: SourceRecord): Promise<void>;
  /** Nothing is known of these partitions any more: they were given up, or are ours anew. */
  forget(partitions: readonly TopicPartition[]): void;
}
