/** JoinGroup (11), SyncGroup (14), Heartbeat (12) and LeaveGroup (13): classic consumer groups of any protocol type. */

import { heartbeatApi, joinGroupApi, leaveGroupApi, syncGroupApi } from '../../protocol/apis/groups.ts';
import { kafkaErrors } from '../../protocol/kafka-errors.ts';
import { type ApiHandler, defineHandler, type Services } from '../api-handler.ts';

export function groupHandlers(services: Services): ApiHandler[] {
  return [joinHandler(services), heartbeatHandler(services), leaveHandler(services), syncHandler(services)];
}

function joinHandler({ coordinator }: Services): ApiHandler {
  return defineHandler(joinGroupApi, {
    leavesOut: 'the reason a member gives is not kept',
    handle: (request, call) =>
      coordinator
        .join(request.groupId, {
          memberId: request.memberId,
          instanceId: request.groupInstanceId,
          clientId: call.clientId,
          clientHost: `/${call.client.host}`,
          protocolType: request.protocolType,
          protocols: request.protocols,
          sessionTimeoutMs: request.sessionTimeoutMs,
          // Version 0 has no time of its own for rejoining.
          rebalanceTimeoutMs: request.rebalanceTimeoutMs < 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs,
          mustConfirmId: call.version >= 4,
          canSkipAssignment: call.version >= 9,
        })
        .then((result) => (call.version < 7 ? { ...result, protocolName: result.protocolName ?? '' } : result)),
  });
}

function syncHandler({ coordinator }: Services): ApiHandler {
  return defineHandler(syncGroupApi, {
    leavesOut: 'nothing',
    handle: (request) =>
      coordinator.sync(request.groupId, {
        memberId: request.memberId,
        instanceId: request.groupInstanceId,
        generationId: request.generationId,
        protocolType: request.protocolType,
        protocolName: request.protocolName,
        assignments: request.assignments,
      }),
  });
}

function heartbeatHandler({ coordinator }: Services): ApiHandler {
  return defineHandler(heartbeatApi, {
    leavesOut: 'nothing',
    handle: ({ groupId, memberId, groupInstanceId, generationId }) => ({
      errorCode: coordinator.heartbeat(groupId, { memberId, instanceId: groupInstanceId, generationId }),
    }),
  });
}

function leaveHandler({ coordinator }: Services): ApiHandler {
  return defineHandler(leaveGroupApi, {
    leavesOut: 'the reason a member gives is not kept',
    handle(request, call) {
      if (call.version < 3) {
        const [errorCode] = coordinator.leave(request.groupId, [{ memberId: request.memberId, instanceId: null }]);
        return { errorCode: errorCode ?? kafkaErrors.NONE };
      }
      const codes = coordinator.leave(
        request.groupId,
        request.members.map(({ memberId, groupInstanceId }) => ({ memberId, instanceId: groupInstanceId })),
      );
      const members = request.members.map(({ memberId, groupInstanceId }, index) => {
        return { memberId, groupInstanceId, errorCode: codes[index] ?? kafkaErrors.NONE };
      });
      return { errorCode: kafkaErrors.NONE, members };
    },
  });
}
