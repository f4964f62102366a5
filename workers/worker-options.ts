/** What a worker can be told, and what it assumes otherwise. */

import { extname } from 'node:path';
import type { MessagePort } from 'node:worker_threads';
import type { Catalogue } from '../config/index.ts';
import type { SinkConnector } from '../connectors/contract/sink.ts';
import type { SourceConnector } from '../connectors/contract/source.ts';
import type { Clock } from '../core/base/clock.ts';
import type { Logger } from '../core/base/logger.ts';
import type { Scheduler } from './scheduler/scheduler.ts';
import type { TaskLimits } from './task-thread/messages.ts';
import type { RestartPolicy } from './tasks/restart-delay.ts';
import { defaultRestartPolicy } from './tasks/restart-delay.ts';
import type { ThreadLimits } from './tasks/task-host.ts';

export interface WorkerOptions {
  /** Each `host:port`. */
  readonly bootstrapServers: readonly string[];
  /**
   * Serves a task's thread without a socket: gets one end of a message port, whose other end is the thread's
   * `threadTransport`. Undefined: threads connect to `bootstrapServers` like anybody else.
   */
  readonly acceptThread?: ((door: MessagePort) => void) | undefined;
  /** Names the pool of workers that share the topics below; `millrace` unless told. */
  readonly groupId?: string;
  readonly clientId?: string;
  /** Undefined: no REST interface. Port 0 picks a free one. */
  readonly rest: { readonly host: string; readonly port: number } | undefined;
  readonly catalogue: Catalogue;
  readonly loadConnector: (name: string) => Promise<SourceConnector | SinkConnector>;
  /** URL of the module whose `loadConnector` the task threads use; that of the catalogue of this product unless told. */
  readonly connectorsModule?: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /**
   * Kafka Connect's setting: `enabled` writes records and source offsets in one transaction, whose id belongs to the
   * task; `disabled` writes them one after the other, and a kill doubles what was between the two.
   */
  readonly exactlyOnceSourceSupport?: 'enabled' | 'disabled';
  /** Sources read what is there now and finish. */
  readonly once?: boolean;
  readonly topics?: Partial<InternalTopics>;
  readonly limits?: Partial<TaskLimits>;
  readonly threadLimits?: Partial<ThreadLimits>;
  readonly restartPolicy?: Partial<RestartPolicy>;
  /** How long a task may take to drain and close when it is stopped. */
  readonly taskStopMs?: number;
  /** How long a connector may take to plan its tasks. */
  readonly planTimeoutMs?: number;
  /** The one that runs everything here unless told. */
  readonly scheduler?: Scheduler;
}

/** Kafka Connect's three topics, by our names for them. */
interface InternalTopics {
  readonly config: string;
  readonly offsets: string;
  readonly offsetsPartitions: number;
  readonly status: string;
  readonly statusPartitions: number;
  /** -1 takes the broker's default. */
  readonly replicationFactor: number;
}

/**
 * Kafka Connect makes 25 and 5. A single process reads them whole at every start, and a poll's offsets are one write and
 * one sync where they would be one for each partition they fall into.
 */
const defaultTopics: InternalTopics = {
  config: 'millrace-configs',
  offsets: 'millrace-offsets',
  offsetsPartitions: 1,
  status: 'millrace-status',
  statusPartitions: 1,
  replicationFactor: -1,
};

const mib = 1024 * 1024;

const defaultLimits: TaskLimits = {
  // Large, because a poll costs a round of requests and syncs whatever its size.
  pollBytes: 4 * mib,
  batchBytes: 1_000_000,
  fetchBytes: 4 * mib,
  fetchPartitionBytes: mib,
  deadLetterBytes: 8 * mib,
  longestRetryDelayMs: 10_000,
};

const defaultThreadLimits: ThreadLimits = { oldGenerationMb: 256, youngGenerationMb: 8 };

/** The options with every assumption filled in. */
export interface WorkerSettings {
  readonly groupId: string;
  readonly clientId: string;
  readonly connectorsModule: string;
  readonly exactlyOnce: boolean;
  readonly once: boolean;
  readonly topics: InternalTopics;
  readonly limits: TaskLimits;
  readonly threadLimits: ThreadLimits;
  readonly restartPolicy: RestartPolicy;
  readonly taskStopMs: number;
  readonly planTimeoutMs: number;
}

/** `.ts` in a checkout, `.js` in the compiled form that a package holds. */
const ownExtension = extname(import.meta.filename);

/** In a bounded run a task that keeps failing must not keep it from ending: about two minutes of restarts. */
const restartsInBoundedRun = 8;

export function settingsOf(options: WorkerOptions): WorkerSettings {
  const mostRestarts = options.once === true ? restartsInBoundedRun : defaultRestartPolicy.mostRestarts;
  const restartPolicy = { ...defaultRestartPolicy, mostRestarts };
  return {
    groupId: options.groupId ?? 'millrace',
    clientId: options.clientId ?? 'millrace-worker',
    connectorsModule:
      options.connectorsModule ?? new URL(`../connectors/catalogue${ownExtension}`, import.meta.url).href,
    exactlyOnce: (options.exactlyOnceSourceSupport ?? 'enabled') === 'enabled',
    once: options.once ?? false,
    topics: { ...defaultTopics, ...options.topics },
    limits: { ...defaultLimits, ...options.limits },
    threadLimits: { ...defaultThreadLimits, ...options.threadLimits },
    restartPolicy: { ...restartPolicy, ...options.restartPolicy },
    taskStopMs: options.taskStopMs ?? 15_000,
    planTimeoutMs: options.planTimeoutMs ?? 60_000,
  };
}
