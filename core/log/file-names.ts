/** The names of the log's files and folders: Kafka's own, so that its tools find what they expect. */

export type SegmentSuffix = '.log' | '.index' | '.timeindex' | '.txnindex' | '.snapshot';

/** Files of the data directory. */
export const lockFileName = '.lock';
export const metaPropertiesName = 'meta.properties';
export const cleanShutdownName = '.kafka_cleanshutdown';
export const recoveryPointsName = 'recovery-point-offset-checkpoint';
export const logStartsName = 'log-start-offset-checkpoint';
export const cleanerOffsetsName = 'cleaner-offset-checkpoint';
export const producerIdsName = 'producer-id-block';
/** The two files of the write-ahead log; gone after a clean stop. */
export const walNames = ['write-ahead-0', 'write-ahead-1'] as const;

/** Files of a partition's folder. */
export const leaderEpochsName = 'leader-epoch-checkpoint';
export const partitionMetadataName = 'partition.metadata';
/** Our own: indexes of the active segment and producers, for a start after a crash. */
export const activeCheckpointName = 'active-segment-checkpoint';

/** A segment's file that is not part of the log any more and waits to be unlinked. */
export const deletedSuffix = '.deleted';
/** A compacted segment that is being written. */
export const cleanedSuffix = '.cleaned';
/** A compacted segment that is complete and replaces the ones it was made from. */
export const swapSuffix = '.swap';
/** A partition folder whose topic was deleted. */
export const deletedFolderSuffix = '-delete';

/** `00000000000000000042.log` */
export function segmentFileName(baseOffset: number, suffix: SegmentSuffix): string {
  return `${String(baseOffset).padStart(20, '0')}${suffix}`;
}

/** The offset in a segment file's name, or undefined when `name` is no such name. */
export function offsetOfFileName(name: string, suffix: string): number | undefined {
  if (name.length !== 20 + suffix.length || !name.endsWith(suffix)) return undefined;
  const digits = name.slice(0, 20);
  return /^\d{20}$/.test(digits) ? Number(digits) : undefined;
}

/** `topic-partition` */
export function partitionFolderName(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

export function parsePartitionFolder(name: string): { topic: string; partition: number } | undefined {
  const match = /^(.+)-(\d{1,10})$/.exec(name);
  if (match === null) return undefined;
  return { topic: match[1]!, partition: Number(match[2]) };
}
