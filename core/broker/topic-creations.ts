/** Topics that wait to be created: each needs a few syncs of small files and folders, and those of many go together. */

import { mapConcurrently } from '../base/concurrently.ts';
import { collisionKey } from './topic-names.ts';

/** The thread pool has four; the next ones have their work ready. */
const concurrentCreations = 8;

interface Creation<T, R> {
  readonly topic: T;
  readonly resolve: (outcome: R) => void;
  readonly reject: (error: unknown) => void;
}

interface TopicCreationsOptions<T, R> {
  /** Runs alone among the changes of the catalogue. */
  readonly inTurn: (work: () => Promise<void>) => Promise<void>;
  /** May run for several topics at once, as long as their names do not collide. */
  readonly create: (topic: T) => Promise<R>;
}

export class TopicCreations<T extends { readonly name: string }, R> {
  readonly #options: TopicCreationsOptions<T, R>;
  #waiting: Creation<T, R>[] = [];

  constructor(options: TopicCreationsOptions<T, R>) {
    this.#options = options;
  }

  add(topic: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ topic, resolve, reject });
      // One turn for all that come before it begins.
      if (this.#waiting.length === 1) void this.#options.inTurn(() => this.#createWaiting());
    });
  }

  /** Never rejects. Of names that collide the first one comes first: the others are told of it in the next round. */
  async #createWaiting(): Promise<void> {
    let round = this.#waiting;
    this.#waiting = [];
    while (round.length > 0) {
      const keys = new Set<string>();
      const due: Creation<T, R>[] = [];
      const later: Creation<T, R>[] = [];
      for (const creation of round) {
        const key = collisionKey(creation.topic.name);
        (keys.has(key) ? later : due).push(creation);
        keys.add(key);
      }
      await mapConcurrently(due, concurrentCreations, ({ topic, resolve, reject }) =>
        this.#options.create(topic).then(resolve, reject),
      );
      round = later;
    }
  }
}
