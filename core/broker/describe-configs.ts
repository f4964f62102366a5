/** Topic settings as DescribeConfigs and CreateTopics answer them. */

import { type ConfigType, type TopicConfigs, topicConfigSpecs } from './topic-configs.ts';

/** Where a value comes from. Source: KIP-226. */
export const configSources = { topic: 1, staticBroker: 4, default: 5 } as const;

const configTypeIds: Readonly<Record<ConfigType, number>> = {
  boolean: 1,
  string: 2,
  int: 3,
  long: 5,
  double: 6,
  list: 7,
};

export interface DescribedConfig {
  readonly name: string;
  readonly value: string;
  readonly configSource: number;
  readonly configType: number;
  readonly defaultValue: string;
  readonly doc: string;
}

/** Every setting a topic has, in the order of the table. */
export function describeTopicConfigs(configs: TopicConfigs): DescribedConfig[] {
  return topicConfigSpecs.map(({ name, type, defaultValue, doc }) => ({
    name,
    value: configs[name] ?? defaultValue,
    configSource: configs[name] === undefined ? configSources.default : configSources.topic,
    configType: configTypeIds[type],
    defaultValue,
    doc,
  }));
}
