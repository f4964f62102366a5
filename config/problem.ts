/** One thing that is wrong with a configuration: where, what, and how to put it right. */

import type { MillraceError } from '../core/base/errors.ts';
import { configErrors } from './error-codes.ts';

export type ProblemCode = keyof typeof configErrors.specs;

export interface Problem {
  /** A code of the area `config`, written as people see it: `config/unknown-key`. */
  readonly code: `config/${ProblemCode}`;
  readonly severity: 'error' | 'warning';
  /** The setting it is about, as the user reaches it: `s3.region`, `sinks[0].s3.region`; empty for a whole document. */
  readonly path: string;
  /** What is wrong, without the path. */
  readonly message: string;
  readonly fix: string;
  readonly file?: string;
  /** From 1. */
  readonly line?: number;
  /** From 1, in UTF-16 units as editors count. */
  readonly column?: number;
  /** The text of that line with every secret blotted out. */
  readonly excerpt?: string;
}

export interface ProblemDetails {
  readonly path?: string;
  readonly message: string;
  /** Replaces the fix registered with the code. */
  readonly fix?: string | undefined;
  readonly severity?: Problem['severity'];
}

export function problem(code: ProblemCode, details: ProblemDetails): Problem {
  return {
    code: `config/${code}`,
    severity: details.severity ?? 'error',
    path: details.path ?? '',
    message: details.message,
    fix: details.fix ?? configErrors.specs[code].fix,
  };
}

export function hasErrors(problems: readonly Problem[]): boolean {
  return problems.some((each) => each.severity === 'error');
}

/** All problems as one error, for callers that cannot go on: a task, a REST request. */
export function invalidConfig(where: string, problems: readonly Problem[]): MillraceError {
  const errors = problems.filter((each) => each.severity === 'error');
  const lines = errors.map((each) => `${each.path}: ${each.message} (${each.fix})`);
  const count = errors.length === 1 ? '1 problem' : `${errors.length} problems`;
  return configErrors.error('invalid', { message: `${count} in the configuration: ${lines.join('; ')}`, where });
}
