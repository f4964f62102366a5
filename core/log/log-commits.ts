/** The commits of one log: asks for them, knows which are under way, and moves the durable offsets when they end. */

import type { DiskFile } from '../base/disk.ts';
import type { Committer } from './committer.ts';
import { type LogState, nameOf } from './log-state.ts';
import type { Segment } from './segment.ts';
import type { Urgency } from './segment-write.ts';

export interface LogCommitsOptions {
  readonly state: LogState;
  readonly committer: Committer;
  /** False in `os` mode: written counts as durable. */
  readonly syncs: boolean;
  /** Everything before `offset` is as durable as the mode promises. */
  readonly onDurable: (offset: number, end: { segment: Segment; position: number }) => void;
  readonly onFailure: (error: unknown) => void;
}

export interface Written {
  readonly file: DiskFile;
  readonly position: number;
  readonly buffers: readonly Buffer[];
  /** Somebody has been answered: the buffers are good for now only. */
  readonly isAnswered: boolean;
}

export class LogCommits {
  readonly #options: LogCommitsOptions;
  readonly #running = new Set<Promise<void>>();

  constructor(options: LogCommitsOptions) {
    this.#options = options;
  }

  /** Makes what was just written to the active segment durable, as far as the mode asks. */
  begin(written: Written, urgency: Urgency): void {
    const { state, syncs, committer, onDurable, onFailure } = this.#options;
    const segment = state.segments.active;
    const nextOffset = segment.nextOffset;
    const end = { segment, position: segment.sizeBytes };
    if (!syncs && urgency !== 'file') {
      onDurable(nextOffset, end);
      return;
    }
    const origin = { partition: nameOf(state), topicId: state.topicId, segmentBase: segment.baseOffset };
    const onSynced = () => {
      state.syncedOffset = Math.max(state.syncedOffset, nextOffset);
    };
    const commit = committer.commit({ ...written, origin, nextOffset, onSynced }, urgency).then(() => {
      state.durableOffset = Math.max(state.durableOffset, nextOffset);
      onDurable(nextOffset, end);
    }, onFailure);
    this.#running.add(commit);
    void commit.then(() => this.#running.delete(commit));
  }

  /** Resolves when everything written is durable in the segment's own file, whatever the mode, or the log has failed. */
  async syncAll(file: DiskFile): Promise<void> {
    const { segments, syncedOffset } = this.#options.state;
    if (syncedOffset < segments.active.nextOffset) {
      this.begin({ file, position: segments.active.sizeBytes, buffers: [], isAnswered: false }, 'file');
    }
    await Promise.all(this.#running);
  }

  /** Nobody waits for the file any more: its log has ended, or the file has. */
  forget(file: DiskFile): void {
    this.#options.committer.forget(file);
  }
}
