/** The write-ahead log of all partitions: one write and one sync make the batches of any number of them durable; the segments follow. */

import path from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Disk, DiskFile } from '../base/disk.ts';
import { MillraceError, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { logErrors } from './error-codes.ts';
import { walNames } from './file-names.ts';
import { encodeFrame, entrySizeBytes, frameHeaderBytes, type WalEntry } from './wal-format.ts';
import { type OnSynced, WalSlot } from './wal-slot.ts';

export interface WriteAheadLogOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly dataDir: string;
  /** Of each of the two files. Together they bound what a start after a crash replays. */
  readonly fileBytes: number;
  /** A segment could not be synced after its bytes were acknowledged here: the log must stop, and the next start replays. */
  readonly onFailure: (error: MillraceError) => void;
}

export interface WalWrite extends WalEntry {
  readonly file: DiskFile;
  readonly onSynced: OnSynced;
}

/** Of one frame: the memory it is put together in. */
const maxFrameBytes = 4 * 1024 * 1024;

/** After the files could not be made (a full disk), they are tried again no sooner. */
const retryAfterMs = 30_000;

/** Segments synced at the same time behind the log's back: each takes a thread of the pool from those who wait. */
const concurrentSyncs = 2;

export class WriteAheadLog {
  readonly #options: WriteAheadLogOptions;
  #staging: Buffer | undefined;
  #active: WalSlot | undefined;
  /** The other file, ready to be begun anew; undefined while the segments it vouches for are being synced. */
  #spare: WalSlot | undefined;
  #draining: WalSlot | undefined;
  #generation = 0;
  #preparing: Promise<void> | undefined;
  #retryAtMs = 0;
  #work: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: WriteAheadLogOptions) {
    this.#options = options;
  }

  /** How large the next frame may be; 0 while there is no room. Makes the files when it is first asked. */
  frameRoom(): number {
    if (this.#isStopped) return 0;
    if (this.#active === undefined) {
      this.#prepare();
      return 0;
    }
    const room = this.#spare === undefined ? this.#active.roomBytes : this.#options.fileBytes;
    return Math.min(room, maxFrameBytes);
  }

  /**
   * One call at a time, and no larger than `frameRoom`. `durable`: all of it survives a power loss. `refused`: there was no room
   * on the disk, and the segments must be synced instead. A rejection leaves the bytes in doubt for good.
   */
  async append(writes: readonly WalWrite[]): Promise<'durable' | 'refused'> {
    const sizeBytes = writes.reduce((sum, write) => sum + entrySizeBytes(write), frameHeaderBytes);
    const slot = this.#slotFor(sizeBytes);
    this.#staging ??= Buffer.allocUnsafeSlow(Math.min(maxFrameBytes, this.#options.fileBytes));
    const id = { generation: slot.generation, sequence: slot.nextSequence };
    const frameBytes = encodeFrame(this.#staging, id, writes);
    const outcome = await slot.append(this.#staging.subarray(0, frameBytes));
    if (outcome === 'durable') for (const { file, onSynced } of writes) slot.dirty.set(file, onSynced);
    return outcome;
  }

  /** Syncs a segment's file; what of it only this log made durable is then its own. */
  async syncFile(file: DiskFile): Promise<void> {
    const covered = this.#slots().map((slot) => ({ slot, onSynced: slot.dirty.get(file) }));
    await file.sync();
    for (const { slot, onSynced } of covered) {
      // A later write came while the sync ran: it still needs one.
      if (onSynced === undefined || slot.dirty.get(file) !== onSynced) continue;
      slot.dirty.delete(file);
      onSynced();
    }
  }

  /** The file is about to be closed: its log has ended, or nothing of it is missing. */
  forget(file: DiskFile): void {
    for (const slot of this.#slots()) slot.dirty.delete(file);
  }

  /** Brings the segments up to what is durable here, so that recovery points can follow. */
  async checkpoint(): Promise<void> {
    for (const slot of this.#slots()) await this.#drain(slot);
  }

  /** Takes nothing more and gives no file free: what is in them is for the next start. */
  stop(): void {
    this.#isStopped = true;
  }

  /** With `remove`, everything the files vouch for is in the segments; without, they stay for the next start. */
  async close({ remove }: { remove: boolean }): Promise<void> {
    this.#isStopped = true;
    await this.#preparing;
    await this.#work;
    const slots = this.#slots();
    for (const slot of slots) await slot.close().catch(() => {});
    if (!remove || slots.length === 0) return;
    for (const slot of slots) await this.#options.disk.remove(slot.path);
    await this.#options.disk.syncFolder(this.#options.dataDir);
  }

  #slots(): WalSlot[] {
    return [this.#draining, this.#spare, this.#active].filter((slot) => slot !== undefined);
  }

  #slotFor(frameBytes: number): WalSlot {
    const active = this.#active!;
    if (frameBytes <= active.roomBytes) return active;
    const next = this.#spare!;
    this.#spare = undefined;
    this.#generation += 1;
    next.begin(this.#generation);
    this.#active = next;
    this.#draining = active;
    this.#work = this.#recycle(active);
    return next;
  }

  /** Never rejects: what failed was told, and the file stays as it is. */
  async #recycle(slot: WalSlot): Promise<void> {
    await this.#drain(slot);
    if (this.#isStopped || slot.dirty.size > 0) return;
    this.#draining = undefined;
    this.#spare = slot;
  }

  /** Never rejects. */
  async #drain(slot: WalSlot): Promise<void> {
    const files = [...slot.dirty.keys()];
    const next = async (): Promise<void> => {
      for (let file = files.pop(); file !== undefined; file = files.pop()) {
        if (!slot.dirty.has(file)) continue;
        try {
          await this.syncFile(file);
        } catch (error) {
          // The log of a forgotten file has ended; its closed file is no failure.
          if (!slot.dirty.has(file)) continue;
          this.#fail(file, error);
          return;
        }
      }
    };
    await Promise.all(Array.from({ length: concurrentSyncs }, next));
  }

  #fail(file: DiskFile, cause: unknown): void {
    const message = `a sync failed behind the write-ahead log: ${messageOf(cause)}`;
    this.#options.onFailure(logErrors.error('storage', { message, where: file.path, cause }));
  }

  #prepare(): void {
    if (this.#preparing !== undefined || this.#options.clock.monotonicMs() < this.#retryAtMs) return;
    this.#preparing = this.#makeFiles().finally(() => {
      this.#preparing = undefined;
    });
  }

  /** Never rejects: without the files every segment is synced by itself. */
  async #makeFiles(): Promise<void> {
    const { disk, dataDir, fileBytes, logger, clock } = this.#options;
    const made: WalSlot[] = [];
    try {
      for (const name of walNames) made.push(await WalSlot.create(disk, path.join(dataDir, name), fileBytes));
      await disk.syncFolder(dataDir);
      this.#generation += 1;
      made[0]!.begin(this.#generation);
      [this.#active, this.#spare] = made;
    } catch (error) {
      this.#retryAtMs = clock.monotonicMs() + retryAfterMs;
      for (const slot of made) {
        await slot.close().catch(() => {});
        await disk.remove(slot.path).catch(() => {});
      }
      const fields = { error: error instanceof MillraceError ? error.message : String(error) };
      logger.warn(fields, 'the write-ahead log could not be made; each partition is synced by itself');
    }
  }
}
