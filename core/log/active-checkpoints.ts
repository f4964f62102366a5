/** Keeps what a start after a crash must read of each active segment small, at a cost that follows what is written. */

import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { encodeActiveCheckpoint, writeActiveCheckpoint } from './active-checkpoint.ts';
import type { LogParts } from './log-parts.ts';
import { nameOf } from './log-state.ts';
import type { Segment } from './segment.ts';

/** A segment is due when it has also grown by this share: its indexes are written anew as a whole. */
const leastGrowthShare = 0.1;

const concurrentWrites = 2;

interface Saved {
  readonly segment: Segment;
  readonly sizeBytes: number;
}

export class ActiveCheckpoints {
  readonly #logger: Logger;
  readonly #leastGrowthBytes: number;
  readonly #saved = new WeakMap<LogParts, Saved>();
  readonly #due = new Set<LogParts>();
  readonly #running = new Set<Promise<void>>();
  #isStopped = false;

  constructor(options: { logger: Logger; leastGrowthBytes: number }) {
    this.#logger = options.logger;
    this.#leastGrowthBytes = options.leastGrowthBytes;
  }

  /** Begins to write those that are due; does not wait for them, for one may stand behind a long compaction. */
  begin(logs: Iterable<LogParts>): void {
    for (const parts of logs) if (this.#isDue(parts)) this.#due.add(parts);
    while (this.#running.size < concurrentWrites && this.#due.size > 0 && !this.#isStopped) {
      const run = this.#run().then(() => void this.#running.delete(run));
      this.#running.add(run);
    }
  }

  /** Resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#running);
  }

  #isDue(parts: LogParts): boolean {
    const { active } = parts.state.segments;
    const saved = this.#saved.get(parts);
    const before = saved?.segment === active ? saved.sizeBytes : 0;
    return active.sizeBytes - before >= Math.max(this.#leastGrowthBytes, active.sizeBytes * leastGrowthShare);
  }

  async #run(): Promise<void> {
    for (const parts of this.#due) {
      if (this.#isStopped) return;
      this.#due.delete(parts);
      // Not while the folder is being removed.
      await parts.structure.run(() => this.#save(parts));
    }
  }

  async #save(parts: LogParts): Promise<void> {
    const { services, state, writer } = parts;
    if (writer.failure !== undefined) return;
    const segment = state.segments.active;
    const { sizeBytes } = segment;
    const content = encodeActiveCheckpoint(state);
    if (content === undefined) return;
    try {
      await writeActiveCheckpoint(services.disk, state.folder, content);
      this.#saved.set(parts, { segment, sizeBytes });
    } catch (error) {
      const fields = { partition: nameOf(state), error: messageOf(error) };
      this.#logger.warn(fields, 'a segment’s checkpoint could not be written; a start after a crash reads more of it');
    }
  }
}
