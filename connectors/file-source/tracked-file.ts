/** One physical file that is there or held open, and what is being done with it. */

import type { ByteSource } from './byte-source.ts';
import type { CopyCheck } from './copy-check.ts';
import { type FileFacts, inodeKey, type RawPath } from './file-access.ts';
import type { Compression, Generation } from './generation.ts';

/**
 * - `unknown`: whose content it is has not been decided, or it is empty.
 * - `checking`: its bytes are being compared with everything a generation consumed.
 * - `held`: it begins as a file that is still there: a copy in the making, or a file of its own; time will tell.
 * - `reading`: its generation is known.
 * - `ignored`: a stray that continues nothing, or a compressed copy of a file that is still there.
 */
type Phase = 'unknown' | 'checking' | 'held' | 'reading' | 'ignored';

export interface TrackedFile {
  /** Device and inode. */
  readonly key: string;
  path: string;
  raw: RawPath;
  facts: FileFacts;
  phase: Phase;
  generation: Generation | undefined;
  check: CopyCheck | undefined;
  /** Generations it was compared with and is not; forgotten when the file changes. */
  rejected: readonly Generation[];
  fd: number | undefined;
  /** On a file system of another machine, which may hang: it is read through the thread pool. */
  isRemote: boolean;
  source: ByteSource | undefined;
  compression: Compression;
  /** False once no name of it was found: it lives on through its open descriptor alone. */
  isNamed: boolean;
  isStray: boolean;
  /** Where it is to be read from: its end at the first run, when the settings say so. */
  startsAt: number | undefined;
  /** Monotonic time at which it was first seen or last seen to change. */
  changedAtMs: number;
  /** Monotonic time of the last write, as far as its modification time can be believed. */
  writtenAtMs: number;
  /** The inode's change time at the last turn; undefined before the first. */
  turnChangedUs: number | undefined;
  /** The generation it may be a copy of, while it is held. */
  heldFor: Generation | undefined;
  /** Monotonic time of the first hold. */
  holdBeganMs: number | undefined;
  /** Monotonic time since which a held file has been as long as the one it may be a copy of; undefined before. */
  heldSinceMs: number | undefined;
  /** A compressed file found to hold all that was read of `heldFor`: it is that file, once that is gone. */
  isTwin: boolean;
  /** How much of it a bounded run takes: its size when the run began, 0 when it came later; Infinity otherwise. */
  limit: number;
  /** Monotonic time before which nothing is tried again after an error. */
  retryAtMs: number;
  /** The trouble that was reported, so that it is reported once. */
  trouble: string | undefined;
  /** The size that was refused (whole mode) or at which a compressed file was found damaged; it waits for a change. */
  refusedChangedUs: number | undefined;
}

const noGenerations: readonly Generation[] = [];

export interface Appearance {
  readonly path: string;
  readonly raw: RawPath;
  readonly facts: FileFacts;
  readonly isStray: boolean;
}

/** Both times are of the same moment: monotonic and wall clock. */
export interface Moment {
  readonly nowMs: number;
  readonly wallMs: number;
}

export function trackFile({ path, raw, facts, isStray }: Appearance, { nowMs, wallMs }: Moment): TrackedFile {
  return {
    key: inodeKey(facts),
    path,
    raw,
    facts,
    phase: 'unknown',
    generation: undefined,
    check: undefined,
    rejected: noGenerations,
    fd: undefined,
    isRemote: true,
    source: undefined,
    compression: 'none',
    isNamed: true,
    isStray,
    startsAt: undefined,
    changedAtMs: nowMs,
    // A modification time in the future counts as now.
    writtenAtMs: nowMs - Math.max(0, wallMs - facts.modifiedMs),
    turnChangedUs: undefined,
    heldFor: undefined,
    isTwin: false,
    holdBeganMs: undefined,
    heldSinceMs: undefined,
    limit: Number.POSITIVE_INFINITY,
    retryAtMs: 0,
    trouble: undefined,
    refusedChangedUs: undefined,
  };
}

/** Takes over new facts; true when the content may have changed. */
export function updateFacts(file: TrackedFile, facts: FileFacts, nowMs: number): boolean {
  const isChanged = facts.size !== file.facts.size || facts.changedUs !== file.facts.changedUs;
  if (isChanged) {
    file.changedAtMs = nowMs;
    if (facts.size !== file.facts.size || facts.modifiedMs !== file.facts.modifiedMs) file.writtenAtMs = nowMs;
    file.rejected = noGenerations;
    if (file.phase === 'ignored') file.phase = 'unknown';
  }
  file.facts = facts;
  return isChanged;
}

/** Bytes that are there and not consumed; what a compressed file holds is not known. */
export function unreadBytes(file: TrackedFile): number {
  if (file.compression !== 'none') return 0;
  return Math.max(0, file.facts.size - (file.generation?.position ?? 0));
}

/** The position before which everything that begins is to be read; what a compressed file holds is read to its end. */
export function readingLimit(file: TrackedFile): number {
  const limit = file.generation?.limit ?? file.limit;
  return file.compression !== 'none' && limit > 0 ? Number.POSITIVE_INFINITY : limit;
}
