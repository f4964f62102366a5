/** A disk in memory that forgets what was not synced when it crashes, tears writes, fails chosen calls and fills up. */

import path from 'node:path';
import type { Disk, DiskEntry, DiskFile, DiskSpace } from '../../core/base/disk.ts';
import { diskErrors } from '../../core/base/error-codes.ts';
import type { Crash } from './crash.ts';
import { FakeInode } from './fake-inode.ts';

export type DiskCall =
  | 'open'
  | 'read'
  | 'write'
  | 'sync'
  | 'truncate'
  | 'readFile'
  | 'replaceFile'
  | 'list'
  | 'makeFolder'
  | 'rename'
  | 'remove'
  | 'syncFolder';

/** Calls that change what is on the disk or what of it is durable. */
const changing: ReadonlySet<DiskCall> = new Set([
  'write',
  'sync',
  'truncate',
  'replaceFile',
  'makeFolder',
  'rename',
  'remove',
  'syncFolder',
]);

interface Fault {
  readonly call: DiskCall;
  readonly error: Error;
  readonly path: RegExp | undefined;
  skip: number;
}

/** One change of a folder's names: `inode` undefined takes the name away. */
interface NameChange {
  readonly path: string;
  readonly inode: FakeInode | undefined;
}

export class FakeDisk implements Disk {
  /** Bytes all files together may hold. */
  capacityBytes = Number.POSITIVE_INFINITY;
  /** How often each call was made. */
  readonly counts = new Map<DiskCall, number>();

  #names = new Map<string, FakeInode>();
  readonly #durableNames = new Map<string, FakeInode>();
  readonly #folders = new Set<string>(['/']);
  /** Changes of names since the last sync, by folder. */
  readonly #changes = new Map<string, NameChange[]>();
  readonly #locks = new Set<string>();
  readonly #holds = new Map<DiskCall, Promise<void>>();
  #faults: Fault[] = [];
  #life = 0;
  #changesLeft = Number.POSITIVE_INFINITY;

  /** The n-th call of this kind from now on (1 is the next one) fails with `error`, once; `path` counts only calls on matching paths. */
  fail(call: DiskCall, error: Error, options: { nth?: number; path?: RegExp } = {}): void {
    this.#faults.push({ call, error, path: options.path, skip: (options.nth ?? 1) - 1 });
  }

  /** After `count` more changing calls every call fails, until `crash`: a machine that stops in the middle of its work. */
  dieAfter(count: number): void {
    this.#changesLeft = count;
  }

  get isDead(): boolean {
    return this.#changesLeft < 0;
  }

  /** Calls of this kind wait until the returned function is called. */
  hold(call: DiskCall): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#holds.set(call, promise);
    return () => {
      if (this.#holds.get(call) === promise) this.#holds.delete(call);
      resolve();
    };
  }

  /** Ends every open file and lock and leaves what `crash` says. Faults are forgotten. */
  crash(crash: Crash): void {
    this.#life += 1;
    this.#locks.clear();
    this.#faults = [];
    this.#holds.clear();
    this.#changesLeft = Number.POSITIVE_INFINITY;
    if (crash.kind === 'power') {
      for (const changes of this.#changes.values()) {
        const kept = crash.keptNames?.(changes.length) ?? 0;
        for (const change of changes.slice(0, kept)) this.#applyDurably(change);
      }
      this.#names = new Map(this.#durableNames);
      for (const inode of new Set(this.#names.values())) inode.losePower(crash);
    }
    for (const changes of this.#changes.values()) for (const change of changes) this.#settle(crash, change);
    this.#changes.clear();
    if (crash.kind === 'process') return;
    for (const [name, inode] of this.#names) {
      inode.settle();
      // A removal that did not survive brings the folder back with its files.
      for (let folder = path.dirname(name); folder !== '/'; folder = path.dirname(folder)) this.#folders.add(folder);
    }
  }

  get usedBytes(): number {
    let sum = 0;
    for (const inode of new Set(this.#names.values())) sum += inode.size;
    return sum;
  }

  /** The file's bytes as a reader sees them now, for tests that damage files. */
  bytesOf(file: string): Buffer {
    return this.#existing(file).bytes();
  }

  /** Replaces the file's bytes, durably, behind everybody's back. */
  overwrite(file: string, content: Uint8Array): void {
    const inode = this.#names.get(file) ?? new FakeInode();
    inode.setDurably(content);
    this.#names.set(file, inode);
    this.#durableNames.set(file, inode);
  }

  /** Paths of all files, in name order. */
  files(): string[] {
    return [...this.#names.keys()].sort();
  }

  open(file: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
    return this.#call('open', file, () => {
      let inode = this.#names.get(file);
      if (inode === undefined) {
        if (mode !== 'create') throw missing(file);
        this.#needFolder(path.dirname(file));
        inode = new FakeInode();
        this.#setName({ path: file, inode });
      }
      return this.#handle(file, inode);
    });
  }

  readFile(file: string): Promise<Buffer | undefined> {
    return this.#call('readFile', file, () => this.#names.get(file)?.bytes());
  }

  replaceFile(file: string, content: Uint8Array): Promise<void> {
    return this.#call('replaceFile', file, () => {
      this.#needFolder(path.dirname(file));
      const before = this.#names.get(file)?.size ?? 0;
      if (this.usedBytes - before + content.byteLength > this.capacityBytes) throw full(file);
      this.overwrite(file, content);
    });
  }

  list(folder: string): Promise<DiskEntry[]> {
    return this.#call('list', folder, () => {
      const files = [...this.#names.keys()].filter((name) => path.dirname(name) === folder);
      const folders = [...this.#folders].filter((name) => name !== '/' && path.dirname(name) === folder);
      return [
        ...files.map((name) => ({ name: path.basename(name), isFolder: false })),
        ...folders.map((name) => ({ name: path.basename(name), isFolder: true })),
      ].sort((a, b) => (a.name < b.name ? -1 : 1));
    });
  }

  makeFolder(folder: string): Promise<void> {
    return this.#call('makeFolder', folder, () => {
      for (let made = folder; !this.#folders.has(made); made = path.dirname(made)) this.#folders.add(made);
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#call('rename', from, () => {
      this.#needFolder(path.dirname(to));
      if (this.#folders.has(from)) {
        this.#renameFolder(from, to);
        return;
      }
      const inode = this.#existing(from);
      this.#setName({ path: from, inode: undefined });
      this.#setName({ path: to, inode });
    });
  }

  remove(file: string): Promise<void> {
    return this.#call('remove', file, () => {
      for (const name of [...this.#names.keys()]) {
        if (isWithin(name, file)) this.#setName({ path: name, inode: undefined });
      }
      for (const folder of [...this.#folders]) if (isWithin(folder, file)) this.#folders.delete(folder);
    });
  }

  syncFolder(folder: string): Promise<void> {
    return this.#call('syncFolder', folder, () => {
      for (const change of this.#changes.get(folder) ?? []) this.#applyDurably(change);
      this.#changes.delete(folder);
    });
  }

  async space(_folder: string): Promise<DiskSpace> {
    const totalBytes = Math.min(this.capacityBytes, Number.MAX_SAFE_INTEGER);
    return { totalBytes, freeBytes: Math.max(totalBytes - this.usedBytes, 0) };
  }

  async lock(file: string): Promise<() => Promise<void>> {
    this.#needFolder(path.dirname(file));
    if (this.#locks.has(file)) {
      throw diskErrors.error('locked', { message: 'Another process holds the lock.', where: file });
    }
    this.#locks.add(file);
    const life = this.#life;
    return async () => {
      if (life === this.#life) this.#locks.delete(file);
    };
  }

  #handle(file: string, inode: FakeInode): DiskFile {
    const life = this.#life;
    let isClosed = false;
    const run = async <T>(call: DiskCall, effect: () => T): Promise<T> => {
      if (isClosed || life !== this.#life) throw failed(file, 'the file is closed');
      return this.#call(call, file, effect);
    };
    return {
      path: file,
      read: (into, position) => run('read', () => inode.read(into, position)),
      write: (buffers, position) =>
        run('write', () => {
          const bytes = Buffer.concat(buffers);
          const room = this.capacityBytes - this.usedBytes + Math.max(inode.size - position, 0);
          inode.write(bytes.subarray(0, Math.max(Math.min(bytes.length, room), 0)), position);
          if (bytes.length > room) throw full(file);
        }),
      sync: () => {
        // What is written while the sync runs is not its business.
        const count = inode.pendingCount;
        return run('sync', () => inode.settle(Math.min(count, inode.pendingCount)));
      },
      truncate: (size) => run('truncate', () => inode.truncate(size)),
      size: async () => inode.size,
      close: async () => {
        isClosed = true;
      },
    };
  }

  /** Counts the call, lets it wait, fail or die as told, then does its work at once: a crash comes before it or behind it. */
  async #call<T>(call: DiskCall, where: string, effect: () => T): Promise<T> {
    this.counts.set(call, (this.counts.get(call) ?? 0) + 1);
    const life = this.#life;
    await this.#holds.get(call);
    await Promise.resolve();
    if (life !== this.#life) throw failed(where, 'the machine crashed');
    if (changing.has(call)) this.#changesLeft -= 1;
    if (this.isDead) throw failed(where, 'the machine is dead');
    this.#failIfTold(call, where);
    return effect();
  }

  #failIfTold(call: DiskCall, where: string): void {
    const index = this.#faults.findIndex((fault) => fault.call === call && (fault.path?.test(where) ?? true));
    if (index === -1) return;
    const fault = this.#faults[index]!;
    fault.skip -= 1;
    if (fault.skip >= 0) return;
    this.#faults.splice(index, 1);
    throw fault.error;
  }

  #setName(change: NameChange): void {
    if (change.inode === undefined) this.#names.delete(change.path);
    else this.#names.set(change.path, change.inode);
    const folder = path.dirname(change.path);
    const changes = this.#changes.get(folder) ?? [];
    changes.push(change);
    this.#changes.set(folder, changes);
  }

  #applyDurably({ path: file, inode }: NameChange): void {
    if (inode === undefined) this.#durableNames.delete(file);
    else this.#durableNames.set(file, inode);
  }

  /** After the crash of the process alone names are as durable as before it; the next crash may still take them. */
  #settle(crash: Crash, change: NameChange): void {
    if (crash.kind === 'process') this.#applyDurably(change);
  }

  /** Folders are renamed with all in them, durably: nothing here depends on a half of that. */
  #renameFolder(from: string, to: string): void {
    for (const folder of [...this.#folders]) {
      if (!isWithin(folder, from)) continue;
      this.#folders.delete(folder);
      this.#folders.add(to + folder.slice(from.length));
    }
    for (const names of [this.#names, this.#durableNames]) {
      for (const [name, inode] of [...names]) {
        if (!isWithin(name, from)) continue;
        names.delete(name);
        names.set(to + name.slice(from.length), inode);
      }
    }
    for (const [folder, changes] of [...this.#changes]) {
      if (!isWithin(folder, from)) continue;
      this.#changes.delete(folder);
      this.#changes.set(
        to + folder.slice(from.length),
        changes.map((change) => ({ ...change, path: to + change.path.slice(from.length) })),
      );
    }
  }

  #existing(file: string): FakeInode {
    const inode = this.#names.get(file);
    if (inode === undefined) throw missing(file);
    return inode;
  }

  #needFolder(folder: string): void {
    if (!this.#folders.has(folder)) throw missing(folder);
  }
}

function isWithin(name: string, folder: string): boolean {
  return name === folder || name.startsWith(`${folder}/`);
}

const missing = (where: string) => diskErrors.error('missing', { message: 'no such file or folder', where });
const full = (where: string) => diskErrors.error('full', { message: 'no space left on the device', where });
const failed = (where: string, message: string) => diskErrors.error('failed', { message, where });
