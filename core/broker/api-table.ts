/** All APIs of the broker: the one list behind dispatch, ApiVersions and the reference in `core/README.md`. */

import type { ApiHandler, Services } from './api-handler.ts';
import { alterConfigsHandlers } from './handlers/alter-configs.ts';
import { apiVersionsHandler } from './handlers/api-versions.ts';
import { describeConfigsHandler } from './handlers/configs.ts';
import { fetchHandler } from './handlers/fetch.ts';
import { groupAdminHandlers } from './handlers/group-admin.ts';
import { groupOffsetHandlers } from './handlers/group-offsets.ts';
import { groupRemovalHandlers } from './handlers/group-removal.ts';
import { groupHandlers } from './handlers/groups.ts';
import { initProducerIdHandler } from './handlers/init-producer-id.ts';
import { leaderEpochsHandler } from './handlers/leader-epochs.ts';
import { listOffsetsHandler } from './handlers/list-offsets.ts';
import { metadataHandlers } from './handlers/metadata.ts';
import { partitionHandlers } from './handlers/partitions.ts';
import { produceHandler } from './handlers/produce.ts';
import { replicaHandlers } from './handlers/replicas.ts';
import { createTopicsHandler, deleteTopicsHandler } from './handlers/topics.ts';
import { transactionAdminHandlers } from './handlers/transaction-admin.ts';
import { transactionHandlers } from './handlers/transactions.ts';

/** In the order of the API keys. */
export function apiTable(services: Services): readonly ApiHandler[] {
  const table: ApiHandler[] = [
    produceHandler(services),
    fetchHandler(services),
    listOffsetsHandler(services),
    ...metadataHandlers(services),
    ...groupOffsetHandlers(services),
    ...groupAdminHandlers(services),
    ...groupHandlers(services),
    ...groupRemovalHandlers(services),
    apiVersionsHandler(() => table),
    createTopicsHandler(services),
    deleteTopicsHandler(services),
    initProducerIdHandler(services),
    ...transactionHandlers(services),
    ...transactionAdminHandlers(services),
    leaderEpochsHandler(services),
    describeConfigsHandler(services),
    ...alterConfigsHandlers(services),
    ...partitionHandlers(services),
    ...replicaHandlers(services),
  ];
  return table.sort((left, right) => left.key - right.key);
}

/** The supported APIs as a markdown table; handlers are declared, not called. */
export function renderApiTable(): string {
  // Declaring handlers only captures the services, so none are needed to describe them.
  const rows = apiTable({} as Services).map(({ key, name, minVersion, maxVersion, leavesOut }) => {
    return `| ${key} | ${name} | ${minVersion}–${maxVersion} | ${leavesOut} |`;
  });
  return ['| Key | API | Versions | Knowingly left out |', '|---:|---|---|---|', ...rows].join('\n');
}
