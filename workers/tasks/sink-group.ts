/** Joins a sink task to its consumer group, after throwing out whatever an earlier run of the same task left there. */

import { describeError } from '../../core/base/errors.ts';
import type { Logger } from '../../core/base/logger.ts';
import type { Cluster, GroupPosition } from '../../core/client/index.ts';
import { joinGroup } from '../../core/client/index.ts';
import { describeGroupsApi } from '../../core/protocol/apis/group-admin.ts';
import { coordinatorKeyTypes, findCoordinatorApi, leaveGroupApi } from '../../core/protocol/apis/groups.ts';
import type { GroupEvents, GroupMember } from './sink-membership.ts';

export interface SinkGroupOptions extends GroupEvents {
  /** A client of its own, whose client id belongs to this task alone; closed when the member leaves. */
  readonly cluster: Cluster;
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly logger: Logger;
}

export async function joinSinkGroup({ cluster, logger, ...options }: SinkGroupOptions): Promise<GroupMember> {
  try {
    await evictPredecessors(cluster, options.groupId, logger);
    const member = await joinGroup(cluster, options);
    return {
      commit: (positions: readonly GroupPosition[]) => member.commit(positions),
      committed: (partitions) => member.committed(partitions),
      leave: () => member.leave().finally(() => cluster.close()),
    };
  } catch (error) {
    cluster.close();
    throw error;
  }
}

/**
 * A task has one owner (promise 4), so a member with its client id is dead or stale. Left alone it would hold up the
 * group until its session ends, 45 seconds after a crash; thrown out, its commits are refused from now on. Where that
 * cannot be done the session's end does it.
 */
async function evictPredecessors(cluster: Cluster, groupId: string, logger: Logger): Promise<void> {
  try {
    const found = await cluster.requestAny(
      findCoordinatorApi,
      { key: groupId, keyType: coordinatorKeyTypes.group },
      { maxVersion: 3 },
    );
    const coordinator = await cluster.connectionTo({ host: found.host, port: found.port }, 'control');
    const { groups } = await coordinator.request(describeGroupsApi, { groups: [groupId] });
    const stale = groups.flatMap(({ members }) => members.filter(({ clientId }) => clientId === cluster.clientId));
    if (stale.length === 0) return;
    const members = stale.map(({ memberId }) => ({ memberId, reason: 'replaced by a new run of the same task' }));
    await coordinator.request(leaveGroupApi, { groupId, members });
    logger.info({ groupId, members: stale.length }, 'removed what an earlier run of the task left in its group');
  } catch (error) {
    logger.warn({ groupId, reason: describeError(error) }, 'could not look for what an earlier run of the task left');
  }
}
