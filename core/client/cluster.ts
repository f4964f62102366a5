/** A Kafka cluster as the data plane sees it: where each partition lives, and a way to ask any of its brokers. */

import type { Clock } from '../base/clock.ts';
import { describeError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { Api } from '../protocol/api.ts';
import { metadataApi } from '../protocol/apis/metadata.ts';
import type { Decoded, Encodable, Fields } from '../protocol/field.ts';
import { isRetriableKafkaError, kafkaErrorName, kafkaErrors } from '../protocol/kafka-errors.ts';
import { abortable } from './abortable.ts';
import { backoffMs, retryBackoff } from './backoff.ts';
import type { Connection, RequestOptions } from './connection.ts';
import { ConnectionPool, type Purpose } from './connection-pool.ts';
import { clientErrors } from './error-codes.ts';
import { MetadataCache, type PartitionLeader } from './metadata-cache.ts';
import { tcpTransport } from './tcp-transport.ts';
import { type Address, formatAddress, parseAddress, type Transport } from './transport.ts';

export interface ClusterLimits {
  readonly connectTimeoutMs: number;
  /** For an answer; a long poll adds its own wait. */
  readonly requestTimeoutMs: number;
  /** Leaders and partition counts older than this are asked for again. */
  readonly metadataMaxAgeMs: number;
  /** How long a call looks for any broker that answers, and for a topic that does not exist (yet). */
  readonly giveUpAfterMs: number;
  /** The largest answer accepted. */
  readonly maxFrameBytes: number;
}

const defaultClusterLimits: ClusterLimits = {
  connectTimeoutMs: 5_000,
  requestTimeoutMs: 30_000,
  metadataMaxAgeMs: 300_000,
  giveUpAfterMs: 30_000,
  maxFrameBytes: 128 * 1024 * 1024,
};

export interface ClusterOptions {
  /** Each `host:port`. */
  readonly bootstrapServers: readonly string[];
  readonly clientId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: Partial<ClusterLimits> | undefined;
  readonly transport?: Transport | undefined;
}

/** Connects when first used. Throws `client/unreachable` for an address that is not one. */
export function connectCluster(options: ClusterOptions): Cluster {
  return new Cluster(options);
}

interface Refresh {
  readonly topics: Set<string>;
  readonly done: Promise<void>;
}

export class Cluster {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: ClusterLimits;
  readonly bootstrapServers: readonly string[];
  readonly clientId: string;
  readonly #bootstrap: readonly Address[];
  readonly #metadata = new MetadataCache();
  readonly #pool: ConnectionPool;
  readonly #closing = new AbortController();
  /** Collects topics until the refresh before it is done. */
  #nextRefresh: Refresh | undefined;
  #lastRefresh: Promise<void> = Promise.resolve();
  readonly #refreshingAside = new Set<string>();
  #nextBroker = 0;
  #purposeCount = 0;

  constructor(options: ClusterOptions) {
    this.clock = options.clock;
    this.logger = options.logger;
    this.clientId = options.clientId;
    this.bootstrapServers = options.bootstrapServers;
    this.limits = { ...defaultClusterLimits, ...options.limits };
    this.#bootstrap = options.bootstrapServers.map(bootstrapAddress);
    const transport = options.transport ?? tcpTransport(this.clock);
    const { connectTimeoutMs, requestTimeoutMs, maxFrameBytes } = this.limits;
    const settings = {
      transport,
      clientId: this.clientId,
      clock: this.clock,
      connectTimeoutMs,
      requestTimeoutMs,
      maxFrameBytes,
    };
    this.#pool = new ConnectionPool(settings, this.logger);
  }

  /** Aborts when the cluster is closed. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** How many partitions a topic has. Rejects with `client/unknown-topic` when it does not come to exist in time. */
  async partitionCount(topic: string, signal?: AbortSignal): Promise<number> {
    const deadlineMs = this.clock.monotonicMs() + this.limits.giveUpAfterMs;
    for (let attempt = 1; ; attempt++) {
      if (this.#metadata.isDoubtful(topic) || this.#isOld(topic)) await this.refresh([topic], signal);
      const known = this.#metadata.topic(topic);
      if (known !== undefined) return known.partitions.length;
      const error = this.topicError(topic);
      if (!error.retriable || this.clock.monotonicMs() > deadlineMs) throw error;
      await this.clock.sleep(backoffMs(retryBackoff, attempt, Math.random()), signal);
    }
  }

  /** The leader as last heard; undefined when there is none or nothing is known: `refresh` then. */
  leader(topic: string, partition: number): PartitionLeader | undefined {
    if (this.#metadata.isDoubtful(topic)) return undefined;
    // What is merely old is used on while it is asked for again.
    if (this.#isOld(topic)) this.#refreshAside(topic);
    return this.#metadata.leader(topic, partition);
  }

  /** The id of the cluster; undefined when its brokers have none. Rejects with `client/unreachable`. */
  async clusterId(signal?: AbortSignal): Promise<string | undefined> {
    if (this.#metadata.clusterId === undefined) await this.refresh([], signal);
    return this.#metadata.clusterId;
  }

  /** What the last answer had against the topic; for a topic that is fine, that the partition has no leader. */
  topicError(topic: string): Error & { retriable: boolean } {
    const code = this.#metadata.topicError(topic);
    const name = code === 0 ? kafkaErrorName(kafkaErrors.LEADER_NOT_AVAILABLE) : kafkaErrorName(code);
    if (code === 0 || isRetriableKafkaError(code)) {
      return clientErrors.error('unknown-topic', { message: `The brokers say ${name}`, where: topic });
    }
    return clientErrors.error('refused', { message: `The brokers say ${name}`, where: topic });
  }

  /** A broker's answer contradicted what is known of the topic. */
  markStale(topic: string): void {
    this.#metadata.markStale(topic);
  }

  /** Asks for the topics; calls that overlap share requests. Rejects with `client/unreachable` when no broker answers in time. */
  refresh(topics: readonly string[], signal?: AbortSignal): Promise<void> {
    this.#nextRefresh ??= this.#scheduleRefresh();
    for (const topic of topics) this.#nextRefresh.topics.add(topic);
    return abortable(this.#nextRefresh.done, signal);
  }

  /** A purpose for one producer or fetcher, with connections of its own until `release`. */
  newPurpose(kind: 'produce' | 'fetch'): Purpose {
    this.#purposeCount++;
    return `${kind}#${this.#purposeCount}`;
  }

  release(purpose: Purpose): void {
    this.#pool.release(purpose);
  }

  /** The connection to a broker by its node id. Rejects with `client/unreachable` when the node is not in the cluster. */
  connection(nodeId: number, purpose: Purpose): Promise<Connection> {
    const address = this.#metadata.brokers.get(nodeId);
    if (address !== undefined) return this.#pool.get(address, purpose);
    return Promise.reject(clientErrors.error('unreachable', { message: `Broker ${nodeId} is not in the cluster` }));
  }

  /** The connection to a broker that another broker named. */
  connectionTo(address: Address, purpose: Purpose): Promise<Connection> {
    return this.#pool.get(address, purpose);
  }

  /** Asks any broker, one after the other until one answers. Rejects with `client/unreachable` when none does in time. */
  async requestAny<Q extends Fields, S extends Fields>(
    api: Api<Q, S>,
    request: Encodable<Q>,
    options: RequestOptions = {},
  ): Promise<Decoded<S>> {
    const startedMs = this.clock.monotonicMs();
    const signal = options.signal === undefined ? this.closing : AbortSignal.any([options.signal, this.closing]);
    for (let attempt = 1; ; attempt++) {
      const candidates = this.#candidates();
      const address = candidates[this.#nextBroker++ % candidates.length]!;
      try {
        const connection = await abortable(this.#pool.get(address, 'control'), signal);
        // Others can be asked: none of them is given the whole time.
        const timeoutMs = Math.min(this.limits.requestTimeoutMs, this.limits.giveUpAfterMs / 3);
        return await connection.request(api, request, { timeoutMs, ...options, signal });
      } catch (cause) {
        if (signal.aborted) throw signal.reason;
        if (clientErrors.is(cause, 'unsupported')) throw cause;
        this.logger.debug({ broker: formatAddress(address), error: describeError(cause) }, `${api.name} failed`);
        if (this.clock.monotonicMs() - startedMs > this.limits.giveUpAfterMs)
          throw this.#unreachable(candidates, cause);
        const round = Math.floor((attempt - 1) / candidates.length);
        if (attempt % candidates.length === 0) {
          await this.clock.sleep(backoffMs(retryBackoff, round + 1, Math.random()), signal);
        }
      }
    }
  }

  /** Drops all connections; every call that waits is rejected with `client/closed`. Idempotent. */
  close(): void {
    this.#closing.abort(clientErrors.error('closed', { message: 'The client was closed' }));
    this.#pool.close();
  }

  /** Brokers heard of first; the bootstrap addresses are there when all of those have moved. */
  #candidates(): Address[] {
    const known = [...this.#metadata.brokers.values()];
    const names = new Set(known.map(formatAddress));
    return [...known, ...this.#bootstrap.filter((address) => !names.has(formatAddress(address)))];
  }

  #isOld(topic: string): boolean {
    return this.#metadata.isOlderThan(topic, this.clock.monotonicMs(), this.limits.metadataMaxAgeMs);
  }

  #refreshAside(topic: string): void {
    if (this.#refreshingAside.has(topic)) return;
    this.#refreshingAside.add(topic);
    this.refresh([topic])
      .catch((error: unknown) => this.logger.warn({ topic, error: describeError(error) }, 'leaders are not up to date'))
      .finally(() => this.#refreshingAside.delete(topic));
  }

  #scheduleRefresh(): Refresh {
    const topics = new Set<string>();
    const done = this.#lastRefresh.then(() => {
      this.#nextRefresh = undefined;
      return this.#askMetadata([...topics]);
    });
    this.#lastRefresh = done.catch(() => {});
    return { topics, done };
  }

  async #askMetadata(topics: readonly string[]): Promise<void> {
    const answer = await this.requestAny(metadataApi, {
      topics: topics.map((name) => ({ name })),
      allowAutoTopicCreation: false,
    });
    this.#metadata.apply(answer, this.clock.monotonicMs());
  }

  #unreachable(candidates: readonly Address[], cause: unknown): Error {
    return clientErrors.error('unreachable', {
      message: `No broker answered within ${this.limits.giveUpAfterMs} ms; the last one: ${describeError(cause)}`,
      where: candidates.map(formatAddress).join(', '),
      cause,
    });
  }
}

function bootstrapAddress(text: string): Address {
  const address = parseAddress(text);
  if (address !== undefined) return address;
  throw clientErrors.error('unreachable', {
    message: `"${text}" is not the address of a broker`,
    fix: 'Write bootstrap.servers as host:port, several separated by commas.',
    retriable: false,
  });
}
