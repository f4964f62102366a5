/** The names of topics: Debezium's, with every character Kafka refuses as an underscore. */

export interface TopicNaming {
  /** `topic.prefix` */
  readonly prefix: string;
  /** `topic.delimiter` */
  readonly delimiter: string;
  /** `topic.heartbeat.prefix` */
  readonly heartbeatPrefix: string;
  /** `topic.transaction` */
  readonly transaction: string;
  /** Takes the records of all tables and logical messages in place of topics of their own; null for those. */
  readonly single: string | null;
}

export function topicNaming(prefix: string, settings: Partial<Omit<TopicNaming, 'prefix'>> = {}): TopicNaming {
  return {
    prefix,
    delimiter: '.',
    heartbeatPrefix: '__debezium-heartbeat',
    transaction: 'transaction',
    single: null,
    ...settings,
  };
}

export function tableTopic(naming: TopicNaming, schema: string, table: string): string {
  return naming.single ?? topicOf([naming.prefix, schema, table].join(naming.delimiter));
}

export function heartbeatTopic(naming: TopicNaming): string {
  return topicOf(`${naming.heartbeatPrefix}${naming.delimiter}${naming.prefix}`);
}

export function transactionTopic(naming: TopicNaming): string {
  return topicOf(`${naming.prefix}${naming.delimiter}${naming.transaction}`);
}

/** Of logical messages. */
export function messageTopic(naming: TopicNaming): string {
  return naming.single ?? topicOf(`${naming.prefix}.message`);
}

/** Of changes of tables themselves: the prefix alone, as Debezium names it for databases where it has such a topic. */
export function schemaChangeTopic(naming: TopicNaming): string {
  return topicOf(naming.prefix);
}

/** A name that Kafka takes. */
export function topicOf(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9._-]/g, '_');
}
