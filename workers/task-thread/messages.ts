/** What the main thread and a task's thread say to each other, and what a thread is told at its start. */

import type { MessagePort } from 'node:worker_threads';
import type { TopicPartition } from '../../connectors/contract/record.ts';
import type { SinkPosition } from '../../connectors/contract/sink.ts';
import type { SourcePosition } from '../../connectors/contract/source.ts';
import type { ProducerIdentity } from '../../core/client/index.ts';
import type { Codec } from '../../core/protocol/compression.ts';
import type { Settings } from '../stores/config-records.ts';
import type { StoredPosition } from '../stores/offset-records.ts';
import type { ErrorPolicy } from '../tolerance.ts';
import type { TopicFacts } from '../topics.ts';
import type { TransactionBoundary } from './transaction-boundary.ts';

export interface TaskLimits {
  /** Bytes one poll of a source may append; two polls are held at a time. */
  readonly pollBytes: number;
  /** Bytes a record batch aims at, before compression. A record that alone is larger goes alone, as far as its topic takes it. */
  readonly batchBytes: number;
  /** Bytes one fetch of a sink asks for. */
  readonly fetchBytes: number;
  readonly fetchPartitionBytes: number;
  /** Bytes of dead letters that may wait to be written. */
  readonly deadLetterBytes: number;
  /** The longest wait between two tries of a call that failed with a retriable error. */
  readonly longestRetryDelayMs: number;
}

/** A source task that writes in transactions, and has shut out every earlier run of itself already. */
export interface TaskTransactions {
  readonly transactionalId: string;
  readonly transactionTimeoutMs: number;
  readonly identity: ProducerIdentity;
  readonly boundary: TransactionBoundary;
}

/** Everything a task's thread needs; plain data. */
export interface TaskSpec {
  readonly connector: string;
  readonly taskIndex: number;
  readonly kind: 'source' | 'sink';
  /** The connector's canonical name in the catalogue. */
  readonly connectorName: string;
  /** URL of the module whose `loadConnector(name)` gives the connector. */
  readonly connectorsModule: string;
  readonly settings: Settings;
  readonly bootstrapServers: readonly string[];
  /** Of the pool of workers; a part of transactional ids. */
  readonly groupId: string;
  /** Sinks: dead letters are written in transactions. */
  readonly isExactlyOnce: boolean;
  readonly once: boolean;
  /** Sources: undefined for delivery at least once. */
  readonly transactions: TaskTransactions | undefined;
  /** Sources: everything stored for the connector, read after earlier runs were shut out. */
  readonly storedPositions: readonly StoredPosition[];
  readonly offsetsTopic: string;
  readonly offsetsPartitionCount: number;
  /** Sources: topics to be there before the first record, as far as their names are known. */
  readonly topics: readonly string[];
  readonly compression: Codec;
  /** Sinks: where to start in a partition without a committed offset. */
  readonly startAt: 'earliest' | 'latest';
  readonly errors: ErrorPolicy;
  readonly limits: TaskLimits;
}

/** What a thread gets at its start. */
export interface ThreadStart {
  readonly spec: TaskSpec;
  /** Leads to the broker in this process; undefined where there is none. */
  readonly brokerDoor: MessagePort | undefined;
}

export interface AssignedPartition extends TopicPartition {
  /** The group's committed offset; undefined when it has none. */
  readonly committed: number | undefined;
}

export type ToThread =
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }
  /** Finish what is under way, make it durable, close, and say `stopped`. */
  | { readonly type: 'stop' }
  /** Sources: stored for the connector since the thread was told what is stored. */
  | { readonly type: 'signals'; readonly signals: readonly SourcePosition[] }
  | { readonly type: 'assigned'; readonly partitions: readonly AssignedPartition[] }
  | {
      readonly type: 'revoked';
      readonly id: number;
      readonly partitions: readonly TopicPartition[];
      readonly lost: boolean;
    }
  /** Read up to these offsets where the partition is assigned, drain, and say `done`. */
  | { readonly type: 'drainTo'; readonly id: number; readonly ends: readonly SinkPosition[] }
  | { readonly type: 'topicReady'; readonly id: number; readonly topic: TopicFacts }
  | { readonly type: 'topicFailed'; readonly id: number; readonly error: PlainError };

export type FromThread =
  | { readonly type: 'running' }
  | { readonly type: 'finished' }
  | { readonly type: 'stopped' }
  | { readonly type: 'failed'; readonly error: PlainError }
  | { readonly type: 'commit'; readonly positions: readonly SinkPosition[] }
  | { readonly type: 'done'; readonly id: number }
  | {
      readonly type: 'ensureTopic';
      readonly id: number;
      readonly topic: string;
      readonly purpose: 'records' | 'dead letters';
    }
  /** Totals and current values since the thread started, and the topics used so far. */
  | {
      readonly type: 'gauges';
      readonly totals: Readonly<Record<string, number>>;
      readonly values: Readonly<Record<string, number>>;
    }
  | { readonly type: 'activeTopic'; readonly topic: string }
  | {
      readonly type: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly fields: Readonly<Record<string, unknown>>;
      readonly message: string;
    };

/** An error that crosses threads: only what a person and the restart decision need. */
export interface PlainError {
  readonly code: string | undefined;
  readonly message: string;
  readonly where: string | undefined;
  readonly fix: string | undefined;
  /** False only when the error says so: another start cannot help. */
  readonly retriable: boolean;
  /** What REST shows as the trace. */
  readonly trace: string;
}
