/** DescribeGroups, ListGroups, DeleteGroups and OffsetDelete: what an administrator sees of groups and does to them. */

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

export const deleteGroupsApi = defineApi({
  key: 42,
  name: 'DeleteGroups',
  versions: [0, 2],
  flexibleFrom: 2,
  request: { groupsNames: array(string) },
  response: {
    throttleTimeMs: int32.or(0),
    results: array({ groupId: string, errorCode: int16 }),
  },
});

export const offsetDeleteApi = defineApi({
  key: 47,
  name: 'OffsetDelete',
  versions: [0, 0],
  flexibleFrom: Number.POSITIVE_INFINITY,
  request: {
    groupId: string,
    topics: array({ name: string, partitions: array({ partitionIndex: int32 }) }),
  },
  response: {
    errorCode: int16,
    throttleTimeMs: int32.or(0).ignorable(),
    topics: array({ name: string, partitions: array({ partitionIndex: int32, errorCode: int16 }) }),
  },
});
