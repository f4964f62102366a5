/** Where records go with the connector's settings, before any table is known: for the sinks that are to read them. */

import { literal, type SourceTopics, type TopicFamily } from '../../../config/source-topics.ts';
import { type OutboxSettings, outboxRule } from './configured-outbox.ts';
import type { OutboxOptions } from './outbox-options.ts';
import {
  heartbeatTopic,
  messageTopic,
  schemaChangeTopic,
  type TopicNaming,
  topicOf,
  transactionTopic,
} from './topics.ts';

/** What counts beside the names of topics. */
export interface WrittenSettings extends OutboxSettings {
  readonly 'table.include.list': readonly string[] | undefined;
  readonly 'include.schema.changes': boolean;
  readonly 'provide.transaction.metadata': boolean;
}

/** Throws `postgres-values/bad-setting`. */
export function writtenTopics(naming: TopicNaming, settings: WrittenSettings): SourceTopics {
  const outbox = outboxRule(settings);
  const hasTables = outbox === null || !isAllOutbox(settings);
  const families = hasTables && naming.single === null ? [tableFamily(naming)] : [];
  return {
    names: hasTables && naming.single !== null ? [naming.single] : [],
    families: outbox === null ? families : [...families, outboxFamily(outbox.options)],
    aside: [
      heartbeatTopic(naming),
      ...(settings['provide.transaction.metadata'] ? [transactionTopic(naming)] : []),
      ...(settings['include.schema.changes'] ? [schemaChangeTopic(naming)] : []),
    ],
  };
}

/** Each captured table is an outbox for certain: all are, or each pattern of one list stands in the other too. */
function isAllOutbox(settings: WrittenSettings): boolean {
  const outboxes = settings['outbox.table.include.list'];
  if (outboxes === undefined) return true;
  return settings['table.include.list']?.every((table) => outboxes.includes(table)) ?? false;
}

/** Those of tables, which are not known yet, and that of logical messages. Names of tables may have dots too. */
function tableFamily(naming: TopicNaming): TopicFamily {
  const { prefix, delimiter } = naming;
  const between = literal(delimiter);
  const tables = `${literal(prefix)}${between}.+${between}.+`;
  return {
    pattern: `${tables}|${literal(messageTopic(naming))}`,
    shown: [prefix, 'SCHEMA', 'TABLE'].join(delimiter),
  };
}

/** Names with what a row says in their middle, between parts that are the same for all. */
function outboxFamily({ topicReplacement, routeColumn }: OutboxOptions): TopicFamily {
  const parts = topicReplacement.split(/\$(?:<\w+>|\d+|&)/).map(topicOf);
  const shown = parts.join(routeColumn.toUpperCase());
  const isTold = parts.some((part) => /[A-Za-z0-9]/.test(part));
  return { pattern: isTold ? parts.map(literal).join('.*') : undefined, shown: topicOf(shown) };
}
