/** A disk that can be told to be full: writes then take a part of what they are given and fail. */

import type { Disk, DiskEntry, DiskFile } from '../../../../core/base/disk.ts';
import { diskErrors } from '../../../../core/base/error-codes.ts';

export class FillableDisk implements Disk {
  isFull = false;
  readonly #disk: Disk;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
    const file = await this.#disk.open(path, mode);
    return {
      path,
      read: (into, position) => file.read(into, position),
      write: async (buffers, position) => {
        if (!this.isFull) return file.write(buffers, position);
        const [first] = buffers;
        if (first !== undefined) await file.write([first.subarray(0, first.byteLength >> 1)], position);
        throw this.#full(path);
      },
      sync: () => file.sync(),
      truncate: (size) => file.truncate(size),
      size: () => file.size(),
      close: () => file.close(),
    };
  }

  async replaceFile(path: string, content: Uint8Array): Promise<void> {
    if (this.isFull) throw this.#full(path);
    return this.#disk.replaceFile(path, content);
  }

  readFile(path: string): Promise<Buffer | undefined> {
    return this.#disk.readFile(path);
  }

  list(folder: string): Promise<DiskEntry[]> {
    return this.#disk.list(folder);
  }

  makeFolder(folder: string): Promise<void> {
    return this.#disk.makeFolder(folder);
  }

  rename(from: string, to: string): Promise<void> {
    return this.#disk.rename(from, to);
  }

  remove(path: string): Promise<void> {
    return this.#disk.remove(path);
  }

  syncFolder(folder: string): Promise<void> {
    return this.#disk.syncFolder(folder);
  }

  space(folder: string): ReturnType<Disk['space']> {
    return this.#disk.space(folder);
  }

  lock(path: string): Promise<() => Promise<void>> {
    return this.#disk.lock(path);
  }

  #full(where: string): Error {
    return diskErrors.error('full', { message: 'no space left on the device', where });
  }
}
