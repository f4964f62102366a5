/** What a broker may be told at start, with the defaults and the reason of each bound. */

import type { ServiceSettings } from './api-handler.ts';
import type { ConnectionLimits } from './connection.ts';

export interface BrokerLimits extends ConnectionLimits {
  readonly maxConnections: number;
  /** Request bytes in flight over all connections. */
  readonly maxTotalInFlightBytes: number;
  /** Bytes of Fetch answers that clients have not taken yet; slow consumers share it. */
  readonly maxFetchBytes: number;
  /** Memory of large requests and answers that is kept for the next ones. */
  readonly maxSpareBytes: number;
  /** A connection without a byte in either direction for this long is closed (`connections.max.idle.ms`). */
  readonly idleTimeoutMs: number;
  /** How long `close` waits for answers in progress. */
  readonly drainTimeoutMs: number;
}

const mebibyte = 1_048_576;

export const defaultLimits: BrokerLimits = {
  // `socket.request.max.bytes` of Kafka.
  maxFrameBytes: 100 * mebibyte,
  // Clients keep 5 to 30 requests in flight; more only fills memory. A long poll counts as one.
  maxInFlightRequests: 64,
  maxInFlightBytes: 32 * mebibyte,
  maxTotalInFlightBytes: 64 * mebibyte,
  maxFetchBytes: 64 * mebibyte,
  // A few of the largest requests that usual clients send; fresh memory would cost more than filling it.
  maxSpareBytes: 16 * mebibyte,
  maxConnections: 10_000,
  idleTimeoutMs: 600_000,
  drainTimeoutMs: 5_000,
};

export interface BrokerSettings extends ServiceSettings {
  /** Partitions of `__consumer_offsets`; fixed when the topic is created (`offsets.topic.num.partitions`). */
  readonly offsetsPartitionCount: number;
  /** Partitions of `__transaction_state`; fixed when the topic is created (`transaction.state.log.num.partitions`). */
  readonly transactionsPartitionCount: number;
}

export const defaultSettings: BrokerSettings = {
  autoCreateTopics: true,
  defaultPartitionCount: 1,
  // Longer than any client asks for, shorter than the idle timeout.
  maxFetchWaitMs: 60_000,
  // Kafka's 50 spread the load over brokers; here they would only be 50 files to sync.
  offsetsPartitionCount: 8,
  // One sync covers the transactions of all producers that end at the same time.
  transactionsPartitionCount: 1,
};
