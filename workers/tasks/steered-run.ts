/** One run of a task, as whoever waits for everything to be read and written steers it. */

import type { TopicPartition } from '../../connectors/contract/record.ts';
import type { SinkPosition } from '../../connectors/contract/sink.ts';
import type { TaskRun } from './task-supervisor.ts';

/** A run with what a bounded run of the whole worker needs of it. */
export interface SteeredRun extends TaskRun {
  readonly kind: 'source' | 'sink';
  /** What a sink reads. */
  readonly topics: readonly string[];
  /** Whether a sink reads every topic there is for it. Where it does not, the run ends, and the next one does. */
  readsAll(): Promise<boolean>;
  assignment(): readonly TopicPartition[];
  committed(): readonly SinkPosition[];
  /** Resolves when everything below `ends` in the partitions of this task was written and its commit sent. */
  drainTo(ends: readonly SinkPosition[]): Promise<void>;
}
