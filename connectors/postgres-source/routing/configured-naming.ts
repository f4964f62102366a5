/** How topics are named, out of the connector's settings. */

import { type TopicNaming, topicNaming } from './topics.ts';

export interface NamingSettings {
  readonly 'topic.prefix': string | undefined;
  readonly topic: string | undefined;
  readonly 'topic.delimiter': string;
  readonly 'topic.heartbeat.prefix': string;
  readonly 'topic.transaction': string;
}

/** Without a prefix everything goes to the one topic, and its name stands where the prefix would. */
export function configuredNaming(config: NamingSettings): TopicNaming {
  const prefix = config['topic.prefix'];
  return topicNaming(prefix ?? config.topic ?? '', {
    delimiter: config['topic.delimiter'],
    heartbeatPrefix: config['topic.heartbeat.prefix'],
    transaction: config['topic.transaction'],
    single: prefix === undefined ? (config.topic ?? null) : null,
  });
}
