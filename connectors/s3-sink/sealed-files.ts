/** The closed files of one partition on their way to being visible: each commit takes all that are stored by then. */

import type { TopicPartition } from '../contract/record.ts';
import type { PreparedFile } from './commit/checkpoint.ts';
import type { Committer } from './commit/committer.ts';
import type { ObjectFile } from './files/object-file.ts';
import type { Workshop } from './files/workshop.ts';
import type { RotationReason } from './rotation.ts';

export interface SealedFilesOptions {
  readonly at: TopicPartition;
  readonly committer: Committer;
  readonly workshop: Workshop;
  readonly signal: AbortSignal;
  /** Every record before it is in a sealed file or needs none. */
  readonly safeOffset: () => number;
  /** Everything before this offset is durable and recorded as such. */
  readonly onCommitted: (offset: number) => void;
  readonly onFailure: (error: unknown) => void;
}

interface Sealed {
  readonly file: ObjectFile;
  readonly reason: RotationReason;
  /** Once every byte is stored. */
  prepared: PreparedFile | undefined;
}

/** The most files one checkpoint prepares at once. */
const mostFiles = 500;

export class SealedFiles {
  readonly #options: SealedFilesOptions;
  #queue: Sealed[] = [];
  #committing: Promise<void> | undefined;
  #committed: number;
  #committedMs: number;
  #mustCommit = false;
  #onStep: () => void = () => undefined;

  constructor(options: SealedFilesOptions) {
    this.#options = options;
    this.#committed = options.committer.checkpoint.next ?? 0;
    this.#committedMs = options.workshop.clock.monotonicMs();
  }

  get rangeCount(): number {
    return this.#options.committer.rangeCount;
  }

  /** Stores the rest of the file and commits it. */
  add(file: ObjectFile, reason: RotationReason): void {
    const sealed: Sealed = { file, reason, prepared: undefined };
    this.#queue.push(sealed);
    file.finish(reason).then((prepared) => {
      sealed.prepared = prepared;
      this.#commitSoon();
    }, this.#options.onFailure);
  }

  /** Removes and returns the files that are not committed. */
  takeAll(): ObjectFile[] {
    const files = this.#queue.map(({ file }) => file);
    this.#queue = [];
    return files;
  }

  /** When records needed no file for so long that their offset should be recorded alone; Infinity when there are none. */
  get idleDeadlineMs(): number {
    const isIdle = this.#queue.length === 0 && this.#options.safeOffset() > this.#committed;
    return isIdle ? this.#committedMs + this.#options.workshop.limits.ageMs : Number.POSITIVE_INFINITY;
  }

  commitIdle(nowMs: number): void {
    if (nowMs < this.idleDeadlineMs) return;
    this.#mustCommit = true;
    this.#commitSoon();
  }

  /** Resolves when everything up to the safe offset is committed; rejects when the partition is given up. */
  async drained(): Promise<void> {
    const { signal, safeOffset } = this.#options;
    while (this.#queue.length > 0 || safeOffset() > this.#committed || this.#committing !== undefined) {
      signal.throwIfAborted();
      if (this.#queue.length === 0) {
        this.#mustCommit = true;
        this.#commitSoon();
      }
      await this.#nextStep();
    }
  }

  /** A commit ends, or the partition is given up. */
  async #nextStep(): Promise<void> {
    const { signal } = this.#options;
    const { promise, resolve } = Promise.withResolvers<void>();
    const step = () => resolve();
    this.#onStep = step;
    signal.addEventListener('abort', step, { once: true });
    await promise;
    signal.removeEventListener('abort', step);
  }

  #commitSoon(): void {
    this.#committing ??= this.#commitAll()
      .catch(this.#options.onFailure)
      .finally(() => {
        this.#committing = undefined;
        this.#onStep();
        // A file that got ready after the last look, while the commit was still winding up.
        if (!this.#options.signal.aborted && this.#ready().length > 0) this.#commitSoon();
      });
  }

  async #commitAll(): Promise<void> {
    const { signal } = this.#options;
    for (let ready = this.#ready(); ready.length > 0 || this.#mustCommit; ready = this.#ready()) {
      signal.throwIfAborted();
      this.#mustCommit = false;
      await this.#commit(ready);
    }
  }

  async #commit(ready: readonly Sealed[]): Promise<void> {
    const { committer, workshop, signal, safeOffset, onCommitted } = this.#options;
    const taken = new Set(ready);
    const waiting = this.#queue.filter((sealed) => !taken.has(sealed));
    const next = waiting.reduce((least, { file }) => Math.min(least, file.firstOffset), safeOffset());
    await committer.commit(
      ready.map(({ prepared }) => prepared!),
      next,
      signal,
    );
    this.#queue = this.#queue.filter((sealed) => !taken.has(sealed));
    this.#committed = next;
    this.#committedMs = workshop.clock.monotonicMs();
    for (const sealed of ready) this.#report(sealed);
    onCommitted(next);
  }

  #ready(): Sealed[] {
    return this.#queue.filter(({ prepared }) => prepared !== undefined).slice(0, mostFiles);
  }

  #report({ file, reason, prepared }: Sealed): void {
    const { gauges, logger } = this.#options.workshop;
    gauges.add('objects_total', 1);
    gauges.add('object_records_total', prepared!.records);
    gauges.add(`objects_closed_by_${reason}_total`, 1);
    const { first, last, records, parts } = prepared!;
    logger.debug({ key: file.key, first, last, records, parts: parts.length, reason }, 'an object is complete');
  }
}
