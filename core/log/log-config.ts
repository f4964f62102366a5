/** What a topic's settings mean for its logs: Kafka's topic settings by their own names, with Kafka's defaults. */

export interface LogConfig {
  /** `segment.bytes`: a segment is rolled before it grows past this. */
  readonly segmentBytes: number;
  /** `segment.ms`: a segment is rolled when its first batch was appended this long ago. */
  readonly segmentMs: number;
  /** `segment.index.bytes`: a segment is rolled when its offset index has grown to this. */
  readonly segmentIndexBytes: number;
  /** `index.interval.bytes`: how many bytes of batches lie between two index entries. */
  readonly indexIntervalBytes: number;
  /** `retention.ms`; -1 keeps for ever. */
  readonly retentionMs: number;
  /** `retention.bytes` of one partition; -1 is no limit. */
  readonly retentionBytes: number;
  /** `cleanup.policy` contains `compact`. */
  readonly isCompacted: boolean;
  /** `cleanup.policy` contains `delete`: retention applies. */
  readonly isDeleted: boolean;
  /** `max.message.bytes`: the largest batch taken from a client, header included. */
  readonly maxMessageBytes: number;
  /** `message.timestamp.type`. */
  readonly messageTimestampType: 'CreateTime' | 'LogAppendTime';
  /** `message.timestamp.before.max.ms`: how far a client's timestamp may lie in the past. */
  readonly messageTimestampBeforeMaxMs: number;
  /** `message.timestamp.after.max.ms`: how far it may lie in the future; a wrong clock would pin segments for ever. */
  readonly messageTimestampAfterMaxMs: number;
  /** `min.cleanable.dirty.ratio`: compaction starts when this share of the bytes was never compacted. */
  readonly minCleanableDirtyRatio: number;
  /** `min.compaction.lag.ms`: younger records are never compacted. */
  readonly minCompactionLagMs: number;
  /** `max.compaction.lag.ms`: an older record that was never compacted makes the log due, whatever the ratio. */
  readonly maxCompactionLagMs: number;
  /** `delete.retention.ms`: how long a tombstone stays readable after it was first compacted. */
  readonly deleteRetentionMs: number;
  /** `file.delete.delay.ms`: how long a dropped segment's file stays before it is unlinked. */
  readonly fileDeleteDelayMs: number;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Kafka 4's defaults. */
export const defaultLogConfig: LogConfig = {
  segmentBytes: 1_073_741_824,
  segmentMs: 7 * dayMs,
  segmentIndexBytes: 10_485_760,
  indexIntervalBytes: 4096,
  retentionMs: 7 * dayMs,
  retentionBytes: -1,
  isCompacted: false,
  isDeleted: true,
  maxMessageBytes: 1_048_588,
  messageTimestampType: 'CreateTime',
  messageTimestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  messageTimestampAfterMaxMs: hourMs,
  minCleanableDirtyRatio: 0.5,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
  deleteRetentionMs: dayMs,
  fileDeleteDelayMs: 60_000,
};
