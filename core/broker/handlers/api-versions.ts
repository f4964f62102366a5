/** ApiVersions (18): which APIs and versions this broker has, computed from the handler table. */

import { apiVersionsApi } from '../../protocol/apis/api-versions.ts';
import { kafkaErrors } from '../../protocol/kafka-errors.ts';
import { type ApiHandler, defineHandler } from '../api-handler.ts';

/** What a client may call itself from version 3 on. Source: KIP-511. */
const softwareName = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;

/** `table` answers all handlers, this one included. */
export function apiVersionsHandler(table: () => readonly ApiHandler[]): ApiHandler {
  return defineHandler(apiVersionsApi, {
    leavesOut: 'no features are declared, so clients keep to the classic group and transaction protocols',
    handle(request, call) {
      const { clientSoftwareName: name, clientSoftwareVersion: version } = request;
      const isNamed = softwareName.test(name) && softwareName.test(version);
      if (call.version >= 3 && !isNamed) return { errorCode: kafkaErrors.INVALID_REQUEST, apiKeys: [] };
      const apiKeys = table().map(({ key, minVersion, maxVersion }) => ({ apiKey: key, minVersion, maxVersion }));
      return { errorCode: kafkaErrors.NONE, apiKeys };
    },
  });
}
