/** The settings of a topic, by Kafka's names (`org.apache.kafka.common.config.TopicConfig`), with units. */

import { field } from '../fields/kinds.ts';

/** Kafka's "no limit". */
const unlimited = -1;

/** What Kafka keeps in 32 bits. */
const maxInt = 2 ** 31 - 1;

export const topicFields = {
  partitions: field.int({ doc: 'Number of partitions when the topic is created.', default: 1, min: 1, max: 100_000 }),
  'replication.factor': field.int({
    doc: 'Number of replicas when the topic is created; `-1` takes the broker’s default.',
    default: -1,
    min: -1,
    max: 32_767,
  }),
  'cleanup.policy': field.list({
    doc: '`delete` removes old segments, `compact` keeps the last record of each key; both together do both.',
    check: (policies) => {
      const wrong = policies.find((policy) => policy !== 'delete' && policy !== 'compact');
      if (wrong === undefined) return undefined;
      return { message: `${JSON.stringify(wrong)} is not a clean-up policy`, fix: 'Choose delete, compact or both.' };
    },
  }),
  'compression.type': field.choice(['producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'], {
    doc: 'The compression of stored batches; `producer` keeps what arrives.',
  }),
  'delete.retention.ms': field.duration({ doc: 'How long a compacted topic keeps deletion markers.' }),
  'file.delete.delay.ms': field.duration({ doc: 'How long a removed segment stays on disk.' }),
  'flush.messages': field.int({ doc: 'Sync to disk after this many records.', min: 1 }),
  'flush.ms': field.duration({ doc: 'Sync to disk after this time.' }),
  'index.interval.bytes': field.bytes({ doc: 'Bytes of records between two index entries.', max: maxInt }),
  'max.compaction.lag.ms': field.duration({ doc: 'The longest time a record stays uncompacted.', min: 1 }),
  'max.message.bytes': field.bytes({ doc: 'The largest record batch.', max: maxInt }),
  'message.timestamp.after.max.ms': field.duration({ doc: 'How far ahead of the broker’s clock a timestamp may be.' }),
  'message.timestamp.before.max.ms': field.duration({ doc: 'How far behind the broker’s clock a timestamp may be.' }),
  'message.timestamp.type': field.choice(['CreateTime', 'LogAppendTime'], { doc: 'Whose clock stamps the records.' }),
  'min.cleanable.dirty.ratio': field.number({
    doc: 'Share of uncompacted bytes that starts compaction.',
    min: 0,
    max: 1,
  }),
  'min.compaction.lag.ms': field.duration({ doc: 'The shortest time a record stays uncompacted.' }),
  'min.insync.replicas': field.int({ doc: 'Replicas that must have a record before acks=all is answered.', min: 1 }),
  preallocate: field.boolean({ doc: 'Reserve the space of a segment when it is made.' }),
  'retention.bytes': field.bytes({ doc: 'Bytes kept per partition; `-1` for no limit.', min: unlimited }),
  'retention.ms': field.duration({ doc: 'How long records are kept; `-1` for ever.', min: unlimited }),
  'segment.bytes': field.bytes({ doc: 'The size at which a new segment begins.', min: 14, max: maxInt }),
  'segment.index.bytes': field.bytes({ doc: 'The size of a segment’s index.', min: 4, max: maxInt }),
  'segment.jitter.ms': field.duration({ doc: 'Random time taken off the age at which a new segment begins.' }),
  'segment.ms': field.duration({ doc: 'The age at which a new segment begins.', min: 1 }),
  'unclean.leader.election.enable': field.boolean({ doc: 'Let a replica that lacks records become leader.' }),
} as const;
