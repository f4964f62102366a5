/** The files users name, as a port: pipelines, folders of them, and what `${file:…}` refers to. */

import { open, readdir, stat } from 'node:fs/promises';

export interface UserFiles {
  /** The whole file; rejects when it is missing, unreadable, not an ordinary file, or larger than `mostBytes`. */
  read(path: string, mostBytes: number): Promise<Buffer>;
  /** The names in the folder in order, or undefined when `path` is no folder. */
  list(path: string): Promise<readonly string[] | undefined>;
}

export const userFiles: UserFiles = {
  async read(path, mostBytes) {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      if (size > mostBytes) throw new FileTooLarge(mostBytes);
      // Pipes and files of /proc say that they are empty; what they give is bounded all the same.
      const buffer = Buffer.alloc(mostBytes + 1);
      let length = 0;
      for (;;) {
        const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
        length += bytesRead;
        if (length > mostBytes) throw new FileTooLarge(mostBytes);
        if (bytesRead === 0) return buffer.subarray(0, length);
      }
    } finally {
      await file.close();
    }
  },
  async list(path) {
    const found = await stat(path).catch(() => undefined);
    return found?.isDirectory() ? (await readdir(path)).sort() : undefined;
  },
};

class FileTooLarge extends Error {
  constructor(mostBytes: number) {
    super(`it has more than ${mostBytes} bytes`);
  }
}

/** The reason of the operating system in plain words. */
export function whyUnreadable(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'there is no such file';
  if (code === 'EACCES' || code === 'EPERM') return 'this user may not read it';
  if (code === 'EISDIR') return 'it is a folder';
  return error instanceof Error ? error.message : String(error);
}
