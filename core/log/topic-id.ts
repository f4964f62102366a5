/** The topic a partition's folder was made for, as Kafka keeps it in `partition.metadata`. */

export function partitionMetadata(topicId: string): Buffer {
  return Buffer.from(`version: 0\ntopic_id: ${topicId}\n`);
}

/** Empty when the file is missing or does not say. */
export function topicIdIn(metadata: Buffer | undefined): string {
  return /^topic_id: (\S+)$/m.exec(metadata?.toString('utf8') ?? '')?.[1] ?? '';
}
