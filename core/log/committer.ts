/** Group commit: turns written bytes into durable ones, many partitions with one sync of the write-ahead log, few or large ones with their own. */

import type { Clock, Timer } from '../base/clock.ts';
import type { DiskFile } from '../base/disk.ts';
import { logErrors } from './error-codes.ts';
import { PendingFile, type Taken } from './pending-file.ts';
import type { SegmentWrite, Urgency } from './segment-write.ts';
import { frameHeaderBytes } from './wal-format.ts';
import type { WriteAheadLog } from './write-ahead-log.ts';

/** How a log makes its writes durable. */
export interface Committer {
  /**
   * Resolves when the write, and every earlier one to the same file, survives a power loss. Rejects when that failed; what
   * was asked for is then in doubt for good and must never be acknowledged.
   */
  commit(write: SegmentWrite, urgency: Urgency): Promise<void>;
  /** The file is about to be closed: nobody waits for it any more. */
  forget(file: DiskFile): void;
}

export interface GroupCommitterOptions {
  readonly clock: Clock;
  /** How long a write that nobody waits for may stay unsynced. */
  readonly backgroundSyncMs: number;
  /** Syncs of segments under way at once: each holds a thread of the pool that reads and writes need too. */
  readonly maxConcurrentSyncs: number;
  /** Undefined: every file is synced by itself. */
  readonly wal: WriteAheadLog | undefined;
  /** The write-ahead log is used when at least so many files wait. */
  readonly walMinFiles: number;
}

interface FileState {
  readonly file: DiskFile;
  readonly pending: PendingFile;
  isBusy: boolean;
  isQueued: boolean;
  timer: Timer | undefined;
}

/** Copies of bytes that wait for the write-ahead log, of all files together. */
const maxCopiedBytes = 8 * 1024 * 1024;

/**
 * A file is in one round at a time, and a round takes all that waits for it: what a round answers has nothing unsynced
 * before it. While the write-ahead log is being synced, files that it could take wait for its next frame if they are many.
 */
export class GroupCommitter implements Committer {
  readonly #options: GroupCommitterOptions;
  readonly #files = new Map<DiskFile, FileState>();
  /** Files the write-ahead log may take, in the order they became due. */
  #shared: FileState[] = [];
  /** Files that need a sync of their own. */
  #alone: FileState[] = [];
  #syncing = 0;
  #isWalBusy = false;
  #isPumpDue = false;
  #copiedBytes = 0;

  constructor(options: GroupCommitterOptions) {
    this.#options = options;
  }

  commit(write: SegmentWrite, urgency: Urgency): Promise<void> {
    const state = this.#stateOf(write.file);
    const copiedBefore = state.pending.copiedBytes;
    const done = state.pending.add(write, urgency, maxCopiedBytes - this.#copiedBytes);
    this.#copiedBytes += state.pending.copiedBytes - copiedBefore;
    if (urgency !== 'soon') this.#enqueue(state);
    else if (!state.isQueued && state.timer === undefined) {
      state.timer = this.#options.clock.timer(this.#options.backgroundSyncMs, () => this.#enqueue(state));
    }
    return done;
  }

  forget(file: DiskFile): void {
    const state = this.#files.get(file);
    if (state !== undefined) {
      state.timer?.cancel();
      this.#shared = this.#shared.filter((other) => other !== state);
      this.#alone = this.#alone.filter((other) => other !== state);
      this.#files.delete(file);
      const error = logErrors.error('closed', { message: 'the log is closed', where: file.path });
      if (!state.pending.isEmpty) this.#take(state).reject(error);
    }
    this.#options.wal?.forget(file);
  }

  #stateOf(file: DiskFile): FileState {
    let state = this.#files.get(file);
    if (state === undefined) {
      state = { file, pending: new PendingFile(file), isBusy: false, isQueued: false, timer: undefined };
      this.#files.set(file, state);
    }
    return state;
  }

  #enqueue(state: FileState): void {
    state.timer?.cancel();
    state.timer = undefined;
    if (state.isQueued) return;
    state.isQueued = true;
    if (state.isBusy) return;
    this.#line(state).push(state);
    this.#pumpSoon();
  }

  /** When all that was written together has come: the first of many would be synced alone, and the rest wait for that. */
  #pumpSoon(): void {
    if (this.#isPumpDue) return;
    this.#isPumpDue = true;
    queueMicrotask(() => {
      this.#isPumpDue = false;
      this.#pump();
    });
  }

  #line({ pending }: FileState): FileState[] {
    return pending.isShared ? this.#shared : this.#alone;
  }

  #pump(): void {
    const { wal, walMinFiles, maxConcurrentSyncs } = this.#options;
    if (wal !== undefined && !this.#isWalBusy && this.#shared.length >= walMinFiles) {
      const round = this.#collect(wal.frameRoom());
      if (round.length > 0) void this.#commitShared(wal, round);
    }
    const isNextFrameWorthwhile = this.#isWalBusy && this.#shared.length >= walMinFiles;
    while (this.#syncing < maxConcurrentSyncs) {
      const state = this.#alone.shift() ?? (isNextFrameWorthwhile ? undefined : this.#shared.shift());
      if (state === undefined) return;
      void this.#commitAlone(state, this.#take(state));
    }
  }

  /** The files of the next frame, out of the queue; none when too few fit for the frame to be worth it. */
  #collect(roomBytes: number): FileState[] {
    let bytes = frameHeaderBytes;
    let count = 0;
    const round: FileState[] = [];
    for (const state of this.#shared) {
      if (!state.pending.isShared) this.#alone.push(state);
      else {
        bytes += state.pending.entryBytes;
        if (bytes > roomBytes) break;
        round.push(state);
      }
      count += 1;
    }
    const rest = this.#shared.slice(count);
    const isWorthwhile = round.length >= this.#options.walMinFiles;
    this.#shared = isWorthwhile ? rest : [...round, ...rest];
    return isWorthwhile ? round : [];
  }

  #take(state: FileState): Taken {
    state.isQueued = false;
    state.isBusy = true;
    const taken = state.pending.take();
    this.#copiedBytes -= taken.copiedBytes;
    return taken;
  }

  /** One frame for all of them. Never rejects. */
  async #commitShared(wal: WriteAheadLog, round: readonly FileState[]): Promise<void> {
    this.#isWalBusy = true;
    const taken = round.map((state) => this.#take(state));
    try {
      const outcome = await wal.append(taken.map(({ write }) => write!));
      this.#isWalBusy = false;
      if (outcome === 'refused') {
        await Promise.all(round.map((state, index) => this.#commitAlone(state, taken[index]!)));
        return;
      }
      for (const { resolve } of taken) resolve();
    } catch (error) {
      this.#isWalBusy = false;
      for (const { reject } of taken) reject(error);
    }
    for (const state of round) this.#finish(state);
    this.#pump();
  }

  /** One sync for one file: everybody who waited at its start is answered at its end. Never rejects. */
  async #commitAlone(state: FileState, taken: Taken): Promise<void> {
    this.#syncing += 1;
    const { wal } = this.#options;
    try {
      await (wal === undefined ? state.file.sync() : wal.syncFile(state.file));
      taken.onSynced();
      taken.resolve();
    } catch (error) {
      taken.reject(error);
    }
    this.#syncing -= 1;
    this.#finish(state);
    this.#pump();
  }

  #finish(state: FileState): void {
    state.isBusy = false;
    const isKnown = this.#files.get(state.file) === state;
    if (isKnown && state.isQueued) this.#line(state).push(state);
    else if (isKnown && state.pending.isEmpty) this.#files.delete(state.file);
  }
}
