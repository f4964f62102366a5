/** `npm run demo`: reads its command line, runs, and turns every failure into one clear message and an exit code. */

import { enableCompileCache } from 'node:module';
import { CommanderError } from 'commander';
import { exitCodeOf, exitCodes } from '../cli/exit-codes.ts';
import { describeError } from '../core/base/errors.ts';
import { parseOptions } from './options.ts';

enableCompileCache();
try {
  const options = parseOptions(process.argv.slice(2));
  const { runDemo } = await import('./run.ts');
  await runDemo(options);
} catch (error) {
  const isUsage = error instanceof CommanderError;
  if (!isUsage) process.stderr.write(`${describeError(error)}\n`);
  if (isUsage) process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.invalidConfiguration;
  else process.exitCode = exitCodeOf(error);
}
