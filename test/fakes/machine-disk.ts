/** A disk as one life of a machine sees it: once that is over, whoever still runs in it cannot touch the disk any more. */

import type { Disk, DiskFile } from '../../core/base/disk.ts';
import { diskErrors } from '../../core/base/error-codes.ts';

export class MachineDisk implements Disk {
  readonly #disk: Disk;
  #isDead = false;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  die(): void {
    this.#isDead = true;
  }

  // Open files die with the disk below, which knows its lives.
  open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
    return this.#alive((disk) => disk.open(path, mode));
  }

  readFile(path: string): Promise<Buffer | undefined> {
    return this.#alive((disk) => disk.readFile(path));
  }

  replaceFile(path: string, content: Uint8Array): Promise<void> {
    return this.#alive((disk) => disk.replaceFile(path, content));
  }

  list(folder: string): ReturnType<Disk['list']> {
    return this.#alive((disk) => disk.list(folder));
  }

  makeFolder(folder: string): Promise<void> {
    return this.#alive((disk) => disk.makeFolder(folder));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#alive((disk) => disk.rename(from, to));
  }

  remove(path: string): Promise<void> {
    return this.#alive((disk) => disk.remove(path));
  }

  syncFolder(folder: string): Promise<void> {
    return this.#alive((disk) => disk.syncFolder(folder));
  }

  space(folder: string): ReturnType<Disk['space']> {
    return this.#alive((disk) => disk.space(folder));
  }

  lock(path: string): Promise<() => Promise<void>> {
    return this.#alive((disk) => disk.lock(path));
  }

  async #alive<T>(call: (disk: Disk) => Promise<T>): Promise<T> {
    if (this.#isDead) throw diskErrors.error('failed', { message: 'the machine has crashed' });
    return call(this.#disk);
  }
}
