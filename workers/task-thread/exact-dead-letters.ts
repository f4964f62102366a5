/**
 * Dead letters of a sink, each once. They cannot be part of the sink's own commit, which is in its target: so what has
 * been dead-lettered is remembered apart, per partition, in the transaction that writes it, and a bad record that is read
 * again after a crash or a rebalance is found to be there. The transactional id belongs to the partition, so that its
 * epoch shuts out a stale owner.
 */

import type { SourceRecord, TopicPartition } from '../../connectors/contract/record.ts';
import { workerErrors } from '../error-codes.ts';
import type { DeadLetterLane } from './dead-letter-lane.ts';
import type { DeadLetters } from './dead-letter-port.ts';

export interface ExactDeadLettersOptions {
  readonly topic: string;
  readonly openLane: (at: TopicPartition) => DeadLetterLane;
  /** Bytes that may wait; a sink that reports more without waiting fails (promise 8). */
  readonly mostPendingBytes: number;
}

/** Each holds connections of its own; the one not used for longest makes room. */
const mostLanes = 16;

export class ExactDeadLetters implements DeadLetters {
  readonly #options: ExactDeadLettersOptions;
  /** In the order of their last use. */
  readonly #lanes = new Map<string, DeadLetterLane>();

  constructor(options: ExactDeadLettersOptions) {
    this.#options = options;
  }

  write(at: TopicPartition, offset: number, record: SourceRecord): Promise<void> {
    const { mostPendingBytes, topic } = this.#options;
    const pendingBytes = Array.from(this.#lanes.values()).reduce((sum, lane) => sum + lane.pendingBytes, 0);
    if (pendingBytes >= mostPendingBytes) {
      const message = `${pendingBytes} bytes of dead letters wait to be written`;
      return Promise.reject(workerErrors.error('too-many-dead-letters', { message, where: topic }));
    }
    return this.#lane(at).write(offset, record);
  }

  /** Partitions that were given up or are ours anew: others may have written their dead letters meanwhile. */
  forget(partitions: readonly TopicPartition[]): void {
    for (const at of partitions) {
      const key = keyOf(at);
      this.#lanes.get(key)?.close();
      this.#lanes.delete(key);
    }
  }

  #lane(at: TopicPartition): DeadLetterLane {
    const key = keyOf(at);
    const lane = this.#lanes.get(key) ?? this.#options.openLane({ topic: at.topic, partition: at.partition });
    this.#lanes.delete(key);
    this.#lanes.set(key, lane);
    for (const [other, { isIdle }] of this.#lanes) {
      if (this.#lanes.size <= mostLanes) break;
      if (!isIdle || other === key) continue;
      this.#lanes.get(other)?.close();
      this.#lanes.delete(other);
    }
    return lane;
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}
