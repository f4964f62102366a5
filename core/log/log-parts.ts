/** One log from inside: what opening, retention and compaction work on. */

import type { Clock } from '../base/clock.ts';
import type { Disk } from '../base/disk.ts';
import type { MillraceError } from '../base/errors.ts';
import type { Committer } from './committer.ts';
import type { Gate } from './gate.ts';
import type { IndexCache } from './index-cache.ts';
import type { LogState } from './log-state.ts';
import type { LogWriter } from './log-writer.ts';
import type { Mutex } from './mutex.ts';
import type { OpenFiles } from './open-files.ts';
import type { Durability, PartitionLog } from './partition-log.ts';
import type { TailCache } from './tail-cache.ts';

/** What all logs of a broker share. */
export interface LogServices {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly committer: Committer;
  readonly durability: Durability;
  readonly tailCache: TailCache;
  readonly files: OpenFiles;
  readonly indexes: IndexCache;
  /** Makes the log starts of all partitions durable. */
  readonly saveLogStarts: () => Promise<void>;
  /** A write or sync failed for good. */
  readonly onFailure: (error: MillraceError) => void;
}

export interface LogParts {
  readonly services: LogServices;
  readonly state: LogState;
  readonly gate: Gate;
  /** What removes or replaces segments takes turns. */
  readonly structure: Mutex;
  readonly writer: LogWriter;
  readonly log: PartitionLog;
}
