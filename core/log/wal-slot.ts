/** One of the write-ahead log's two files: preallocated, filled frame by frame, begun anew when all it vouches for is in the segments. */

import type { Disk, DiskFile } from '../base/disk.ts';
import { MillraceError } from '../base/errors.ts';

/** Called when a segment's own file holds the bytes durably. */
export type OnSynced = () => void;

const zeros = Buffer.alloc(1024 * 1024);

export class WalSlot {
  readonly path: string;
  readonly sizeBytes: number;
  /** Segment files that hold bytes of this generation which only this file makes durable. */
  readonly dirty = new Map<DiskFile, OnSynced>();
  generation = 0;
  nextSequence = 0;
  /** Where the next frame goes. */
  position = 0;
  readonly #file: DiskFile;

  private constructor(file: DiskFile, sizeBytes: number) {
    this.#file = file;
    this.path = file.path;
    this.sizeBytes = sizeBytes;
  }

  /** Makes the file at its full size: a sync of bytes inside it need not wait for the file system's own journal. */
  static async create(disk: Disk, path: string, sizeBytes: number): Promise<WalSlot> {
    const file = await disk.open(path, 'create');
    try {
      for (let at = 0; at < sizeBytes; at += zeros.length) {
        await file.write([zeros.subarray(0, Math.min(zeros.length, sizeBytes - at))], at);
      }
      await file.sync();
      return new WalSlot(file, sizeBytes);
    } catch (error) {
      await file.close().catch(() => {});
      await disk.remove(path).catch(() => {});
      throw error;
    }
  }

  get roomBytes(): number {
    return this.sizeBytes - this.position;
  }

  begin(generation: number): void {
    this.generation = generation;
    this.nextSequence = 0;
    this.position = 0;
  }

  /**
   * `durable`: the frame survives a power loss. `refused`: a full disk, say, did not take it, and the next one is written
   * over what came of it. A rejection leaves it in doubt.
   */
  async append(frame: Uint8Array): Promise<'durable' | 'refused'> {
    try {
      await this.#file.write([frame], this.position);
    } catch (error) {
      if (error instanceof MillraceError && error.retriable) return 'refused';
      throw error;
    }
    await this.#file.sync();
    this.position += frame.byteLength;
    this.nextSequence += 1;
    return 'durable';
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
