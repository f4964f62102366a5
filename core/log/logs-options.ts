/** What the logs of a data directory are told when they are opened: memory, timing, durability. */

import type { Clock } from '../base/clock.ts';
import type { Disk } from '../base/disk.ts';
import type { Logger } from '../base/logger.ts';
import type { Durability } from './partition-log.ts';

export interface LogsOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly dataDir: string;
  readonly durability: Durability;
  /** How long an append that was answered without a sync (acks=1 in `default` mode) may stay unsynced and unseen; 25 ms unless told. */
  readonly backgroundSyncMs?: number;
  /** Size of each of the two files of the write-ahead log, made when they are first needed; 32 MiB unless told, 0 for none. */
  readonly walFileBytes?: number;
  /** As many partitions must wait for a sync at the same time for the write-ahead log to be used; 5 unless told. */
  readonly walMinPartitions?: number;
  /** Segments synced at the same time: each takes a thread of the pool; 3 unless told. */
  readonly maxConcurrentSyncs?: number;
  /** How often recovery points are saved: bounds what a start after a crash must read; 5 s unless told. */
  readonly checkpointIntervalMs?: number;
  /** An active segment that grew by this gets a checkpoint: what lies before it is not read after a crash; 1 MiB unless told. */
  readonly activeCheckpointBytes?: number;
  /** Memory for recently appended batches of all partitions; 32 MiB unless told. */
  readonly tailCacheBytes?: number;
  /** Memory for the indexes of ended segments; 32 MiB unless told. */
  readonly indexCacheBytes?: number;
  /** Files that reads keep open; 512 unless told. */
  readonly maxOpenFiles?: number;
  /** Retention runs this often (`log.retention.check.interval.ms`); 5 min unless told. */
  readonly retentionIntervalMs?: number;
  /** Logs that are due are compacted this often (`log.cleaner.backoff.ms`); 15 s unless told. */
  readonly compactionIntervalMs?: number;
  /** Memory for the keys of one compaction (`log.cleaner.dedupe.buffer.size`); 32 MiB unless told. */
  readonly compactionKeyBytes?: number;
  /** What compaction reads and writes together (`log.cleaner.io.max.bytes.per.second`); 64 MiB unless told. */
  readonly compactionBytesPerSecond?: number;
  /** Compaction has a thread of its own, which works on the machine's disk; false unless told. */
  readonly compactsInThread?: boolean;
  /** A producer that was silent for so long is forgotten (`producer.id.expiration.ms`); a day unless told. */
  readonly producerExpirationMs?: number;
  /** Producers one partition remembers; 10,000 unless told. */
  readonly maxProducersPerPartition?: number;
}
