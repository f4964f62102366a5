/** Where the server keeps bytes: in memory, in a folder, or nowhere. */

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Small named blobs; a write is there whole or not at all. */
export interface Backing {
  write(name: string, content: Buffer): void;
  read(name: string): Buffer;
  remove(name: string): void;
  names(): string[];
}

export function memoryBacking(): Backing {
  const blobs = new Map<string, Buffer>();
  return {
    // A copy: request bodies are slices of larger buffers that would be kept whole.
    write: (name, content) => void blobs.set(name, Buffer.from(content)),
    read: (name) => blobs.get(name)!,
    remove: (name) => void blobs.delete(name),
    names: () => [...blobs.keys()],
  };
}

/** Larger blobs are taken for the parts of a benchmark. */
const largestKept = 64 * 1024;

/** For benchmarks: everything is read and checked, only small blobs are kept. */
export function discardBacking(): Backing {
  const kept = memoryBacking();
  return {
    ...kept,
    write: (name, content) => (content.length <= largestKept ? kept.write(name, content) : undefined),
    read: (name) => kept.read(name) ?? Buffer.alloc(0),
  };
}

export function folderBacking(folder: string): Backing {
  mkdirSync(folder, { recursive: true });
  return {
    write(name, content) {
      writeFileSync(join(folder, `${name}.new`), content);
      renameSync(join(folder, `${name}.new`), join(folder, name));
    },
    read: (name) => readFileSync(join(folder, name)),
    remove: (name) => rmSync(join(folder, name), { force: true }),
    names: () => readdirSync(folder).filter((name) => !name.endsWith('.new')),
  };
}
