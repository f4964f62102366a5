/** Keeps files open within a budget: the ones used least recently are closed, and opened again by name when needed. */

import { readFileSync } from 'node:fs';
import {
  closeFile,
  errorCode,
  type FileFacts,
  isRemoteOrMissing,
  openForReading,
  statOpen,
  statOpenNow,
} from './file-access.ts';
import type { TrackedFile } from './tracked-file.ts';

/** More descriptors than this help nobody; the process has other uses for them. */
const mostByDefault = 512;

/** Where the system does not tell how many descriptors there may be. */
const assumedLimit = 256;

/** Fewer would make it open and close for every read. */
const fewest = 4;

/** `moved`: the name leads to another file now; a scan will find out more. */
export type NotOpen = 'moved' | 'gone' | 'no room';

export class OpenFiles {
  /** In the order of their last use. */
  readonly #open = new Set<TrackedFile>();
  readonly #localDevices = new Set<string>();
  #budget: number;

  /** `budget` 0 takes a quarter of what the system allows the process. */
  constructor(budget: number) {
    this.#budget = budget > 0 ? budget : Math.min(mostByDefault, Math.max(fewest, Math.floor(descriptorLimit() / 4)));
  }

  get count(): number {
    return this.#open.size;
  }

  /** Resolves to the open file's facts as they are now. Rejects with the system's error when it may not be opened. */
  async open(file: TrackedFile): Promise<FileFacts | NotOpen> {
    if (file.fd !== undefined) {
      this.#open.delete(file);
      this.#open.add(file);
      return file.isRemote ? statOpen(file.fd) : statOpenNow(file.fd);
    }
    if (!(await this.#makeRoom())) return 'no room';
    let fd: number;
    try {
      fd = await openForReading(file.raw);
    } catch (error) {
      const code = errorCode(error);
      if (code === 'ENOENT' || code === 'ENOTDIR') return 'gone';
      if (code !== 'EMFILE' && code !== 'ENFILE') throw error;
      this.#budget = Math.max(fewest, Math.min(this.#budget, this.#open.size) - 1);
      await this.#makeRoom();
      return 'no room';
    }
    const facts = await statOpen(fd);
    if (facts.dev !== file.facts.dev || facts.ino !== file.facts.ino) {
      await closeFile(fd);
      return 'moved';
    }
    file.isRemote = await this.#isRemote(file, facts.dev);
    file.fd = fd;
    this.#open.add(file);
    return facts;
  }

  async close(file: TrackedFile): Promise<void> {
    const { fd, source } = file;
    this.#open.delete(file);
    file.fd = undefined;
    file.source = undefined;
    source?.close();
    if (fd !== undefined) await closeFile(fd);
  }

  async closeAll(): Promise<void> {
    for (const file of this.#open) await this.close(file);
  }

  /** Asked once per device, as long as the answer can be trusted: a file that went meanwhile counts as remote. */
  async #isRemote(file: TrackedFile, device: string): Promise<boolean> {
    if (this.#localDevices.has(device)) return false;
    if (await isRemoteOrMissing(file.raw)) return true;
    this.#localDevices.add(device);
    return false;
  }

  /** A file without a name could not be opened again, and a decoder would have to begin anew: those stay open. */
  async #makeRoom(): Promise<boolean> {
    while (this.#open.size >= this.#budget) {
      const idlest = this.#open.values().find(canReopen);
      if (idlest === undefined) return this.#open.size < 2 * this.#budget;
      await this.close(idlest);
    }
    return true;
  }
}

function canReopen(file: TrackedFile): boolean {
  return file.isNamed && file.facts.linkCount > 0 && file.compression === 'none';
}

function descriptorLimit(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return soft === undefined ? assumedLimit : Number(soft);
  } catch {
    return assumedLimit;
  }
}
