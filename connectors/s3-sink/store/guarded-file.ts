/** A small file with compare-and-swap across processes: a folder of numbered versions, each made by a link that fails if it is there. */

import { randomUUID } from 'node:crypto';
import { link, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing, isThere, makeFolder, namesIn, syncFolder } from './local-files.ts';
import type { SmallObject } from './store.ts';

/**
 * Versions kept behind the newest. A writer far behind could make a version anew that was removed already; it finds the
 * newer ones right after and takes its own back. Keeping some lets such a writer fail at once in nearly every case.
 */
const keptVersions = 4;

export class GuardedFile {
  readonly #folder: string;

  constructor(path: string) {
    this.#folder = path;
  }

  async read(): Promise<SmallObject | undefined> {
    for (;;) {
      const newest = Math.max(0, ...(await this.#versions()));
      if (newest === 0) return undefined;
      try {
        return { content: await readFile(this.#path(newest)), etag: String(newest) };
      } catch (error) {
        // Several newer versions came and this one went between the two calls.
        if (!isMissing(error)) throw error;
      }
    }
  }

  /** The new etag, or undefined when the newest version is not `ifMatch` (undefined: there must be none). */
  async write(content: Buffer, ifMatch: string | undefined): Promise<string | undefined> {
    await makeFolder(this.#folder);
    const before = ifMatch === undefined ? 0 : Number(ifMatch);
    if (Math.max(0, ...(await this.#versions())) !== before) return undefined;
    const version = before + 1;
    const draft = join(this.#folder, `draft-${randomUUID()}`);
    try {
      await writeSynced(draft, content);
      await link(draft, this.#path(version));
    } catch (error) {
      if (isThere(error)) return undefined;
      throw error;
    } finally {
      await rm(draft, { force: true });
    }
    const versions = await this.#versions();
    if (Math.max(...versions) > version) {
      await rm(this.#path(version), { force: true });
      return undefined;
    }
    await syncFolder(this.#folder);
    await this.#removeOld(versions, version);
    return String(version);
  }

  async #removeOld(versions: readonly number[], newest: number): Promise<void> {
    for (const version of versions) {
      if (version < newest - keptVersions) await rm(this.#path(version), { force: true });
    }
    // Of writers that died; one that lives fails on it, tries again and finds the newer version.
    const drafts = (await namesIn(this.#folder)).filter((name) => name.startsWith('draft-'));
    for (const draft of drafts) await rm(join(this.#folder, draft), { force: true });
  }

  async #versions(): Promise<number[]> {
    const names = await namesIn(this.#folder);
    return names.filter((name) => /^\d{12}$/.test(name)).map(Number);
  }

  #path(version: number): string {
    return join(this.#folder, String(version).padStart(12, '0'));
  }
}

async function writeSynced(path: string, content: Buffer): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}
