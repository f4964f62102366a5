/** Reads the topics of a pipeline as any Kafka client would: those that are there, and those that come. */

import type { Clock, Timer } from '../core/base/clock.ts';
import { type Admin, type Cluster, type TopicRecord, type TopicTail, tailTopic } from '../core/client/index.ts';

export interface ChangeReaderOptions {
  readonly cluster: Cluster;
  readonly admin: Admin;
  readonly isWanted: (topic: string) => boolean;
  readonly clock: Clock;
  readonly onRecord: (record: TopicRecord) => void;
  /** Nothing more will be read. */
  readonly onFailed: (error: unknown) => void;
}

/** Short, because the first change of a table is shown this much later at most. */
const lookEveryMs = 100;

export class ChangeReader {
  readonly #options: ChangeReaderOptions;
  readonly #tails = new Map<string, TopicTail>();
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: ChangeReaderOptions) {
    this.#options = options;
    void this.#look();
  }

  /** Resolves when `onRecord` will not be called any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await Promise.all([...this.#tails.values()].map((tail) => tail.close()));
  }

  async #look(): Promise<void> {
    const { admin, isWanted, clock, onFailed } = this.#options;
    try {
      const topics = await admin.listTopics();
      for (const topic of topics.filter(isWanted)) if (!this.#tails.has(topic)) this.#follow(topic);
    } catch (error) {
      if (!this.#isClosed) onFailed(error);
      return;
    }
    if (!this.#isClosed) this.#timer = clock.timer(lookEveryMs, () => void this.#look());
  }

  #follow(topic: string): void {
    if (this.#isClosed) return;
    const { cluster, onRecord, onFailed } = this.#options;
    const tail = tailTopic(cluster, topic, { onRecord }, { isolation: 'read_committed' });
    this.#tails.set(topic, tail);
    tail.ended.catch((error) => {
      if (!this.#isClosed) onFailed(error);
    });
  }
}
