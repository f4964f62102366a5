/** The truth about which files there are: walks the folders of the patterns and looks at every match once. */

import * as fs from 'node:fs/promises';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import {
  errorCode,
  type FileFacts,
  factsOf,
  inodeKey,
  isRemoteOrMissing,
  type RawPath,
  statPath,
  statPathNow,
} from './file-access.ts';
import type { GlobPlan, SearchRoot } from './glob-plan.ts';

export interface Sighting {
  /** Absolute; bytes of a name that are not UTF-8 are written `\xNN`. */
  readonly path: string;
  readonly raw: RawPath;
  readonly facts: FileFacts;
  /** Matches no pattern: it counts only as the further life of a file that did. */
  readonly isStray: boolean;
}

/** Where a file that is missing from its place may be found: beside it, under the same inode or a name that begins alike. */
export interface StrayWish {
  readonly folder: string;
  readonly inode: string;
  readonly stem: string;
}

interface ScanProblem {
  readonly path: string;
  readonly code: string;
}

export interface ScanResult {
  readonly sightings: readonly Sighting[];
  /** Folders that were listed, with their device: what is missing from them is gone, unless the device is another one. */
  readonly folders: ReadonlyMap<string, string>;
  readonly problems: readonly ScanProblem[];
}

/** Files looked at before other work has its turn: about a third of a millisecond. */
const statsAtOnce = 64;

/** Resolves early, with what it has so far, when the signal aborts. */
export async function scanFiles(
  plan: GlobPlan,
  wishes: readonly StrayWish[],
  signal: AbortSignal,
): Promise<ScanResult> {
  const scan = new Scan(plan, signal);
  for (const file of plan.literals) await scan.literal(file);
  for (const root of plan.roots) await scan.walk(root);
  await scan.strays(wishes);
  return { sightings: [...scan.found.values()], folders: scan.folders, problems: scan.problems };
}

interface Folder {
  readonly path: string;
  readonly raw: RawPath;
  /** Names below the root. */
  readonly names: readonly string[];
  /** Inodes of the folders above: one of them again is a loop of links. */
  readonly above: readonly string[];
}

interface Entry {
  readonly name: string;
  readonly path: string;
  readonly raw: RawPath;
  readonly kind: 'file' | 'folder' | 'link' | 'other';
}

class Scan {
  readonly found = new Map<string, Sighting>();
  readonly folders = new Map<string, string>();
  readonly problems: ScanProblem[] = [];
  readonly #plan: GlobPlan;
  readonly #signal: AbortSignal;
  /** Remote file systems may hang, and must not hang more than the looking. */
  #isRemote = false;

  constructor(plan: GlobPlan, signal: AbortSignal) {
    this.#plan = plan;
    this.#signal = signal;
  }

  async literal(file: string): Promise<void> {
    const folder = path.dirname(file);
    const stats = await this.#try(folder, () => statPath(folder));
    if (stats?.isDirectory()) this.folders.set(folder, String(stats.dev));
    if (!this.#plan.isExcluded(file)) await this.#look(file, file, false);
  }

  async walk(root: SearchRoot): Promise<void> {
    this.#isRemote = await isRemoteOrMissing(root.folder);
    const todo: Folder[] = [{ path: root.folder, raw: root.folder, names: [], above: [] }];
    for (let folder = todo.pop(); folder !== undefined && !this.#signal.aborted; folder = todo.pop()) {
      const stats = await this.#try(folder.path, () => statPath(folder!.raw));
      if (stats === undefined || !stats.isDirectory()) continue;
      const inode = inodeKey({ dev: String(stats.dev), ino: String(stats.ino) });
      if (folder.above.includes(inode)) continue;
      const entries = await this.#try(folder.path, () => list(folder!));
      if (entries === undefined) continue;
      this.folders.set(folder.path, String(stats.dev));
      const above = [...folder.above, inode];
      todo.push(...(await this.#visit(root, folder, entries, above)));
    }
  }

  /** Looks at the matches among the entries and returns the folders to enter. */
  async #visit(root: SearchRoot, folder: Folder, entries: Entry[], above: readonly string[]): Promise<Folder[]> {
    const below: Folder[] = [];
    const looks: Entry[] = [];
    for (const entry of entries) {
      const names = [...folder.names, entry.name];
      if (entry.kind === 'folder' || entry.kind === 'link') {
        if (root.entersFolder(names)) below.push({ path: entry.path, raw: entry.raw, names, above });
      }
      const isMatch = entry.kind === 'file' || entry.kind === 'link' ? root.matchesFile(entry.path) : false;
      if (isMatch && !this.found.has(entry.path) && !this.#plan.isExcluded(entry.path)) looks.push(entry);
    }
    await this.#lookAll(looks, false);
    return below;
  }

  async strays(wishes: readonly StrayWish[]): Promise<void> {
    for (const [folder, wanted] of Map.groupBy(wishes, (wish) => wish.folder)) {
      if (this.#signal.aborted) return;
      const entries = await this.#try(folder, () => list({ path: folder, raw: folder, names: [], above: [] }));
      // A name that matches is no stray even if it came too late for this scan.
      const candidates = (entries ?? []).filter((entry) => entry.kind === 'file' && !this.#plan.matches(entry.path));
      await this.#lookAll(candidates, true);
      const inodes = new Set(wanted.map((wish) => wish.inode));
      for (const entry of candidates) {
        const sighting = this.found.get(entry.path);
        if (sighting === undefined || inodes.has(inodeKey(sighting.facts))) continue;
        if (!wanted.some((wish) => entry.name.startsWith(wish.stem))) this.found.delete(entry.path);
      }
    }
  }

  async #lookAll(entries: readonly Entry[], isStray: boolean): Promise<void> {
    for (let i = 0; i < entries.length && !this.#signal.aborted; i += statsAtOnce) {
      const some = entries.slice(i, i + statsAtOnce);
      if (this.#isRemote) await Promise.all(some.map((each) => this.#look(each.path, each.raw, isStray)));
      else {
        for (const each of some) this.#lookNow(each, isStray);
        await setImmediate();
      }
    }
  }

  async #look(file: string, raw: RawPath, isStray: boolean): Promise<void> {
    const stats = await this.#try(file, () => statPath(raw));
    if (stats?.isFile()) this.found.set(file, { path: file, raw, facts: factsOf(stats), isStray });
  }

  #lookNow({ path: file, raw }: Entry, isStray: boolean): void {
    try {
      const stats = statPathNow(raw);
      if (stats?.isFile()) this.found.set(file, { path: file, raw, facts: factsOf(stats), isStray });
    } catch (error) {
      this.#note(file, error);
    }
  }

  async #try<T>(where: string, attempt: () => Promise<T>): Promise<T | undefined> {
    try {
      return await attempt();
    } catch (error) {
      this.#note(where, error);
      return undefined;
    }
  }

  #note(where: string, error: unknown): void {
    const code = errorCode(error);
    // Gone since it was listed, or a link that leads in a circle or nowhere.
    if (code !== 'ENOENT' && code !== 'ELOOP' && code !== 'ENOTDIR') this.problems.push({ path: where, code });
  }
}

async function list(folder: Folder): Promise<Entry[]> {
  const entries = await fs.readdir(folder.raw, { withFileTypes: true });
  // A replacement character may stand for bytes that are not UTF-8; only then are the bytes themselves needed.
  if (typeof folder.raw === 'string' && !entries.some((entry) => entry.name.includes('\ufffd'))) {
    return entries.map((entry) => ({
      name: entry.name,
      path: path.join(folder.path, entry.name),
      raw: path.join(folder.path, entry.name),
      kind: kindOf(entry),
    }));
  }
  const byteEntries = await fs.readdir(folder.raw, { withFileTypes: true, encoding: 'buffer' });
  return byteEntries.map((entry) => {
    const name = printableName(entry.name);
    const raw = Buffer.concat([Buffer.from(folder.raw), Buffer.from('/'), entry.name]);
    return { name, path: path.join(folder.path, name), raw, kind: kindOf(entry) };
  });
}

interface TypedEntry {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
  isFIFO(): boolean;
  isSocket(): boolean;
  isBlockDevice(): boolean;
  isCharacterDevice(): boolean;
}

function kindOf(entry: TypedEntry): Entry['kind'] {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'folder';
  if (entry.isSymbolicLink()) return 'link';
  const isSpecial = entry.isFIFO() || entry.isSocket() || entry.isBlockDevice() || entry.isCharacterDevice();
  // Some file systems do not say what an entry is; looking at it tells.
  return isSpecial ? 'other' : 'link';
}

function printableName(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (Buffer.from(text, 'utf8').equals(bytes)) return text;
  return [...bytes].map((byte) => (byte < 0x80 ? String.fromCharCode(byte) : `\\x${byte.toString(16)}`)).join('');
}
