/** DescribeCluster: the cluster's id, controller and brokers. */

import { defineApi } from '../api.ts';
import { array, boolean, int8, int16, int32, string } from '../field.ts';
import { noAuthorizedOperations } from './metadata.ts';

export const describeClusterApi = defineApi({
  key: 60,
  name: 'DescribeCluster',
  versions: [0, 1],
  flexibleFrom: 0,
  request: {
    includeClusterAuthorizedOperations: boolean,
    /** 1 asks for brokers, 2 for controllers. */
    endpointType: int8.from(1).or(1),
  },
  response: {
    throttleTimeMs: int32.or(0),
    errorCode: int16,
    errorMessage: string.nullable().or(null),
    endpointType: int8.from(1).or(1).ignorable(),
    clusterId: string,
    controllerId: int32.or(-1),
    brokers: array({ brokerId: int32, host: string, port: int32, rack: string.nullable().or(null) }),
    clusterAuthorizedOperations: int32.or(noAuthorizedOperations),
  },
});
