/** DescribeGroups and ListGroups: what an administrator sees of groups. */

import { defineApi } from '../api.ts';
import { array, boolean, bytes, int16, int32, string } from '../field.ts';
import { noAuthorizedOperations } from './metadata.ts';

export const describeGroupsApi = defineApi({
  key: 15,
  name: 'DescribeGroups',
  versions: [0, 6],
  flexibleFrom: 5,
  request: {
    groups: array(string),
    includeAuthorizedOperations: boolean.from(3).or(false),
  },
  response: {
    throttleTimeMs: int32.from(1).or(0).ignorable(),
    groups: array({
      errorCode: int16,
      errorMessage: string.nullable().from(6).or(null).ignorable(),
      groupId: string,
      groupState: string,
      protocolType: string,
      protocolData: string,
      members: array({
        memberId: string,
        groupInstanceId: string.nullable().from(4).or(null).ignorable(),
        clientId: string,
        clientHost: string,
        memberMetadata: bytes,
        memberAssignment: bytes,
      }),
      authorizedOperations: int32.from(3).or(noAuthorizedOperations),
    }),
  },
});

export const listGroupsApi = defineApi({
  key: 16,
  name: 'ListGroups',
  versions: [0, 5],
  flexibleFrom: 3,
  request: {
    statesFilter: array(string).from(4),
    typesFilter: array(string).from(5),
  },
  response: {
    throttleTimeMs: int32.from(1).or(0).ignorable(),
    errorCode: int16,
    groups: array({
      groupId: string,
      protocolType: string,
      groupState: string.from(4).ignorable(),
      groupType: string.from(5).ignorable(),
    }),
  },
});
