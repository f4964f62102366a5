/** One partition's checkpoint as its owner writes it: prepare, complete, settle, each step guarded by the etag before it. */

import type { TopicPartition } from '../../contract/record.ts';
import { s3Errors } from '../error-codes.ts';
import type { Layout } from '../partitioners/partitioner.ts';
import type { StoreCalls } from '../store/store-calls.ts';
import {
  type Checkpoint,
  claim,
  decodeCheckpoint,
  encodeCheckpoint,
  firstCheckpoint,
  type PreparedFile,
  prepare,
  settle,
} from './checkpoint.ts';
import { finishFile } from './finish-file.ts';

export interface CommitterOptions {
  readonly calls: StoreCalls;
  readonly at: TopicPartition;
  /** Of the checkpoint object. */
  readonly key: string;
  /** Unique to this task run. */
  readonly owner: string;
  readonly layout: Layout;
}

/** More collisions than this while taking over means that two owners keep taking the partition from each other. */
const mostTakeovers = 10;

export class Committer {
  readonly #options: CommitterOptions;
  #checkpoint: Checkpoint;
  #etag: string | undefined;

  private constructor(options: CommitterOptions) {
    this.#options = options;
    this.#checkpoint = firstCheckpoint(options.owner, options.layout);
  }

  /**
   * Makes this task the owner of the partition: finishes what the owner before had decided, and writes a checkpoint of
   * its own, which every other owner's next write fails on.
   */
  static async takeOver(options: CommitterOptions, signal: AbortSignal): Promise<Committer> {
    const committer = new Committer(options);
    for (let attempt = 0; attempt < mostTakeovers; attempt++) {
      if (await committer.#tryTakeOver(signal)) return committer;
    }
    throw committer.#fenced();
  }

  get checkpoint(): Checkpoint {
    return this.#checkpoint;
  }

  /** How many ranges a restart would have to leave out. */
  get rangeCount(): number {
    return this.#checkpoint.written.reduce((sum, { ranges }) => sum + ranges.length, 0);
  }

  /**
   * Makes the files visible and `next` the place to read on from. Rejects with `s3/fenced` before anything is visible
   * when somebody else owns the partition, with `s3/upload-gone` when records must be read again.
   */
  async commit(files: readonly PreparedFile[], next: number, signal: AbortSignal): Promise<void> {
    const { calls } = this.#options;
    if (files.length > 0) await this.#write(prepare(this.#checkpoint, files, next), signal);
    else this.#checkpoint = prepare(this.#checkpoint, [], next);
    const gone = await this.#finish(this.#checkpoint.prepared, signal);
    await this.#write(settle(this.#checkpoint, gone), signal);
    await Promise.all(files.map((file) => calls.release(file)));
    if (gone.size > 0) throw uploadsGone([...gone]);
  }

  async #tryTakeOver(signal: AbortSignal): Promise<boolean> {
    const { calls, key, owner, layout } = this.#options;
    const stored = await calls.readSmall(key, signal);
    const old = stored === undefined ? undefined : decodeCheckpoint(stored.content);
    if (stored !== undefined && old === undefined) throw unreadable(key);
    this.#etag = stored?.etag;
    let mine = firstCheckpoint(owner, layout);
    if (old !== undefined) {
      this.#checkpoint = old;
      mine = claim(settle(old, await this.#finish(old.prepared, signal)), owner, layout);
    }
    const etag = await calls.writeSmall(key, encodeCheckpoint(mine), this.#etag, signal);
    if (etag === undefined) return false;
    this.#etag = etag;
    this.#checkpoint = mine;
    await Promise.all((old?.prepared ?? []).map((file) => calls.release(file)));
    return true;
  }

  /** Completes the files; returns those whose uploads are gone. */
  async #finish(files: readonly PreparedFile[], signal: AbortSignal): Promise<ReadonlySet<PreparedFile>> {
    const gone = new Set<PreparedFile>();
    const finishing = files.map(async (file) => {
      if ((await finishFile(this.#options.calls, file, signal)) === 'gone') gone.add(file);
    });
    const results = await Promise.allSettled(finishing);
    const failed = results.find((result) => result.status === 'rejected');
    if (failed === undefined) return gone;
    signal.throwIfAborted();
    await this.#checkStillOwner(signal);
    throw failed.reason;
  }

  /** What looks like a foreign object may be the work of a new owner. */
  async #checkStillOwner(signal: AbortSignal): Promise<void> {
    const stored = await this.#options.calls.readSmall(this.#options.key, signal);
    if (stored?.etag !== this.#etag) throw this.#fenced();
  }

  async #write(checkpoint: Checkpoint, signal: AbortSignal): Promise<void> {
    const { calls, key } = this.#options;
    const etag = await calls.writeSmall(key, encodeCheckpoint(checkpoint), this.#etag, signal);
    if (etag === undefined) throw this.#fenced();
    this.#etag = etag;
    this.#checkpoint = checkpoint;
  }

  #fenced(): Error {
    const { topic, partition } = this.#options.at;
    return s3Errors.error('fenced', {
      message: 'another task took the partition over',
      where: `${topic}-${partition}`,
    });
  }
}

function unreadable(key: string): Error {
  return s3Errors.error('bad-checkpoint', { message: 'the checkpoint cannot be read', where: key });
}

function uploadsGone(files: readonly PreparedFile[]): Error {
  const message = `${files.length === 1 ? 'an upload was' : `${files.length} uploads were`} removed before completion`;
  return s3Errors.error('upload-gone', { message, where: files[0]!.key });
}
