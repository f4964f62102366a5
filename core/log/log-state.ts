/** What the parts of one partition's log share: its segments, its producers and the offsets that bound what may be done. */

import type { LeaderEpochEntry } from './checkpoints.ts';
import type { LogConfig } from './log-config.ts';
import type { ProducerTable } from './producer-table.ts';
import type { Segment } from './segment.ts';
import type { SegmentList } from './segment-list.ts';

/** Up to here, and not further, consumers may read: a batch boundary. */
interface VisibleEnd {
  readonly segment: Segment;
  readonly position: number;
}

export interface LogState {
  readonly topic: string;
  readonly partition: number;
  readonly folder: string;
  /** Of the topic the folder was made for; empty when the folder does not say. */
  readonly topicId: string;
  config: LogConfig;
  /** False until the broker has told the configuration: then nothing is deleted or compacted. */
  isConfigured: boolean;
  readonly segments: SegmentList;
  readonly producers: ProducerTable;
  /** Every new batch carries it; it grows whenever a start may have cut acknowledged data that was not synced. */
  readonly leaderEpoch: number;
  /** Epochs that `leader-epoch-checkpoint` may not know: the recovery point stays before their first batches until it does. */
  begunEpochs: readonly LeaderEpochEntry[];
  /** The first offset that may be read. */
  logStartOffset: number;
  /** The offset the next batch gets. */
  logEndOffset: number;
  /** Everything before it is as durable as the mode promises. */
  highWatermark: number;
  visibleEnd: VisibleEnd;
  /** Everything before it survives a power loss, in every mode: by its own file, or by the write-ahead log. */
  durableOffset: number;
  /** Everything before it is durable in the log's own files: where recovery may begin. */
  syncedOffset: number;
  /** Up to where the log was compacted. */
  cleanedOffset: number;
}

/** `topic-partition`, for messages. */
export function nameOf(state: LogState): string {
  return `${state.topic}-${state.partition}`;
}

/** Where recovery may begin: what lies before is durable in the log's own files, with the epochs that wrote it. */
export function recoveryPointOf({ syncedOffset, begunEpochs }: LogState): number {
  return Math.min(syncedOffset, begunEpochs[0]?.startOffset ?? syncedOffset);
}
