/** An exclusive lock on a file, held by the kernel for this process and let go when the process dies, however it dies. */

import path from 'node:path';
import { diskErrors } from './error-codes.ts';
import { messageOf } from './errors.ts';

/** SQLITE_BUSY: somebody else holds the file. */
const busy = 5;

/** Kept reachable: a collected handle would drop its lock. */
const held = new Set<{ close(): void }>();

/**
 * Locks the file at `file` and makes it when it is missing; resolves to its release. Rejects with `disk/locked`.
 *
 * Node has no flock or fcntl. SQLite takes the POSIX record locks of its file with fcntl, between processes and, by its own
 * book-keeping, inside one; an exclusive transaction that never writes is such a lock and nothing more. A file with a
 * process id in it would have to be taken over after a crash, which two starting processes can do at the same time, and
 * which cannot be decided at all between containers.
 */
export async function lockFile(file: string): Promise<() => Promise<void>> {
  const { DatabaseSync } = await import('node:sqlite');
  const where = path.resolve(file);
  let handle: InstanceType<typeof DatabaseSync> | undefined;
  try {
    handle = new DatabaseSync(where);
    handle.exec('PRAGMA journal_mode = MEMORY');
    handle.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    handle?.close();
    const isBusy = (cause as { errcode?: number }).errcode === busy;
    if (isBusy) throw diskErrors.error('locked', { message: 'Another process holds the lock.', where, cause });
    throw diskErrors.error('failed', { message: `The lock cannot be taken: ${messageOf(cause)}`, where, cause });
  }
  const taken = handle;
  held.add(taken);
  return async () => {
    if (!held.delete(taken)) return;
    taken.close();
  };
}
