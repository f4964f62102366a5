/** DescribeConfigs, AlterConfigs and IncrementalAlterConfigs: the settings of topics and brokers. */

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

const alterConfigsResponse = {
  throttleTimeMs: int32.or(0),
  responses: array({
    errorCode: int16,
    errorMessage: string.nullable(),
    resourceType: int8,
    resourceName: string,
  }),
} as const;

/** Replaces all settings of a resource: what is not named goes back to its default. */
export const alterConfigsApi = defineApi({
  key: 33,
  name: 'AlterConfigs',
  versions: [0, 2],
  flexibleFrom: 2,
  request: {
    resources: array({
      resourceType: int8,
      resourceName: string,
      configs: array({ name: string, value: string.nullable() }),
    }),
    validateOnly: boolean,
  },
  response: alterConfigsResponse,
});

/** What IncrementalAlterConfigs does to one setting; the last two are for lists. Source: KIP-339. */
export const configOperations = { set: 0, delete: 1, append: 2, subtract: 3 } as const;

/** Changes the named settings and leaves the others alone. */
export const incrementalAlterConfigsApi = defineApi({
  key: 44,
  name: 'IncrementalAlterConfigs',
  versions: [0, 1],
  flexibleFrom: 1,
  request: {
    resources: array({
      resourceType: int8,
      resourceName: string,
      configs: array({ name: string, configOperation: int8, value: string.nullable() }),
    }),
    validateOnly: boolean,
  },
  response: alterConfigsResponse,
});
