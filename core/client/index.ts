/** The door of core/client: the fast data plane, and kafkajs for administration and groups. */

export { type Admin, type EnsuredTopic, type GroupSummary, openAdmin, type TopicSpec } from './admin.ts';
export { type Cluster, type ClusterLimits, type ClusterOptions, connectCluster } from './cluster.ts';
export { createFetcher, type Fetcher, type FetcherOptions, type FetchPosition } from './fetcher.ts';
export type { GroupPartition, GroupPosition } from './group-consumer.ts';
export { type GroupMembership, type JoinGroupOptions, joinGroup } from './group-membership.ts';
export type { GroupOffset } from './group-offsets.ts';
export {
  earliestOffset,
  type FoundOffset,
  type Isolation,
  latestOffset,
  listOffsets,
  type OffsetQuery,
} from './list-offsets.ts';
export type { FetchedPartition, StartOffset } from './partition-fetch.ts';
export {
  createProducer,
  type ProduceBatch,
  type Producer,
  type ProducerOptions,
  type StoredBatch,
} from './producer.ts';
export type { ProducerIdentity } from './sequencer.ts';
export {
  readTopicToEnd,
  type TopicHandler,
  type TopicReaderOptions,
  type TopicRecord,
  type TopicTail,
  tailTopic,
  topicEnds,
} from './topic-reader.ts';
export type { GroupMember } from './transaction-members.ts';
export { fenceTransactionalId, type TransactionalId } from './transactional-id.ts';
export {
  openTransactionalProducer,
  type TransactionalProducer,
  type TransactionalProducerOptions,
} from './transactional-producer.ts';
