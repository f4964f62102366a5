/** What the cluster calls itself. */

import type { Cluster } from '../core/client/index.ts';
import { metadataApi } from '../core/protocol/apis/metadata.ts';

export async function clusterIdOf(cluster: Cluster): Promise<string> {
  const answer = await cluster.requestAny(metadataApi, { topics: [], allowAutoTopicCreation: false });
  return answer.clusterId ?? '';
}
