/** What a sink connector implements, and what the runtime lends it. */

import type { Clock } from '../../core/base/clock.ts';
import type { Logger } from '../../core/base/logger.ts';
import type { SinkRecords, TopicPartition } from './record.ts';
import type { Gauges, TaskConfig } from './source.ts';

/** Plans nothing: the tasks of a sink differ only by the partitions they are given. */
export interface SinkConnector {
  /** A task that has not been opened; called in the thread the task will run in. */
  createTask(): SinkTask;
}

/**
 * Writes. The runtime calls `open` once, then `assigned`, `put`, `drain` and `revoked` as needed, then `close` once,
 * also after a failed `open`. No two calls overlap; work of the task's own (uploads, timers) goes on between them and
 * reports failure through `context.failed`.
 */
export interface SinkTask {
  open(context: SinkTaskContext): Promise<void>;
  /**
   * These partitions are ours from now on. Returns where to start for those whose position the target itself knows;
   * for the rest the group's committed offset counts. Must fence off an older owner where the target can (promise 4).
   */
  assigned(partitions: readonly TopicPartition[]): Promise<readonly SinkPosition[]>;
  /**
   * Takes every record of the run, in order. It resolves when they are taken, which may be before they are written, and
   * it is where back-pressure is felt. A record that cannot be written goes to `context.badRecord`.
   */
  put(records: SinkRecords): Promise<void>;
  /** Makes everything taken so far durable and visible in the target and reports it through `context.committable`. */
  drain(): Promise<void>;
  /** These partitions belong to somebody else; with `lost` they already did, so nothing of theirs may be made visible. */
  revoked(partitions: readonly TopicPartition[], lost: boolean): Promise<void>;
  close(): Promise<void>;
}

export interface SinkPosition extends TopicPartition {
  /** The next offset to read. */
  readonly offset: number;
}

export interface SinkTaskContext {
  readonly connector: string;
  readonly taskIndex: number;
  readonly settings: TaskConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly gauges: Gauges;
  /** Everything before these offsets is durable in the target or was reported as bad; the runtime commits it (promise 2). */
  committable(positions: readonly SinkPosition[]): void;
  /**
   * The record the run stands on cannot be written, and why. Copies what it needs before it returns. Resolves when the
   * record is durably dead-lettered or skipped under an explicit tolerance; rejects when it is neither, which must fail
   * the task. No position past the record may be made durable before that (promise 2).
   */
  badRecord(records: SinkRecords, reason: Error): Promise<void>;
  /** Work between the calls failed for good: the runtime closes the task and restarts it as after a failed `put`. */
  failed(error: unknown): void;
}
