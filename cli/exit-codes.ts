/** What the exit code of every verb means. */

import { MillraceError } from '../core/base/errors.ts';

export const exitCodes = {
  ok: 0,
  /** Something failed while it ran. */
  runtime: 1,
  /** What the user wrote is wrong: a pipeline file, an option. */
  invalidConfiguration: 2,
  /** The machine or the network is not as needed: port in use, folder not writable, server unreachable. */
  environment: 3,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

const environmentAreas = ['disk', 'client'];
const environmentCodes = new Set(['broker/listen', 'worker/rest-listen', 'cli/unreachable']);

export function exitCodeOf(error: unknown): ExitCode {
  if (!(error instanceof MillraceError)) return exitCodes.runtime;
  const area = error.code.split('/')[0] ?? '';
  if (area === 'config' || error.code === 'cli/usage') return exitCodes.invalidConfiguration;
  if (environmentAreas.includes(area) || environmentCodes.has(error.code)) return exitCodes.environment;
  return exitCodes.runtime;
}
