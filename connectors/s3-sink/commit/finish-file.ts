/** Completes one prepared file, whoever prepared it and however often it was tried before. */

import { s3Errors } from '../error-codes.ts';
import type { StoredObject } from '../store/store.ts';
import type { StoreCalls } from '../store/store-calls.ts';
import type { PreparedFile } from './checkpoint.ts';

/**
 * How often, and after which pauses, a missing upload without object is looked up again: another task may be
 * completing it at this moment, and its records must not be written twice.
 */
const secondLooksMs = [500, 1500, 4000];

/** How often a store may answer that another write is under way. */
const mostConflicts = 30;

/**
 * `done`: the object is visible. `gone`: its upload was removed from outside before it was completed. Rejects with
 * `s3/object-exists` when another object has the name.
 */
export async function finishFile(calls: StoreCalls, file: PreparedFile, signal: AbortSignal): Promise<'done' | 'gone'> {
  let looks = 0;
  for (let conflicts = 0; ; ) {
    const outcome = await calls.complete(file, file.parts, signal);
    if (outcome === 'completed') return 'done';
    const found = await calls.head(file.key, signal);
    if (found !== undefined && isOurs(file, found)) return 'done';
    if (found !== undefined && outcome !== 'conflict') throw nameTaken(file);
    if (outcome === 'gone') {
      const pauseMs = secondLooksMs[looks++];
      if (pauseMs === undefined) return 'gone';
      await calls.pause(pauseMs, signal);
    } else {
      // `exists` without an object is one that was removed in between.
      if (++conflicts > mostConflicts) throw stuck(file);
      await calls.pause(Math.min(200 * conflicts, 5000), signal);
    }
  }
}

/** The token decides; a store without metadata leaves only the size to compare. */
function isOurs(file: PreparedFile, found: StoredObject): boolean {
  if (found.metadata !== undefined) return found.metadata['millrace-upload'] === file.token;
  return found.sizeBytes === file.parts.reduce((sum, part) => sum + part.sizeBytes, 0);
}

function nameTaken(file: PreparedFile): Error {
  return s3Errors.error('object-exists', { message: 'an object of this name is there already', where: file.key });
}

function stuck(file: PreparedFile): Error {
  const message = 'the store keeps answering that another write of this object is under way';
  return s3Errors.error('unavailable', { message, where: file.key });
}
