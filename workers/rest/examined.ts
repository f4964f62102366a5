/** What a connector finds in its surroundings, in the answer of a validation: as errors of the settings it is about. */

import type { ConfigInfos } from '../../config/index.ts';
import type { Finding } from '../../connectors/contract/finding.ts';
import type { SinkConnector } from '../../connectors/contract/sink.ts';
import type { SourceConnector } from '../../connectors/contract/source.ts';
import { systemClock } from '../../core/base/clock.ts';
import { MillraceError } from '../../core/base/errors.ts';

export type LoadConnector = (name: string) => Promise<SourceConnector | SinkConnector>;

/** A server that does not answer must not hold a validation up. */
const longestMs = 20_000;

/** What stands against these settings, which are right by themselves. Never rejects for what is wrong with the surroundings. */
export async function examined(
  load: LoadConnector,
  name: string,
  settings: Readonly<Record<string, string>>,
): Promise<readonly Finding[]> {
  const connector = await load(name);
  if (!('examine' in connector) || connector.examine === undefined) return [];
  const timeout = Promise.withResolvers<readonly Finding[]>();
  const timer = systemClock.timer(longestMs, () => timeout.resolve([unanswered]));
  try {
    return await Promise.race([connector.examine(settings), timeout.promise]);
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    const { message, fix, where = 'connection' } = error;
    return [{ subject: where, state: 'problem', message: `${message}. ${fix}`, fix: [] }];
  } finally {
    timer.cancel();
  }
}

/** Each problem becomes an error of the setting it is about, or of `connector.class`; warnings are left to `millrace doctor`. */
export function withFindings(infos: ConfigInfos, findings: readonly Finding[]): ConfigInfos {
  const problems = findings.filter(({ state }) => state === 'problem');
  if (problems.length === 0) return infos;
  const known = new Set(infos.configs.map(({ value }) => value.name));
  const settingOf = ({ setting = '' }: Finding) => (known.has(setting) ? setting : 'connector.class');
  const configs = infos.configs.map(({ definition, value }) => {
    const own = problems.filter((each) => settingOf(each) === value.name).map(sentence);
    return { definition, value: { ...value, errors: [...value.errors, ...own] } };
  });
  return { ...infos, configs, error_count: infos.error_count + problems.length };
}

const unanswered: Finding = {
  subject: 'connection',
  state: 'problem',
  message: `there was no answer within ${longestMs / 1000} s`,
  fix: [],
};

function sentence({ subject, message, fix }: Finding): string {
  const statements = fix.length === 0 ? '' : ` Execute: ${fix.join('; ')};`;
  return `${subject}: ${message}.${statements}`;
}
