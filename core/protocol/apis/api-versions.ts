/** ApiVersions: which APIs and versions a broker has; answered before anything else is agreed. */

import { defineApi } from '../api.ts';
import { array, boolean, int16, int32, int64, string } from '../field.ts';

export const apiVersionsApi = defineApi({
  key: 18,
  name: 'ApiVersions',
  versions: [0, 4],
  flexibleFrom: 3,
  request: {
    clientSoftwareName: string.from(3).ignorable(),
    clientSoftwareVersion: string.from(3).ignorable(),
  },
  response: {
    errorCode: int16,
    apiKeys: array({ apiKey: int16, minVersion: int16, maxVersion: int16 }),
    throttleTimeMs: int32.from(1).or(0).ignorable(),
    supportedFeatures: array({ name: string, minVersion: int16, maxVersion: int16 }).tagged(0, 3).ignorable(),
    finalizedFeaturesEpoch: int64.tagged(1, 3).or(-1).ignorable(),
    finalizedFeatures: array({ name: string, maxVersionLevel: int16, minVersionLevel: int16 }).tagged(2, 3).ignorable(),
    zkMigrationReady: boolean.tagged(3, 3).or(false).ignorable(),
  },
});
