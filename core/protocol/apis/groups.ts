/** The classic consumer group: find its coordinator, join, share out the work, stay alive, leave. */

import { defineApi } from '../api.ts';
import { array, boolean, bytes, int8, int16, int32, string } from '../field.ts';

export const coordinatorKeyTypes = { group: 0, transaction: 1 } as const;

export const findCoordinatorApi = defineApi({
  key: 10,
  name: 'FindCoordinator',
  versions: [0, 6],
  flexibleFrom: 3,
  request: {
    key: string.to(3),
    keyType: int8.from(1).or(0),
    coordinatorKeys: array(string).from(4),
  },
  response: {
    throttleTimeMs: int32.from(1).or(0).ignorable(),
    errorCode: int16.to(3),
    errorMessage: string.nullable().from(1).to(3).or(null).ignorable(),
    nodeId: int32.to(3),
    host: string.to(3),
    port: int32.to(3),
    coordinators: array({
      key: string,
      nodeId: int32,
      host: string,
      port: int32,
      errorCode: int16,
      errorMessage: string.nullable().or(null),
    }).from(4),
  },
});

export const joinGroupApi = defineApi({
  key: 11,
  name: 'JoinGroup',
  versions: [0, 9],
  flexibleFrom: 6,
  request: {
    groupId: string,
    sessionTimeoutMs: int32,
    rebalanceTimeoutMs: int32.from(1).or(-1).ignorable(),
    memberId: string,
    groupInstanceId: string.nullable().from(5).or(null),
    protocolType: string,
    protocols: array({ name: string, metadata: bytes }),
    reason: string.nullable().from(8).or(null).ignorable(),
  },
  response: {
    throttleTimeMs: int32.from(2).or(0).ignorable(),
    errorCode: int16,
    generationId: int32.or(-1),
    protocolType: string.nullable().from(7).or(null).ignorable(),
    protocolName: string.nullable(7),
    leader: string,
    skipAssignment: boolean.from(9).or(false),
    memberId: string,
    members: array({
      memberId: string,
      groupInstanceId: string.nullable().from(5).or(null).ignorable(),
      metadata: bytes,
    }),
  },
});

export const syncGroupApi = defineApi({
  key: 14,
  name: 'SyncGroup',
  versions: [0, 5],
  flexibleFrom: 4,
  request: {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: string.nullable().from(3).or(null),
    protocolType: string.nullable().from(5).or(null).ignorable(),
    protocolName: string.nullable().from(5).or(null).ignorable(),
    assignments: array({ memberId: string, assignment: bytes }),
  },
  response: {
    throttleTimeMs: int32.from(1).or(0).ignorable(),
    errorCode: int16,
    protocolType: string.nullable().from(5).or(null).ignorable(),
    protocolName: string.nullable().from(5).or(null).ignorable(),
    assignment: bytes,
  },
});

export const heartbeatApi = defineApi({
  key: 12,
  name: 'Heartbeat',
  versions: [0, 4],
  flexibleFrom: 4,
  request: {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: string.nullable().from(3).or(null),
  },
  response: {
    throttleTimeMs: int32.from(1).or(0).ignorable(),
    errorCode: int16,
  },
});

export const leaveGroupApi = defineApi({
  key: 13,
  name: 'LeaveGroup',
  versions: [0, 5],
  flexibleFrom: 4,
  request: {
    groupId: string,
    memberId: string.to(2),
    members: array({
      memberId: string,
      groupInstanceId: string.nullable().or(null),
      reason: string.nullable().from(5).or(null).ignorable(),
    }).from(3),
  },
  response: {
    throttleTimeMs: int32.from(1).or(0).ignorable(),
    errorCode: int16,
    members: array({
      memberId: string,
      groupInstanceId: string.nullable(),
      errorCode: int16,
    }).from(3),
  },
});
