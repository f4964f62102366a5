/** A compacted segment while it is written, under a name that a crash makes worthless. */

import type { Disk, DiskFile } from '../base/disk.ts';
import { cleanedSuffix, swapSuffix } from './file-names.ts';
import { Segment } from './segment.ts';

export class CleanedSegment {
  readonly segment: Segment;
  readonly #disk: Disk;
  readonly #file: DiskFile;
  readonly #indexIntervalBytes: number;
  #pending: Buffer[] = [];
  #written = 0;
  #isFinished = false;

  private constructor(options: { disk: Disk; segment: Segment; file: DiskFile; indexIntervalBytes: number }) {
    this.#disk = options.disk;
    this.segment = options.segment;
    this.#file = options.file;
    this.#indexIntervalBytes = options.indexIntervalBytes;
  }

  /** For the segment that will begin where `first` does. */
  static async create(disk: Disk, first: Segment, indexIntervalBytes: number): Promise<CleanedSegment> {
    const segment = Segment.empty(first);
    const file = await disk.open(`${segment.logPath}${cleanedSuffix}`, 'create');
    await file.truncate(0);
    return new CleanedSegment({ disk, segment, file, indexIntervalBytes });
  }

  /** Takes a batch; its bytes must not change before the next `write` has ended. */
  add(batch: Buffer): void {
    this.segment.note(batch, 0, this.#indexIntervalBytes);
    this.#pending.push(batch);
  }

  /** Resolves to the bytes that were written. */
  async write(): Promise<number> {
    const buffers = this.#pending;
    this.#pending = [];
    if (buffers.length === 0) return 0;
    await this.#file.write(buffers, this.#written);
    const bytes = this.segment.sizeBytes - this.#written;
    this.#written = this.segment.sizeBytes;
    return bytes;
  }

  /** Makes the file complete and durable and gives it the name under which recovery believes it. */
  async finish(nextOffset: number): Promise<void> {
    this.segment.nextOffset = nextOffset;
    await this.#file.sync();
    await this.#disk.rename(`${this.segment.logPath}${cleanedSuffix}`, `${this.segment.logPath}${swapSuffix}`);
    this.#isFinished = true;
    await this.#disk.syncFolder(this.segment.folder);
  }

  /** Removes the file unless it was finished. */
  async close(): Promise<void> {
    await this.#file.close();
    if (!this.#isFinished) await this.#disk.remove(`${this.segment.logPath}${cleanedSuffix}`);
  }
}
