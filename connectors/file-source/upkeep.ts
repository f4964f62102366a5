/** Looks after files that need attention between scans: recently active, waiting for time to pass, or without a name. */

import { factsOf, statOpen, statPath } from './file-access.ts';
import type { Parts } from './parts.ts';
import { isSettled } from './read-whole.ts';
import { readingLimit, type TrackedFile, unreadBytes, updateFacts } from './tracked-file.ts';

/** A file that was active within this time is looked at again and again, so that nothing depends on being told. */
const activeMs = 10_000;

/** One look at a file costs about 20 microseconds: this keeps all looks below a twentieth of a core. */
const pausePerFileMs = 0.4;

/** Files looked at in a row: nothing is read meanwhile. */
const filesPerRun = 128;

/** Between looks while the system reports changes, and while it does not. */
const watchedPauseMs = 250;
const unwatchedPauseMs = 20;

/** Unread bytes in deleted files that are worth a warning when no budget is set. */
const deletedWarningBytes = 2 ** 30;

export class Upkeep {
  readonly #parts: Parts;
  readonly #hot = new Map<TrackedFile, number>();
  #warnedOfDeleted = false;
  nextAtMs = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The file was active now. */
  heat(file: TrackedFile): void {
    this.#hot.set(file, this.#parts.context.clock.monotonicMs());
  }

  /** Looks at some of the files that need it; wakes those that have something to do. */
  async run(isWatching: boolean): Promise<void> {
    const { clock } = this.#parts.context;
    const batch = [...this.#hot.entries().take(filesPerRun)];
    for (const [file, activeAtMs] of batch) {
      await this.#look(file);
      this.#hot.delete(file);
      // Behind the others, so that all have their turn.
      if (this.#needsAttention(file) || clock.monotonicMs() - activeAtMs < activeMs) this.#hot.set(file, activeAtMs);
    }
    await this.#dropUnnamed();
    const pauseMs = isWatching ? watchedPauseMs : unwatchedPauseMs;
    this.nextAtMs = clock.monotonicMs() + Math.max(pauseMs, batch.length * pausePerFileMs);
  }

  /** After a scan: files that lost their name are looked after from now on. */
  noteUnnamed(): void {
    for (const file of this.#parts.registry.files.values()) {
      if (!file.isNamed && !this.#hot.has(file)) this.heat(file);
    }
  }

  #needsAttention(file: TrackedFile): boolean {
    return file.phase === 'held' || !file.isNamed || file.retryAtMs > 0 || this.#awaitsTime(file);
  }

  /** The beginning of a line without its end, or a file that has to settle first. */
  #awaitsTime(file: TrackedFile): boolean {
    if (file.phase !== 'reading' || file.refusedChangedUs === file.facts.changedUs) return false;
    const generation = file.generation!;
    if (generation.isComplete) return false;
    return (
      this.#parts.config.mode === 'whole' ||
      file.compression !== 'none' ||
      (unreadBytes(file) > 0 && generation.position < readingLimit(file))
    );
  }

  async #look(file: TrackedFile): Promise<void> {
    const { clock } = this.#parts.context;
    const facts = await this.#freshFacts(file);
    const isChanged = facts !== undefined && updateFacts(file, facts, clock.monotonicMs());
    if (isChanged || this.#isTimeUp(file)) this.#parts.wake(file);
  }

  async #freshFacts(file: TrackedFile) {
    if (file.fd !== undefined) return statOpen(file.fd);
    if (!file.isNamed) return undefined;
    const stats = await statPath(file.raw).catch(() => undefined);
    if (stats === undefined) return undefined;
    const facts = factsOf(stats);
    return facts.dev === file.facts.dev && facts.ino === file.facts.ino ? facts : undefined;
  }

  #isTimeUp(file: TrackedFile): boolean {
    const { clock } = this.#parts.context;
    const nowMs = clock.monotonicMs();
    if (file.retryAtMs > 0) {
      if (nowMs < file.retryAtMs) return false;
      file.retryAtMs = 0;
      return true;
    }
    if (file.phase === 'held') return this.#isHoldOver(file, nowMs);
    if (!this.#awaitsTime(file)) return false;
    if (this.#parts.config.mode === 'whole' || file.compression !== 'none') return isSettled(file, this.#parts);
    return nowMs - file.writtenAtMs >= this.#parts.config['partial.line.timeout.ms'];
  }

  #isHoldOver(file: TrackedFile, nowMs: number): boolean {
    const original = this.#parts.registry.holderOf(file.heldFor!);
    if (original === undefined) return true;
    if (file.isTwin || !original.isNamed) return false;
    const sinceMs = file.heldSinceMs ?? file.changedAtMs;
    return (
      nowMs - Math.min(sinceMs, file.changedAtMs) >= this.#parts.config['settle.ms'] ||
      file.facts.size > original.facts.size
    );
  }

  /** A file without a name is followed to its end and some time beyond, then let go. */
  async #dropUnnamed(): Promise<void> {
    const { registry, context, config } = this.#parts;
    const nowMs = context.clock.monotonicMs();
    const deleted: TrackedFile[] = [];
    for (const file of this.#hot.keys()) {
      if (file.isNamed) continue;
      const isIdle = nowMs - file.changedAtMs >= config['rotated.timeout.ms'];
      const isOver = this.#isReadToItsLimit(file);
      if (file.fd === undefined || (isOver && (isIdle || context.once))) await this.#drop(file, isOver && isIdle);
      else if (file.facts.linkCount === 0) deleted.push(file);
    }
    await this.#keepToBudget(deleted);
    registry.deletedBytes = deleted.reduce((sum, file) => sum + file.facts.size, 0);
  }

  #isReadToItsLimit(file: TrackedFile): boolean {
    const { generation } = file;
    if (generation === undefined) return file.facts.size === 0 || file.phase === 'ignored' || file.limit === 0;
    return generation.isComplete || generation.position >= Math.min(file.facts.size, readingLimit(file));
  }

  async #drop(file: TrackedFile, isRetired: boolean): Promise<void> {
    this.#hot.delete(file);
    this.#parts.forget(file);
    await this.#parts.openFiles.close(file);
    this.#parts.registry.drop(file, this.#parts.context.clock.monotonicMs(), isRetired);
  }

  /** Deleted files keep their space as long as they are open. What is given up is counted as lost when it is let go. */
  async #keepToBudget(deleted: readonly TrackedFile[]): Promise<void> {
    const { logger } = this.#parts.context;
    const budget = this.#parts.config['deleted.max.bytes'];
    let unread = deleted.reduce((sum, file) => sum + unreadBytes(file), 0);
    if (budget === 0 && unread > deletedWarningBytes && !this.#warnedOfDeleted) {
      this.#warnedOfDeleted = true;
      logger.warn(
        { unreadBytes: unread },
        'deleted files are held open until they are read; their space is not free before',
      );
    }
    for (const file of budget > 0 ? deleted : []) {
      if (unread <= budget) break;
      unread -= unreadBytes(file);
      await this.#drop(file, true);
    }
  }
}
