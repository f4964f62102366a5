/** The disk port over the machine's file system: positional reads and writes, fdatasync, durable renames, a lock the kernel lets go of when its process dies. */

import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from './clock.ts';
import type { Disk, DiskEntry, DiskFile, DiskSpace } from './disk.ts';
import { diskErrors } from './error-codes.ts';
import { type MillraceError, messageOf } from './errors.ts';
import { lockFile } from './node-lock.ts';
import { SmallWrites } from './small-writes.ts';

/** What one writev takes on Linux (IOV_MAX); longer lists go in several calls. */
const buffersPerWrite = 1024;

const openFlags = { read: 'r', write: 'r+', create: fs.constants.O_RDWR | fs.constants.O_CREAT } as const;

const openFile = promisify(fs.open);
const closeFile = promisify(fs.close);
const syncData = promisify(fs.fdatasync);
const syncAll = promisify(fs.fsync);
const truncateFile = promisify(fs.ftruncate);
const statFile = promisify(fs.fstat);
const readFile: (file: string) => Promise<Buffer> = promisify(fs.readFile);

/** Reads once; resolves to the bytes read. */
function readSome(fd: number, into: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, into, 0, into.byteLength, position, (error, count) => (error ? reject(error) : resolve(count)));
  });
}

/** Of the whole process, like the pool. */
const smallWrites = new SmallWrites({ writeInPool, monotonicMs: systemClock.monotonicMs });

function writeInPool(fd: number, buffers: readonly Uint8Array[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.writev(fd, buffers as readonly NodeJS.ArrayBufferView[], position, (error, count) =>
      error ? reject(error) : resolve(count),
    );
  });
}

/** Our error for one of the operating system's: by errno, with the path as its place. */
export function diskError(cause: unknown, where: string): MillraceError {
  const errno = (cause as NodeJS.ErrnoException | undefined)?.code;
  const message = messageOf(cause);
  switch (errno) {
    case 'ENOSPC':
    case 'EDQUOT':
      return diskErrors.error('full', { message, where, cause });
    case 'ENOENT':
      return diskErrors.error('missing', { message, where, cause });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return diskErrors.error('denied', { message, where, cause });
    case 'EMFILE':
    case 'ENFILE':
      return diskErrors.error('failed', {
        message,
        where,
        cause,
        retriable: true,
        fix: 'Raise the limit of open files (ulimit -n); work goes on by itself once there are some.',
      });
    default:
      return diskErrors.error('failed', { message, where, cause });
  }
}

/** Runs one operation of the file system and turns its failure into ours. */
async function guarded<T>(where: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw diskError(error, where);
  }
}

/** An open file. Calls may overlap; `close` waits for those under way, so that none ever meets a descriptor that was given to another file. */
class NodeDiskFile implements DiskFile {
  readonly path: string;
  readonly #fd: number;
  #running = 0;
  #closing: Promise<void> | undefined;
  #whenIdle: (() => void) | undefined;

  constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return this.#run(async () => {
      let filled = 0;
      while (filled < into.byteLength) {
        const count = await readSome(this.#fd, into.subarray(filled), position + filled);
        if (count === 0) break;
        filled += count;
      }
      return filled;
    });
  }

  write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    return this.#run(async () => {
      let at = position;
      for (let first = 0; first < buffers.length; first += buffersPerWrite) {
        const group = buffers.length <= buffersPerWrite ? buffers : buffers.slice(first, first + buffersPerWrite);
        at += await this.#writeAll(group, at);
      }
    });
  }

  sync(): Promise<void> {
    return this.#run(() => smallWrites.during(() => syncData(this.#fd)));
  }

  truncate(size: number): Promise<void> {
    return this.#run(() => truncateFile(this.#fd, size));
  }

  size(): Promise<number> {
    return this.#run(async () => (await statFile(this.#fd)).size);
  }

  close(): Promise<void> {
    this.#closing ??= guarded(this.path, async () => {
      if (this.#running > 0) {
        await new Promise<void>((resolve) => {
          this.#whenIdle = resolve;
        });
      }
      await closeFile(this.#fd);
    });
    return this.#closing;
  }

  /** One writev, repeated for what a short write left; returns the bytes of all buffers. */
  async #writeAll(buffers: readonly Uint8Array[], position: number): Promise<number> {
    let left = withoutFirst(buffers, 0);
    let at = position;
    while (left.length > 0) {
      const count = await smallWrites.write(this.#fd, left, at);
      at += count;
      left = withoutFirst(left, count);
    }
    return at - position;
  }

  async #run<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined)
      throw diskErrors.error('failed', { message: 'the file is closed', where: this.path });
    this.#running += 1;
    try {
      return await operation();
    } catch (error) {
      throw diskError(error, this.path);
    } finally {
      this.#running -= 1;
      if (this.#running === 0) this.#whenIdle?.();
    }
  }
}

/** The buffers without their first `count` bytes and without empty ones in front. */
function withoutFirst(buffers: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let index = 0;
  let left = count;
  while (index < buffers.length && buffers[index]!.byteLength <= left) {
    left -= buffers[index]!.byteLength;
    index += 1;
  }
  if (index === 0 && left === 0) return buffers;
  const rest = buffers.slice(index);
  if (left > 0) rest[0] = rest[0]!.subarray(left);
  return rest;
}

async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder; there the file system orders renames by itself.
  if (process.platform === 'win32') return;
  const fd = await openFile(folder, 'r');
  try {
    await syncAll(fd);
  } finally {
    await closeFile(fd);
  }
}

let temporaryFiles = 0;

async function replaceFile(target: string, content: Uint8Array): Promise<void> {
  temporaryFiles += 1;
  const beside = `${target}.${process.pid}-${temporaryFiles}.tmp`;
  try {
    const fd = await openFile(beside, 'w');
    const file = new NodeDiskFile(beside, fd);
    try {
      await file.write([content], 0);
      await syncAll(fd);
    } finally {
      await file.close();
    }
    await fs.promises.rename(beside, target);
  } catch (error) {
    await fs.promises.rm(beside, { force: true }).catch(() => {});
    throw error;
  }
  await syncFolder(path.dirname(target));
}

/** Makes the folder and its missing parents, and syncs the parent of each one that was made. */
async function makeFolder(folder: string): Promise<void> {
  const first = await fs.promises.mkdir(folder, { recursive: true });
  if (first === undefined) return;
  for (let made = path.resolve(folder); ; made = path.dirname(made)) {
    await syncFolder(path.dirname(made));
    if (made === path.resolve(first)) return;
  }
}

async function listFolder(folder: string): Promise<DiskEntry[]> {
  try {
    const entries = await fs.promises.readdir(folder, { withFileTypes: true });
    return entries
      .map((entry) => ({ name: entry.name, isFolder: entry.isDirectory() }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function spaceOf(folder: string): Promise<DiskSpace> {
  const { blocks, bavail, bsize } = await fs.promises.statfs(folder);
  return { totalBytes: blocks * bsize, freeBytes: bavail * bsize };
}

async function readWhole(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export const nodeDisk: Disk = {
  open: (file, mode) => guarded(file, async () => new NodeDiskFile(file, await openFile(file, openFlags[mode], 0o644))),
  readFile: (file) => guarded(file, () => readWhole(file)),
  replaceFile: (file, content) => guarded(file, () => replaceFile(file, content)),
  list: (folder) => guarded(folder, () => listFolder(folder)),
  makeFolder: (folder) => guarded(folder, () => makeFolder(folder)),
  rename: (from, to) => guarded(from, () => fs.promises.rename(from, to)),
  remove: (file) => guarded(file, () => fs.promises.rm(file, { recursive: true, force: true })),
  syncFolder: (folder) => guarded(folder, () => syncFolder(folder)),
  space: (folder) => guarded(folder, () => spaceOf(folder)),
  lock: (file) => lockFile(file),
};
