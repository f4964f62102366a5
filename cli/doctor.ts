/** `millrace doctor FILE …`: what the connectors of the files will meet, and what to execute where something stands against them. */

import { formatProblems, hasErrors, loadPipelines, wantsColor } from '../config/index.ts';
import { catalogue, loadConnector } from '../connectors/catalogue.ts';
import type { Finding } from '../connectors/contract/finding.ts';
import { MillraceError } from '../core/base/errors.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { type Examined, renderExamined } from './findings.ts';

export interface DoctorOptions {
  readonly paths: readonly string[];
  readonly json: boolean;
}

/** Answers `environment` when something must be put right before the pipelines can run. */
export async function doctor({ paths, json }: DoctorOptions): Promise<ExitCode> {
  const { pipelines, problems } = await loadPipelines([...paths], { catalogue, env: process.env });
  if (problems.length > 0) {
    process.stderr.write(formatProblems(problems, { color: wantsColor(process.stderr, process.env) }));
  }
  if (hasErrors(problems)) return exitCodes.invalidConfiguration;
  const examined: Examined[] = [];
  for (const { config, name } of pipelines.flatMap(({ connectors }) => connectors)) {
    examined.push({ connector: name, findings: await findingsOf(config) });
  }
  const text = json ? JSON.stringify({ connectors: examined }, null, 2) : renderExamined(examined);
  process.stdout.write(`${text}\n`);
  const isWell = examined.every(({ findings }) => findings.every(({ state }) => state !== 'problem'));
  return isWell ? exitCodes.ok : exitCodes.environment;
}

async function findingsOf(config: Readonly<Record<string, string>>): Promise<readonly Finding[]> {
  const connector = await loadConnector(config['connector.class'] ?? '');
  if (!('examine' in connector) || connector.examine === undefined) return [];
  try {
    return await connector.examine(config);
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    const message = `${error.message} (${error.code}); ${error.fix}`;
    return [{ subject: error.where ?? 'connection', state: 'problem', message, fix: [] }];
  }
}
