/** Group commit: turns written bytes into durable ones, with one sync per file at a time and each sync covering all that waits. */

import type { Clock, Timer } from '../base/clock.ts';
import type { DiskFile } from '../base/disk.ts';

/** Bytes that were just written to a segment's file. */
export interface SegmentWrite {
  readonly file: DiskFile;
  readonly position: number;
  /** The bytes themselves: a committer with a log of its own writes them there instead of syncing the file. */
  readonly buffers: readonly Uint8Array[];
}

/** How a log makes its writes durable. */
export interface Committer {
  /**
   * Resolves when the write, and every earlier one to the same file, survives a power loss. An urgent one is begun at
   * once, another within the background delay. Rejects when that failed; what was asked for is then in doubt for good
   * and must never be acknowledged.
   */
  commit(write: SegmentWrite, urgency: 'now' | 'soon'): Promise<void>;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface FileState {
  readonly file: DiskFile;
  waiters: Waiter[];
  isSyncing: boolean;
  isQueued: boolean;
  timer: Timer | undefined;
}

export interface FileCommitterOptions {
  readonly clock: Clock;
  /** How long a write that nobody waits for may stay unsynced. */
  readonly backgroundSyncMs: number;
  /** Syncs under way at once: each holds a thread of the pool that reads and writes need too. */
  readonly maxConcurrentSyncs: number;
}

/** Syncs each segment's own file: right up to some dozens of partitions written at the same time. */
export class FileCommitter implements Committer {
  readonly #options: FileCommitterOptions;
  readonly #files = new Map<DiskFile, FileState>();
  readonly #queue: FileState[] = [];
  #syncing = 0;

  constructor(options: FileCommitterOptions) {
    this.#options = options;
  }

  commit(write: SegmentWrite, urgency: 'now' | 'soon'): Promise<void> {
    const state = this.#stateOf(write.file);
    const done = new Promise<void>((resolve, reject) => state.waiters.push({ resolve, reject }));
    if (urgency === 'now') this.#enqueue(state);
    else if (!state.isQueued && state.timer === undefined) {
      state.timer = this.#options.clock.timer(this.#options.backgroundSyncMs, () => this.#enqueue(state));
    }
    return done;
  }

  #stateOf(file: DiskFile): FileState {
    let state = this.#files.get(file);
    if (state === undefined) {
      state = { file, waiters: [], isSyncing: false, isQueued: false, timer: undefined };
      this.#files.set(file, state);
    }
    return state;
  }

  #enqueue(state: FileState): void {
    state.timer?.cancel();
    state.timer = undefined;
    if (state.isQueued) return;
    state.isQueued = true;
    if (state.isSyncing) return;
    this.#queue.push(state);
    this.#pump();
  }

  #pump(): void {
    while (this.#syncing < this.#options.maxConcurrentSyncs) {
      const state = this.#queue.shift();
      if (state === undefined) return;
      this.#syncing += 1;
      void this.#sync(state);
    }
  }

  /** One round for one file: everybody who waits at its start is answered at its end. Never rejects. */
  async #sync(state: FileState): Promise<void> {
    const { waiters } = state;
    state.waiters = [];
    state.isQueued = false;
    state.isSyncing = true;
    try {
      await state.file.sync();
      for (const waiter of waiters) waiter.resolve();
    } catch (error) {
      for (const waiter of waiters) waiter.reject(error);
    }
    state.isSyncing = false;
    this.#syncing -= 1;
    if (state.isQueued) this.#queue.push(state);
    else if (state.waiters.length === 0) this.#files.delete(state.file);
    this.#pump();
  }
}
