/** Errors as plain data, for messages between threads and for the status topic. */

import { describeError, MillraceError, messageOf } from '../../core/base/errors.ts';
import type { PlainError } from './messages.ts';

/** Longest trace kept: it becomes a record of the status topic. */
const longestTraceChars = 8_000;

export function plainError(error: unknown): PlainError {
  const known = error instanceof MillraceError ? error : undefined;
  return {
    code: known?.code,
    message: messageOf(error),
    where: known?.where,
    fix: known?.fix,
    retriable: known?.retriable ?? true,
    trace: traceOf(error).slice(0, longestTraceChars),
  };
}

/** True when waiting and trying the same call again may help. */
export function isRetriable(error: unknown): boolean {
  return error instanceof MillraceError && error.retriable;
}

function traceOf(error: unknown): string {
  const first = describeError(error);
  if (!(error instanceof Error)) return first;
  const frames = error.stack?.split('\n').filter((line) => line.trimStart().startsWith('at ')) ?? [];
  const cause = error.cause === undefined ? [] : [`Caused by: ${describeError(error.cause)}`];
  return [first, ...frames, ...cause].join('\n');
}
