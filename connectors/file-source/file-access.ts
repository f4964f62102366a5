/** The few file system calls the source makes, as promises, with inode numbers that are never rounded. */

import * as fs from 'node:fs';

/** Bytes where a name is not valid UTF-8. */
export type RawPath = string | Buffer;

export interface FileFacts {
  readonly dev: string;
  readonly ino: string;
  readonly size: number;
  /** Microseconds since 1970. */
  readonly changedUs: number;
  /** Microseconds since 1970; 0 when the file system does not tell. */
  readonly bornUs: number;
  /** Milliseconds since 1970. */
  readonly modifiedMs: number;
  /** Names that lead to it; 0 when it was deleted. */
  readonly linkCount: number;
  /** True when parts of it were never written and read as zeros. */
  readonly isSparse: boolean;
}

/** One per physical file. */
export function inodeKey(facts: { readonly dev: string; readonly ino: string }): string {
  return `${facts.dev}:${facts.ino}`;
}

export function factsOf(stats: fs.BigIntStats): FileFacts {
  const changedUs = Number(stats.ctimeNs / 1000n);
  const bornUs = Number(stats.birthtimeNs / 1000n);
  return {
    dev: String(stats.dev),
    ino: String(stats.ino),
    size: Number(stats.size),
    changedUs,
    // Where the birth time is not kept, some systems answer the change time instead.
    bornUs: bornUs > 0 && bornUs !== changedUs ? bornUs : 0,
    modifiedMs: Number(stats.mtimeMs),
    linkCount: Number(stats.nlink),
    isSparse: stats.blocks * 512n < stats.size,
  };
}

export function statOpen(fd: number): Promise<FileFacts> {
  return new Promise((resolve, reject) => {
    fs.fstat(fd, { bigint: true }, (error, stats) => (error ? reject(error) : resolve(factsOf(stats))));
  });
}

/** The same at once: for a file of this machine it costs a tenth of the way through the thread pool. */
export function statOpenNow(fd: number): FileFacts {
  return factsOf(fs.fstatSync(fd, { bigint: true }));
}

/** Rejects with ENOENT, EACCES, ELOOP, EMFILE … as the system says. */
export function openForReading(path: RawPath): Promise<number> {
  return new Promise((resolve, reject) => {
    // Without O_NONBLOCK a named pipe that matches would stop the thread for ever.
    const flags = fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0);
    fs.open(path, flags, (error, fd) => (error ? reject(error) : resolve(fd)));
  });
}

/** NFS, SMB in three versions, FUSE, 9p, Ceph: they do not report what other machines do, and a call may take long. */
const remoteFileSystems = new Set([0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x65735546, 0x01021997, 0x00c36400]);

export function isRemoteOrMissing(path: RawPath): Promise<boolean> {
  return new Promise((resolve) => {
    fs.statfs(path, (error, stats) => resolve(error !== null || remoteFileSystems.has(stats.type)));
  });
}

/** The same at once, without the way through the thread pool: a third of the cost where the disk is this machine's. */
export function statPathNow(path: RawPath): fs.BigIntStats | undefined {
  return fs.statSync(path, { bigint: true, throwIfNoEntry: false });
}

/** Follows links; undefined when nothing is there. */
export function statPath(path: RawPath): Promise<fs.BigIntStats | undefined> {
  return new Promise((resolve, reject) => {
    fs.stat(path, { bigint: true }, (error, stats) => {
      if (error === null) resolve(stats);
      else if (error.code === 'ENOENT' || error.code === 'ENOTDIR') resolve(undefined);
      else reject(error);
    });
  });
}

/** Reads into `into[0, length)` from `position`; fewer bytes mean the end of the file, or nearly always. */
export function readAt(fd: number, into: Buffer, length: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, into, 0, length, position, (error, count) => (error ? reject(error) : resolve(count)));
  });
}

/** The same at once: for files of this machine, whose bytes come from memory or from a disk that answers. */
export function readNow(fd: number, into: Buffer, length: number, position: number): number {
  return fs.readSync(fd, into, 0, length, position);
}

export function closeFile(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.close(fd, (error) => (error ? reject(error) : resolve()));
  });
}

export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
