/** What follows a database into topics, whoever it is, and what a reader of committed records can see of that. */

import { systemClock } from '../../core/base/clock.ts';
import { silentLogger } from '../../core/base/logger.ts';
import { type Cluster, connectCluster, topicEnds } from '../../core/client/index.ts';

export interface Follower {
  /** All that is counted, broker included. */
  readonly processes: readonly { readonly pid: number }[];
  readonly bootstrapServers: string[];
  topicOf(table: string): string;
  stop(): Promise<void>;
}

export function connectTo({ bootstrapServers }: Pick<Follower, 'bootstrapServers'>): Cluster {
  return connectCluster({ bootstrapServers, clientId: 'bench', clock: systemClock, logger: silentLogger });
}

/** Up to where readers of committed records get, over all partitions. Ends of transactions count as offsets, too. */
export async function readableOffset(cluster: Cluster, topic: string, signal?: AbortSignal): Promise<number> {
  const ends = await topicEnds(cluster, topic, { isolation: 'read_committed', ...(signal && { signal }) });
  return ends.reduce((sum, { offset }) => sum + offset, 0);
}
