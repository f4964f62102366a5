/** The disk as a port: everything durable goes through it, so that a test can tear, drop, refuse and fill. */

export interface DiskFile {
  readonly path: string;
  /** Fills `into` from `position` as far as the file reaches; returns the bytes read (0 at the end). */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Writes all buffers one behind the other from `position`; they must not change until it resolves. */
  write(buffers: readonly Uint8Array[], position: number): Promise<void>;
  /** Resolves when every byte written before the call survives a power loss. */
  sync(): Promise<void>;
  truncate(size: number): Promise<void>;
  size(): Promise<number>;
  /** Idempotent. */
  close(): Promise<void>;
}

export interface DiskEntry {
  readonly name: string;
  readonly isFolder: boolean;
}

export interface DiskSpace {
  readonly totalBytes: number;
  /** What an ordinary process may still write. */
  readonly freeBytes: number;
}

export interface Disk {
  /** `read` and `write` fail when the file is missing; `create` makes it and keeps what is there. `write` and `create` also read. */
  open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile>;
  /** The whole file, or undefined when there is none. */
  readFile(path: string): Promise<Buffer | undefined>;
  /** New content or old, never a mixture, also after a power loss: write beside, sync, rename, sync the folder (promise 5). */
  replaceFile(path: string, content: Uint8Array): Promise<void>;
  /** Entries in name order; an empty list when the folder is missing. */
  list(folder: string): Promise<DiskEntry[]>;
  /** Makes the folder and its parents; fine when it exists. The parent is synced. */
  makeFolder(folder: string): Promise<void>;
  /** Durable only after `syncFolder` of both parents. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or a folder with all in it; fine when it is missing. */
  remove(path: string): Promise<void>;
  /** Makes renames, creations and removals in the folder survive a power loss. */
  syncFolder(folder: string): Promise<void>;
  /** Of the file system the folder lies on. */
  space(folder: string): Promise<DiskSpace>;
  /** Takes the exclusive lock file at `path` for this process; resolves to its release, rejects with `disk/locked`. */
  lock(path: string): Promise<() => Promise<void>>;
}
