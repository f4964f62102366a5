/** `millrace schema`: the JSON Schema of pipeline files, for editors. */

import { pipelineJsonSchema } from '../config/index.ts';
import { catalogue } from '../connectors/catalogue.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';

export async function schema(): Promise<ExitCode> {
  process.stdout.write(`${JSON.stringify(pipelineJsonSchema(catalogue), null, 2)}\n`);
  return exitCodes.ok;
}
