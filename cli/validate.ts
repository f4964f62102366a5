/** `millrace validate FILE …`: every problem of every file at once, or what the files compile to. */

import { formatProblems, loadPipelines, wantsColor } from '../config/index.ts';
import { catalogue } from '../connectors/catalogue.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';

export interface ValidateOptions {
  readonly paths: readonly string[];
  readonly json: boolean;
}

export async function validate({ paths, json }: ValidateOptions): Promise<ExitCode> {
  const { pipelines, problems } = await loadPipelines([...paths], { catalogue, env: process.env });
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
