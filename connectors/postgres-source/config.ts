/** The settings of the Postgres source, under Debezium's names and with their meaning. */

import { type ConfigOf, defineConnector } from '../../config/definition.ts';
import { captureFields, columnFields } from './config-capture.ts';
import { connectionFields } from './config-connection.ts';
import { checkOutbox, outboxFields } from './config-outbox.ts';
import { recordFields, topicFields, valueFields } from './config-records.ts';
import { idleFields, refused } from './config-refused.ts';
import { publicationFields, slotFields, streamFields } from './config-replication.ts';
import { snapshotFields } from './config-snapshot.ts';
import { missingParts } from './database-address.ts';
import { configuredNaming } from './routing/configured-naming.ts';
import { writtenTopics } from './routing/written-topics.ts';

/** Of which only one can count. */
const exclusive = [
  ['schema.include.list', 'schema.exclude.list'],
  ['table.include.list', 'table.exclude.list'],
  ['column.include.list', 'column.exclude.list'],
  ['message.prefix.include.list', 'message.prefix.exclude.list'],
] as const;

export const definition = defineConnector({
  name: 'postgres',
  aliases: ['PostgresConnector', 'io.debezium.connector.postgresql.PostgresConnector'],
  kind: 'source',
  title: 'Postgres source',
  summary:
    'Captures every change of the tables of a PostgreSQL database from its log: reads them as a whole first, then follows, in the records of Debezium.',
  guarantee:
    'Exactly once, in the order of commits, for readers of committed records: changes and the position behind them are written in one transaction, and the slot moves only then. Rows of a snapshot that was interrupted may come twice. On a worker without exactly-once sources, changes in flight when the process is killed may come twice.',
  fields: {
    ...connectionFields(),
    ...captureFields(),
    ...topicFields(),
    ...recordFields(),
    ...valueFields(),
    ...columnFields(),
    ...outboxFields(),
    ...snapshotFields(),
    ...slotFields(),
    ...publicationFields(),
    ...streamFields(),
    ...idleFields(),
  },
  unsupported: refused,
  definesTransactions: true,
  topicsNamedBy: ['topic.prefix'],
  topics: (config) => writtenTopics(configuredNaming(config), config),
  takesSignals: true,
  signalTopic(config) {
    if (!config['signal.enabled.channels'].includes('kafka')) return undefined;
    const key = configuredNaming(config).prefix;
    return { topic: config['signal.kafka.topic'] ?? `${key}-signal`, key };
  },
  check(config, report) {
    for (const part of missingParts(config)) {
      report(part, 'nobody knows where to connect', `Give ${part}, or all in one with database.url.`);
    }
    if (config['topic.prefix'] === undefined && config.topic === undefined) {
      report('topic.prefix', 'records have no topic to go to', 'Give topic.prefix, or one topic for all of them.');
    }
    if (config['topic.prefix'] !== undefined && config.topic !== undefined) {
      const message = 'topic.prefix gives each table a topic of its own, so no record would go to this one';
      report('topic', message, 'Remove topic, or remove topic.prefix to have all records in this topic.');
    }
    checkOutbox(config, report);
    for (const [include, exclude] of exclusive) {
      if (config[include] === undefined || config[exclude] === undefined) continue;
      report(exclude, `${include} is given too, and only one of the two can count`, 'Remove one of them.');
    }
  },
});

export type PostgresSourceConfig = ConfigOf<typeof definition>;
