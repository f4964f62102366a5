/** AlterConfigs (33) and IncrementalAlterConfigs (44): answered when the new settings are durable and in force. */

import { describeError } from '../../base/errors.ts';
import { alterConfigsApi, configResourceTypes, incrementalAlterConfigsApi } from '../../protocol/apis/configs.ts';
import { kafkaErrors } from '../../protocol/kafka-errors.ts';
import { type ApiHandler, defineHandler, type Services } from '../api-handler.ts';
import { type AskedConfig, askedConfigsProblem, changeConfigs, replaceConfigs } from '../config-changes.ts';
import { type ConfigChange, isRefusal, type Refusal } from '../topic-catalogue.ts';

interface Resource {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly configs: readonly AskedConfig[];
}

const leavesOut = 'settings of the broker and its loggers, which are given at its start';

export function alterConfigsHandlers(services: Services): ApiHandler[] {
  return [
    defineHandler(alterConfigsApi, {
      leavesOut,
      handle: ({ resources, validateOnly }) =>
        alterAll(services, resources, { validateOnly, changeOf: ({ configs }) => replaceConfigs(configs) }),
    }),
    defineHandler(incrementalAlterConfigsApi, {
      leavesOut,
      handle: ({ resources, validateOnly }) =>
        alterAll(services, resources, { validateOnly, changeOf: ({ configs }) => changeConfigs(configs) }),
    }),
  ];
}

async function alterAll<R extends Resource>(
  services: Services,
  resources: readonly R[],
  how: { validateOnly: boolean; changeOf: (resource: R) => ConfigChange },
) {
  const counts = Map.groupBy(resources, ({ resourceType, resourceName }) => `${resourceType} ${resourceName}`);
  const responses = [];
  for (const resource of resources) {
    const { resourceType, resourceName, configs } = resource;
    const isTwice = (counts.get(`${resourceType} ${resourceName}`)?.length ?? 0) > 1;
    const refusal = isTwice
      ? { errorCode: kafkaErrors.INVALID_REQUEST, message: 'named twice' }
      : (askedConfigsProblem(configs) ?? (await alter(services, resource, { ...how, change: how.changeOf(resource) })));
    responses.push({
      errorCode: refusal?.errorCode ?? kafkaErrors.NONE,
      errorMessage: refusal?.message ?? null,
      resourceType,
      resourceName,
    });
  }
  return { responses };
}

async function alter(
  { catalogue, logger }: Services,
  { resourceType, resourceName }: Resource,
  { validateOnly, change }: { validateOnly: boolean; change: ConfigChange },
): Promise<Refusal | undefined> {
  if (resourceType !== configResourceTypes.topic) {
    const message = 'only the settings of topics can be altered while the broker runs';
    return { errorCode: kafkaErrors.INVALID_REQUEST, message };
  }
  try {
    const outcome = validateOnly
      ? catalogue.checkConfigs(resourceName, change)
      : await catalogue.alterConfigs(resourceName, change);
    return isRefusal(outcome) ? outcome : undefined;
  } catch (error) {
    logger.error({ topic: resourceName }, `settings not altered: ${describeError(error)}`);
    return { errorCode: kafkaErrors.KAFKA_STORAGE_ERROR, message: 'the broker could not store the settings' };
  }
}
