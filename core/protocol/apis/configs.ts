/** DescribeConfigs: the settings of topics and brokers. */

import { defineApi } from '../api.ts';
import { array, boolean, int8, int16, int32, string } from '../field.ts';

export const configResourceTypes = { topic: 2, broker: 4 } as const;

export const describeConfigsApi = defineApi({
  key: 32,
  name: 'DescribeConfigs',
  versions: [1, 4],
  flexibleFrom: 4,
  request: {
    resources: array({
      resourceType: int8,
      resourceName: string,
      /** null asks for all. */
      configurationKeys: array(string).nullable(),
    }),
    includeSynonyms: boolean.or(false),
    includeDocumentation: boolean.from(3).or(false),
  },
  response: {
    throttleTimeMs: int32.or(0),
    results: array({
      errorCode: int16,
      errorMessage: string.nullable(),
      resourceType: int8,
      resourceName: string,
      configs: array({
        name: string,
        value: string.nullable(),
        readOnly: boolean,
        configSource: int8.or(-1),
        isSensitive: boolean,
        synonyms: array({ name: string, value: string.nullable(), source: int8 }),
        configType: int8.from(3).or(0).ignorable(),
        documentation: string.nullable().from(3).or(null).ignorable(),
      }),
    }),
  },
});
