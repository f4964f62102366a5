/** DescribeGroups (15), ListGroups (16) and FindCoordinator (10): what an administrator sees of groups, and where to ask. */

import { chosenMetadata, type Group, type Member } from '../../coordinator/group-state.ts';
import type { ResponseInput } from '../../protocol/api.ts';
import { describeGroupsApi, listGroupsApi } from '../../protocol/apis/group-admin.ts';
import { coordinatorKeyTypes, findCoordinatorApi } from '../../protocol/apis/groups.ts';
import { kafkaErrors } from '../../protocol/kafka-errors.ts';
import { type ApiHandler, defineHandler, type Services } from '../api-handler.ts';

type DescribedGroup = ResponseInput<typeof describeGroupsApi>['groups'][number];

const noBytes = Buffer.alloc(0);

export function groupAdminHandlers(services: Services): ApiHandler[] {
  return [findCoordinatorHandler(services), describeGroupsHandler(services), listGroupsHandler(services)];
}

function findCoordinatorHandler(services: Services): ApiHandler {
  return defineHandler(findCoordinatorApi, {
    leavesOut: 'share coordinators: asking for one is answered UNSUPPORTED_VERSION with a sentence',
    handle(request, call) {
      const { group, transaction } = coordinatorKeyTypes;
      const isHere = request.keyType === group || request.keyType === transaction;
      const { host, port } = services.advertised();
      const place = isHere
        ? { nodeId: services.nodeId, host, port, errorCode: kafkaErrors.NONE, errorMessage: null }
        : { nodeId: -1, host: '', port: -1, errorCode: kafkaErrors.UNSUPPORTED_VERSION, errorMessage: noOthers };
      if (call.version < 4) return { ...place, coordinators: [] };
      return { coordinators: request.coordinatorKeys.map((key) => ({ key, ...place })) };
    },
  });
}

const noOthers = 'this broker coordinates consumer groups and transactions only';

function describeGroupsHandler({ coordinator }: Services): ApiHandler {
  return defineHandler(describeGroupsApi, {
    leavesOut: 'authorized operations are not computed',
    handle: (request, call) => ({
      groups: request.groups.map((groupId) => describe(groupId, coordinator.group(groupId), call.version)),
    }),
  });
}

function describe(groupId: string, group: Group | undefined, version: number): DescribedGroup {
  if (group === undefined) return describeMissing(groupId, version);
  const isStable = group.phase === 'Stable';
  return {
    errorCode: kafkaErrors.NONE,
    groupId,
    groupState: group.phase,
    protocolType: group.protocolType ?? '',
    protocolData: isStable ? (group.protocolName ?? '') : '',
    members: Array.from(group.members.values(), (member) => describeMember(group, member, isStable)),
  };
}

/** Before version 6 a group that does not exist is described as dead. Source: KIP-1043. */
function describeMissing(groupId: string, version: number): DescribedGroup {
  const isTold = version >= 6;
  return {
    errorCode: isTold ? kafkaErrors.GROUP_ID_NOT_FOUND : kafkaErrors.NONE,
    errorMessage: isTold ? `group ${groupId} does not exist` : null,
    groupId,
    groupState: 'Dead',
    protocolType: '',
    protocolData: '',
    members: [],
  };
}

function describeMember(group: Group, member: Member, isStable: boolean): DescribedGroup['members'][number] {
  return {
    memberId: member.id,
    groupInstanceId: member.instanceId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    memberMetadata: isStable ? chosenMetadata(group, member) : noBytes,
    memberAssignment: isStable ? member.assignment : noBytes,
  };
}

function listGroupsHandler({ coordinator }: Services): ApiHandler {
  return defineHandler(listGroupsApi, {
    leavesOut: 'there are classic groups only',
    handle(request) {
      const states = new Set(request.statesFilter.map((state) => state.toLowerCase()));
      const types = new Set(request.typesFilter.map((type) => type.toLowerCase()));
      const groups = coordinator
        .groups()
        .filter((group) => states.size === 0 || states.has(group.phase.toLowerCase()))
        .filter(() => types.size === 0 || types.has('classic'))
        .map((group) => ({
          groupId: group.id,
          protocolType: group.protocolType ?? '',
          groupState: group.phase,
          groupType: 'classic',
        }));
      return { errorCode: kafkaErrors.NONE, groups };
    },
  });
}
