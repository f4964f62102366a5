/** Removes uploads that an earlier owner of a partition left behind: once it is fenced off, nothing can complete them. */

import type { TopicPartition } from '../../contract/record.ts';
import type { ObjectNames } from '../object-name.ts';
import type { Upload } from '../store/store.ts';
import type { StoreCalls } from '../store/store-calls.ts';

/** Finds them before the new owner starts uploads of its own; the caller removes them when it likes. */
export async function findLeftovers(
  calls: StoreCalls,
  names: ObjectNames,
  partitions: readonly TopicPartition[],
  signal: AbortSignal,
): Promise<readonly Upload[]> {
  const topics = new Set(partitions.map(({ topic }) => topic));
  const leftovers: Upload[] = [];
  for (const topic of topics) {
    const ours = partitions.filter((each) => each.topic === topic);
    const uploads = await calls.listUploads(names.topicFolder(topic), signal);
    leftovers.push(...uploads.filter(({ key }) => ours.some((at) => names.isOf(at, key))));
  }
  return leftovers;
}
