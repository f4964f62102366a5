/** The segment files that opening one partition reads: each stays open until the next one is asked for, for opening costs more than reading. */

import type { Disk, DiskFile } from '../base/disk.ts';
import type { Segment } from './segment.ts';

export class RecoveryFiles {
  readonly #disk: Disk;
  #file: DiskFile | undefined;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** Open for reading and writing, made when it is missing; good until the next call. */
  async of({ logPath }: Segment): Promise<DiskFile> {
    if (this.#file?.path === logPath) return this.#file;
    await this.close();
    this.#file = await this.#disk.open(logPath, 'create');
    return this.#file;
  }

  /** The same, for the caller to keep and to close. */
  async take(segment: Segment): Promise<DiskFile> {
    const file = await this.of(segment);
    this.#file = undefined;
    return file;
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}
