/** What a sink reads by pattern, as topics come: tells a run that it must make way for one that reads them all. */

import type { Clock, Timer } from '../../core/base/clock.ts';
import { describeError } from '../../core/base/errors.ts';
import type { Logger } from '../../core/base/logger.ts';
import type { Topics } from '../topics.ts';

export interface TopicWatchOptions {
  readonly topics: Topics;
  readonly pattern: RegExp;
  /** That of `topics`, taken before it was asked for the names: a topic made meanwhile is looked for too. */
  readonly madeCount: number;
  /** What the run reads. */
  readonly names: readonly string[];
  /** Called once: other topics match now. */
  readonly onChanged: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How often to look for topics that others made. */
const lookEveryMs = 30_000;

/**
 * How long after a topic was made here to look. Topics come several at once, and for each change the run is drained and
 * started anew, which is for nothing while the run reads nothing.
 */
const settleMs = { reading: 5_000, waiting: 500 } as const;

export class TopicWatch {
  readonly #options: TopicWatchOptions;
  readonly #forget: () => void;
  #timer: Timer;
  #isSoon = false;
  #hasEnded = false;

  constructor(options: TopicWatchOptions) {
    this.#options = options;
    this.#timer = this.#lookIn(lookEveryMs);
    this.#forget = options.topics.onMade(() => this.#soon());
    if (options.topics.madeCount !== options.madeCount) this.#soon();
  }

  /** Whether the run reads all topics there are; where it does not, it hears of the change now. */
  async isCurrent(): Promise<boolean> {
    const { topics, pattern, names, onChanged } = this.#options;
    const matching = await topics.matching(undefined, pattern);
    const isSame = String(matching) === String(names);
    if (!isSame && !this.#hasEnded) {
      this.cancel();
      onChanged();
    }
    return isSame;
  }

  /** Idempotent. */
  cancel(): void {
    this.#hasEnded = true;
    this.#timer.cancel();
    this.#forget();
  }

  #soon(): void {
    if (this.#isSoon) return;
    this.#isSoon = true;
    this.#timer.cancel();
    this.#timer = this.#lookIn(this.#options.names.length === 0 ? settleMs.waiting : settleMs.reading);
  }

  #lookIn(ms: number): Timer {
    return this.#options.clock.timer(ms, () => void this.#look());
  }

  async #look(): Promise<void> {
    this.#isSoon = false;
    await this.isCurrent().catch((error) => {
      this.#options.logger.warn({ reason: describeError(error) }, 'could not look for new topics');
    });
    if (this.#hasEnded || this.#isSoon) return;
    this.#timer = this.#lookIn(lookEveryMs);
  }
}
