/** Which errors say that a newer owner of the task refused a write of this one (promise 4). Pure. */

import { MillraceError } from '../core/base/errors.ts';

/** The producer's epoch, the group's generation, or the target's own guard. Connectors name theirs `…/fenced`. */
export function isFenced(error: unknown): error is MillraceError {
  return error instanceof MillraceError && /\/(?:group-)?fenced$/.test(error.code);
}
