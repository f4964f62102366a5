/** What the settings say about the stream. */

import { patternOf, splitList } from '../columns/patterns.ts';
import type { PostgresSourceConfig } from '../config.ts';
import type { Session } from '../session.ts';
import type { ReplicationOptions } from './replication.ts';

type FromSettings = Omit<
  ReplicationOptions,
  'clock' | 'position' | 'target' | 'tables' | 'seen' | 'watch' | 'spoolFolder'
>;

/** Of transactions that have not ended, before they go to files. */
const spoolMemoryBytes = 32 * 1024 * 1024;

export function streamOptions(config: PostgresSourceConfig, session: Session): FromSettings {
  return {
    connection: session.replication,
    slotName: config['slot.name'],
    publicationName: config['publication.name'],
    serverVersion: session.server.version,
    walSenderTimeoutMs: session.server.walSenderTimeoutMs,
    envelope: session.envelope,
    hasTransactionRecords: config['provide.transaction.metadata'],
    isMessageCaptured: prefixRule(config),
    parameters: parametersOf(config['slot.stream.params'] ?? ''),
    spoolMemoryBytes,
  };
}

function prefixRule(config: PostgresSourceConfig): (prefix: string) => boolean {
  const matcher = (key: 'message.prefix.include.list' | 'message.prefix.exclude.list') => {
    const patterns = config[key]?.map((each) => patternOf(each, key));
    return patterns === undefined ? undefined : (prefix: string) => patterns.some((pattern) => pattern.test(prefix));
  };
  const isIncluded = matcher('message.prefix.include.list');
  const isExcluded = matcher('message.prefix.exclude.list');
  return (prefix) => isIncluded?.(prefix) ?? !(isExcluded?.(prefix) ?? false);
}

function parametersOf(text: string): ReadonlyMap<string, string> {
  const pairs = splitList(text, ';').map((each) => {
    const equals = each.indexOf('=');
    return [each.slice(0, equals).trim(), each.slice(equals + 1).trim()] as const;
  });
  return new Map(pairs);
}
