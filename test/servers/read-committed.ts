/** What a reader of committed records sees of a topic at this moment. */

import { type Cluster, readTopicToEnd } from '../../core/client/index.ts';

export interface CommittedRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: string | undefined;
  readonly value: string | undefined;
}

/** In the order of offsets within each partition. */
export async function readCommitted(cluster: Cluster, topic: string): Promise<CommittedRecord[]> {
  const records: CommittedRecord[] = [];
  await readTopicToEnd(
    cluster,
    topic,
    ({ partition, offset, key, value }) =>
      void records.push({ partition, offset, key: key?.toString(), value: value?.toString() }),
    { isolation: 'read_committed', signal: AbortSignal.timeout(30_000) },
  );
  return records;
}
