/** The files that reads use: opened when first needed, a bounded number at a time, the least recently used closed first. */

import type { Disk, DiskFile } from '../base/disk.ts';
import type { Segment } from './segment.ts';

interface Open {
  readonly file: Promise<DiskFile>;
  users: number;
}

export class OpenFiles {
  readonly #disk: Disk;
  readonly #maxFiles: number;
  /** In order of last use. */
  readonly #open = new Map<Segment, Open>();

  constructor(options: { disk: Disk; maxFiles: number }) {
    this.#disk = options.disk;
    this.#maxFiles = options.maxFiles;
  }

  /** Fills `into` from `position` of the segment's file as far as it reaches; returns the bytes read. */
  async read(segment: Segment, into: Uint8Array, position: number): Promise<number> {
    const open = this.#use(segment);
    open.users += 1;
    try {
      return await (await open.file).read(into, position);
    } catch (error) {
      if (this.#open.get(segment) === open) this.#open.delete(segment);
      void open.file.then((file) => file.close()).catch(() => {});
      throw error;
    } finally {
      open.users -= 1;
    }
  }

  /** Closes the segment's file; reads under way end first. */
  async forget(segment: Segment): Promise<void> {
    const open = this.#open.get(segment);
    if (open === undefined) return;
    this.#open.delete(segment);
    await (await open.file).close();
  }

  async close(): Promise<void> {
    for (const segment of [...this.#open.keys()]) await this.forget(segment);
  }

  #use(segment: Segment): Open {
    const open = this.#open.get(segment) ?? { file: this.#disk.open(segment.logPath, 'read'), users: 0 };
    this.#open.delete(segment);
    this.#open.set(segment, open);
    if (this.#open.size > this.#maxFiles) this.#closeOldest();
    return open;
  }

  #closeOldest(): void {
    for (const [segment, open] of this.#open) {
      if (open.users > 0) continue;
      this.#open.delete(segment);
      void open.file.then((file) => file.close()).catch(() => {});
      return;
    }
  }
}
