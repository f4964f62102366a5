/** DescribeConfigs (32): the settings of topics, and the few of the broker that a client can act on. */

import type { RequestOf, ResponseInput } from '../../protocol/api.ts';
import { configResourceTypes, describeConfigsApi } from '../../protocol/apis/configs.ts';
import { kafkaErrors } from '../../protocol/kafka-errors.ts';
import { type ApiHandler, defineHandler, type Services } from '../api-handler.ts';
import { configSources, type DescribedConfig, describeTopicConfigs } from '../describe-configs.ts';

type Request = RequestOf<typeof describeConfigsApi>;
type Resource = Request['resources'][number];
type Answer = ResponseInput<typeof describeConfigsApi>['results'][number];

export function describeConfigsHandler(services: Services): ApiHandler {
  return defineHandler(describeConfigsApi, {
    leavesOut: 'broker loggers',
    handle: (request) => ({ results: request.resources.map((resource) => describe(services, resource, request)) }),
  });
}

function describe(services: Services, resource: Resource, request: Request): Answer {
  const { resourceType, resourceName, configurationKeys } = resource;
  const settings = settingsOf(services, resource);
  if (typeof settings === 'number') {
    return { errorCode: settings, errorMessage: null, resourceType, resourceName, configs: [] };
  }
  const isAsked = (name: string) => configurationKeys === null || configurationKeys.includes(name);
  const configs = settings.filter(({ name }) => isAsked(name)).map((config) => answerOf(config, request, resource));
  return { errorCode: kafkaErrors.NONE, errorMessage: null, resourceType, resourceName, configs };
}

function settingsOf(services: Services, { resourceType, resourceName }: Resource): DescribedConfig[] | number {
  if (resourceType === configResourceTypes.topic) {
    const topic = services.catalogue.get(resourceName);
    return topic === undefined ? kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION : describeTopicConfigs(topic.configs);
  }
  if (resourceType !== configResourceTypes.broker) return kafkaErrors.INVALID_REQUEST;
  const isUs = resourceName === '' || resourceName === String(services.nodeId);
  return isUs ? brokerSettings(services) : kafkaErrors.INVALID_REQUEST;
}

const longType = 5;
const booleanType = 1;

function brokerSettings({ settings, nodeId }: Services): DescribedConfig[] {
  const fixed = (name: string, value: string | number | boolean, doc: string): DescribedConfig => ({
    name,
    value: String(value),
    configSource: configSources.staticBroker,
    configType: typeof value === 'boolean' ? booleanType : longType,
    defaultValue: String(value),
    doc,
  });
  return [
    fixed('auto.create.topics.enable', settings.autoCreateTopics, 'Metadata for an unknown topic creates it.'),
    fixed('broker.id', nodeId, 'The id of this broker.'),
    fixed('default.replication.factor', 1, 'There is one broker.'),
    fixed('num.partitions', settings.defaultPartitionCount, 'Partitions of a topic for which nobody said a number.'),
  ];
}

function answerOf(config: DescribedConfig, request: Request, resource: Resource): Answer['configs'][number] {
  const isBroker = resource.resourceType === configResourceTypes.broker;
  const synonyms = [{ name: config.name, value: config.value, source: config.configSource }];
  if (config.configSource === configSources.topic) {
    synonyms.push({ name: config.name, value: config.defaultValue, source: configSources.default });
  }
  return {
    name: config.name,
    value: config.value,
    readOnly: isBroker,
    configSource: config.configSource,
    isSensitive: false,
    synonyms: request.includeSynonyms ? synonyms : [],
    configType: config.configType,
    documentation: request.includeDocumentation ? config.doc : null,
  };
}
