/** Whether a connector may be written as it is; every problem at once. Pure. */

import { type Catalogue, hasErrors, type Problem } from '../../config/index.ts';
import { workerErrors } from '../error-codes.ts';
import type { Settings } from '../stores/config-records.ts';
import { definitionOf } from './planner.ts';

/** Throws `worker/unknown-connector-class` or `worker/invalid-connector`. */
export function checkConnector(catalogue: Catalogue, name: string, settings: Settings): void {
  if (settings['name'] !== name) {
    const message = `the name in the settings is ${JSON.stringify(settings['name'])}, and the connector's ${JSON.stringify(name)}`;
    throw workerErrors.error('invalid-connector', { message, where: 'name' });
  }
  const parsed = definitionOf(catalogue, settings).parse(settings, { isFromUser: true });
  if ('problems' in parsed && hasErrors(parsed.problems)) throw invalid(name, parsed.problems);
}

/** Worded like Kafka Connect's answer, which people search for. */
function invalid(name: string, problems: readonly Problem[]): Error {
  const errors = problems.filter(({ severity }) => severity === 'error');
  const lines = errors.map(({ path, message, fix }) => `${path}: ${message}. ${fix}`);
  const message = [
    `Connector configuration is invalid and contains the following ${errors.length} error(s):`,
    ...lines,
    'You can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`',
  ].join('\n');
  return workerErrors.error('invalid-connector', { message, where: name });
}
