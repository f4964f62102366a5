/** Which files are there, which generation each holds, and which generations have lost their file. No I/O. */

import path from 'node:path';
import type { SourcePosition } from '../contract/source.ts';
import { inodeKey } from './file-access.ts';
import { Generation } from './generation.ts';
import { CopyFinder } from './identity.ts';
import type { ScanResult, Sighting, StrayWish } from './scan.ts';
import { type Moment, type TrackedFile, trackFile, updateFacts } from './tracked-file.ts';

interface Orphan {
  /** Monotonic time. */
  readonly sinceMs: number;
  /** Completed scans that did not find it. */
  missedScans: number;
  /** It was followed to its end after it lost its name, so nobody needs to look for it. */
  readonly isRetired: boolean;
}

export interface SeeOptions extends Moment {
  /** What new files get as their limit: all there is now, all there ever will be, or nothing (found in a bounded run). */
  readonly takes: 'what is there' | 'everything' | 'nothing';
  /** New files are read from their end (first run with `start.position: end`). */
  readonly startsAtEnd: boolean;
}

/** A generation whose file is gone for good, and what of it was known to be unread. */
export interface Farewell {
  readonly generation: Generation;
  readonly lostBytes: number;
}

/** Scans that must miss a file before it counts as gone: one may look while it is being renamed. */
const scansBeforeGone = 2;

export class Registry {
  /** By device and inode. */
  readonly files = new Map<string, TrackedFile>();
  readonly copies = new CopyFinder();
  /** Generations whose position has to be reported though nothing was read. */
  readonly unreported = new Set<Generation>();
  /** Bytes that deleted files keep from being free. */
  deletedBytes = 0;
  readonly #orphans = new Map<Generation, Orphan>();
  readonly #orphansByInode = new Map<string, Set<Generation>>();
  readonly #holders = new Map<Generation, TrackedFile>();

  /** Takes over what was stored; entries of another form are left alone. */
  restore(stored: readonly SourcePosition[], nowMs: number): void {
    for (const position of stored) {
      const generation = Generation.restore(position);
      if (generation === undefined) continue;
      this.copies.update(generation);
      this.#orphan(generation, nowMs);
    }
  }

  get generationCount(): number {
    return this.#orphans.size + this.#holders.size;
  }

  /** A single name was looked at between two scans; returns the file if it has something new to look at. */
  seeOne(sighting: Sighting, options: SeeOptions): TrackedFile | undefined {
    const file = this.files.get(inodeKey(sighting.facts));
    if (file !== undefined) return this.#sight(file, [sighting], options.nowMs) ? file : undefined;
    const appeared = this.#appear(sighting, options);
    return appeared.phase === 'reading' ? undefined : appeared;
  }

  /** Applies a completed scan; returns the files that have something new to look at. */
  see(scan: ScanResult, options: SeeOptions): TrackedFile[] {
    const woken: TrackedFile[] = [];
    const seen = new Set<TrackedFile>();
    for (const [key, names] of Map.groupBy(scan.sightings, (sighting) => inodeKey(sighting.facts))) {
      const file = this.files.get(key);
      if (file === undefined) {
        const appeared = this.#appear(names[0]!, options);
        seen.add(appeared);
        if (appeared.phase !== 'reading') woken.push(appeared);
      } else {
        seen.add(file);
        if (this.#sight(file, names, options.nowMs)) woken.push(file);
      }
    }
    const isGone = goneTest(scan);
    for (const file of this.files.values()) {
      if (!seen.has(file) && isGone(file.path, file.facts.dev)) file.isNamed = false;
    }
    for (const [{ facts }, orphan] of this.#orphans) {
      if (isGone(facts.path, facts.dev)) orphan.missedScans++;
    }
    return woken;
  }

  #appear(sighting: Sighting, options: SeeOptions): TrackedFile {
    const file = trackFile(sighting, options);
    if (options.startsAtEnd && !sighting.isStray) file.startsAt = sighting.facts.size;
    if (options.takes !== 'everything') file.limit = options.takes === 'nothing' ? 0 : file.facts.size;
    this.files.set(file.key, file);
    const untouched = this.orphansOf(file).find(
      ({ facts, isDone }) =>
        isDone && facts.size === sighting.facts.size && facts.changedUs === sighting.facts.changedUs,
    );
    if (untouched !== undefined) this.bind(file, untouched);
    return file;
  }

  #sight(file: TrackedFile, names: readonly Sighting[], nowMs: number): boolean {
    const sighting = names.find((each) => each.path === file.path) ?? names.find((each) => !each.isStray) ?? names[0]!;
    file.isNamed = true;
    file.raw = sighting.raw;
    const isNoStrayNow = file.isStray && !sighting.isStray;
    if (isNoStrayNow && file.phase === 'ignored') file.phase = 'unknown';
    file.isStray = sighting.isStray && file.generation === undefined;
    if (file.path !== sighting.path) {
      file.path = sighting.path;
      if (file.generation !== undefined && file.generation.position > 0) this.unreported.add(file.generation);
    }
    const isChanged = updateFacts(file, sighting.facts, nowMs);
    this.#syncFacts(file);
    return isChanged || isNoStrayNow;
  }

  /** Stored generations of this inode that no file holds, the furthest first. */
  orphansOf(file: TrackedFile): Generation[] {
    const found = [...(this.#orphansByInode.get(file.key) ?? [])];
    return found.sort((one, other) => other.position - one.position);
  }

  isOrphan(generation: Generation): boolean {
    return this.#orphans.has(generation);
  }

  get orphanCount(): number {
    return this.#orphans.size;
  }

  holderOf(generation: Generation): TrackedFile | undefined {
    return this.#holders.get(generation);
  }

  /** From now on the file is where the generation goes on. */
  bind(file: TrackedFile, generation: Generation): void {
    this.#removeOrphan(generation);
    this.#holders.set(generation, file);
    // What began before a bounded run is read in it, under whatever name it goes on.
    generation.limit ??= generation.position > 0 && file.limit === 0 ? file.facts.size : file.limit;
    file.generation = generation;
    file.phase = 'reading';
    file.check = undefined;
    file.heldFor = undefined;
    file.heldSinceMs = undefined;
    file.isTwin = false;
    file.compression = generation.facts.compression;
    file.startsAt = undefined;
    file.isStray = false;
    this.#syncFacts(file);
  }

  /** The file holds something else now; the generation waits for its content to turn up elsewhere. */
  unbind(file: TrackedFile, nowMs: number, isRetired = false): void {
    const { generation } = file;
    file.generation = undefined;
    file.phase = 'unknown';
    file.check = undefined;
    file.compression = 'none';
    if (file.limit !== Number.POSITIVE_INFINITY) file.limit = 0;
    if (generation === undefined) return;
    this.#holders.delete(generation);
    if (generation.position > 0) this.#orphan(generation, nowMs, isRetired);
  }

  /** The file is neither named nor open any more; `isRetired` when it was followed to its end. */
  drop(file: TrackedFile, nowMs: number, isRetired: boolean): void {
    this.unbind(file, nowMs, isRetired);
    this.files.delete(file.key);
  }

  /** Keeps what is stored about the file as new as what is known. */
  #syncFacts(file: TrackedFile): void {
    const { generation, facts } = file;
    if (generation === undefined) return;
    const { dev, ino, bornUs, changedUs } = facts;
    // A file that became shorter than what was read of it was truncated: its old size tells how much was lost.
    const isTruncated = file.compression === 'none' && facts.size < generation.position;
    const size = isTruncated ? generation.facts.size : facts.size;
    Object.assign(generation.facts, {
      path: file.path,
      dev,
      ino,
      bornUs,
      changedUs,
      size,
      compression: file.compression,
    });
  }

  /** The generation was read on or found again. */
  touched(file: TrackedFile): void {
    this.#syncFacts(file);
    if (file.generation !== undefined) this.copies.update(file.generation);
  }

  /** Where the missing may be found: it would be beside its old place. */
  strayWishes(): StrayWish[] {
    const missing = [...this.#orphans].filter(([, orphan]) => !orphan.isRetired);
    return missing.map(([{ facts }]) => ({
      folder: path.dirname(facts.path),
      inode: inodeKey(facts),
      stem: /^[^.\d]+/.exec(path.basename(facts.path))?.[0] ?? path.basename(facts.path),
    }));
  }

  /** Gives up generations that were missing for `graceMs` and in two scans; they are to be removed from the store. */
  expire(nowMs: number, graceMs: number): Farewell[] {
    const inCheck = new Set([...this.files.values()].map((file) => file.check?.candidate));
    const farewells: Farewell[] = [];
    for (const [generation, orphan] of this.#orphans) {
      if (orphan.missedScans < scansBeforeGone || nowMs - orphan.sinceMs < graceMs || inCheck.has(generation)) continue;
      this.#removeOrphan(generation);
      this.copies.remove(generation);
      this.unreported.delete(generation);
      const { facts, position, isDone } = generation;
      const isUnread = facts.compression === 'none' && !isDone;
      farewells.push({ generation, lostBytes: isUnread ? facts.size - position : 0 });
    }
    return farewells;
  }

  #orphan(generation: Generation, nowMs: number, isRetired = false): void {
    this.#orphans.set(generation, { sinceMs: nowMs, missedScans: 0, isRetired });
    const key = inodeKey(generation.facts);
    const sameInode = this.#orphansByInode.get(key) ?? new Set();
    this.#orphansByInode.set(key, sameInode.add(generation));
  }

  #removeOrphan(generation: Generation): void {
    if (!this.#orphans.delete(generation)) return;
    const key = inodeKey(generation.facts);
    const sameInode = this.#orphansByInode.get(key)!;
    sameInode.delete(generation);
    if (sameInode.size === 0) this.#orphansByInode.delete(key);
  }
}

/**
 * Whether a scan proves that a path is gone: the nearest folder above it that was listed is on the device the file was
 * on. An unmounted file system proves nothing, nor does a folder that could not be listed.
 */
function goneTest(scan: ScanResult): (file: string, dev: string) => boolean {
  const unlisted = new Set(scan.problems.map((problem) => problem.path));
  return (file, dev) => {
    if (unlisted.has(file)) return false;
    for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
      if (unlisted.has(folder)) return false;
      const listedDev = scan.folders.get(folder);
      if (listedDev !== undefined) return listedDev === dev;
      if (folder === path.dirname(folder)) return false;
    }
  };
}
