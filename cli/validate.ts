/** `millrace validate FILE …`: every problem of every file at once, or what the files compile to. */

import { catalogueFor, formatProblems, loadPipelines, wantsColor } from '../config/index.ts';
import { catalogue } from '../connectors/catalogue.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';

export interface ValidateOptions {
  readonly paths: readonly string[];
  readonly json: boolean;
  /** Of the worker that is to run them. */
  readonly exactlyOnceSourceSupport: 'enabled' | 'disabled';
}

export async function validate({ paths, json, exactlyOnceSourceSupport }: ValidateOptions): Promise<ExitCode> {
  const offered = catalogueFor({ exactlyOnceSources: exactlyOnceSourceSupport === 'enabled' }, catalogue);
  const { pipelines, problems } = await loadPipelines([...paths], { catalogue: offered, env: process.env });
  const isValid = !problems.some((problem) => problem.severity === 'error');
  if (json) {
    const names = pipelines.map(({ name, file, connectors }) => ({
      name,
      file,
      connectors: connectors.map((c) => c.name),
    }));
    process.stdout.write(`${JSON.stringify({ valid: isValid, problems, pipelines: names }, null, 2)}\n`);
  } else {
    if (problems.length > 0)
      process.stderr.write(formatProblems(problems, { color: wantsColor(process.stderr, process.env) }));
    if (isValid) {
      for (const { name, connectors } of pipelines) {
        process.stdout.write(`${name}: valid (${connectors.map((connector) => connector.name).join(', ')})\n`);
      }
    }
  }
  return isValid ? exitCodes.ok : exitCodes.invalidConfiguration;
}
