/** Sends Produce requests to one broker, several in flight, and brings each batch its own part of the answer. */

import { messageOf } from '../base/errors.ts';
import type { ResponseOf } from '../protocol/api.ts';
import { produceApi } from '../protocol/apis/produce.ts';
import { sealCrc, setProducer, setTransactional } from '../protocol/batch-header.ts';
import type { Cluster } from './cluster.ts';
import type { Connection } from './connection.ts';
import type { Purpose } from './connection-pool.ts';
import type { PendingBatch, ProduceLane } from './produce-lane.ts';

export interface ProduceSenderOptions {
  readonly cluster: Cluster;
  readonly nodeId: number;
  readonly purpose: Purpose;
  readonly acks: -1 | 1;
  /** Not null: every batch is a part of a transaction. */
  readonly transactionalId: string | null;
  readonly maxInFlight: number;
  readonly maxRequestBytes: number;
  /** How long the broker may wait for its replicas, or its disk. */
  readonly requestTimeoutMs: number;
  /** The broker answered for a batch. */
  onAnswer(batch: PendingBatch, answer: PartitionAnswer): void;
  /** The request ended without an answer. */
  onLost(batch: PendingBatch, error: unknown): void;
  /** Something may be sendable now. */
  onReady(): void;
  /** The broker cannot be reached; its partitions may have moved. */
  onUnreachable(error: unknown): void;
}

export type PartitionAnswer = ResponseOf<typeof produceApi>['responses'][number]['partitionResponses'][number];

export class ProduceSender {
  readonly #options: ProduceSenderOptions;
  #connection: Connection | undefined;
  #isConnecting = false;
  #inFlightCount = 0;

  constructor(options: ProduceSenderOptions) {
    this.#options = options;
  }

  /** Sends what the lanes have ready, as far as there is room in flight; lanes served first go to the end of the set. */
  pump(lanes: Set<ProduceLane>): void {
    const connection = this.#usableConnection();
    if (connection === undefined) return;
    while (this.#inFlightCount < this.#options.maxInFlight) {
      const batches = this.#gather(lanes);
      if (batches.length === 0) return;
      this.#send(connection, batches);
    }
  }

  /** Sending is only ever done on a connection at hand, in one go: waiting in between could let requests pass each other. */
  #usableConnection(): Connection | undefined {
    if (this.#connection !== undefined && !this.#connection.isClosed) return this.#connection;
    if (!this.#isConnecting) void this.#connect();
    return undefined;
  }

  async #connect(): Promise<void> {
    const { cluster, nodeId, purpose, onReady, onUnreachable } = this.#options;
    this.#isConnecting = true;
    try {
      this.#connection = await cluster.connection(nodeId, purpose);
      this.#isConnecting = false;
      onReady();
    } catch (error) {
      this.#isConnecting = false;
      onUnreachable(error);
    }
  }

  /** One batch of each lane (Kafka allows no more in a request), as many as fit. */
  #gather(lanes: Set<ProduceLane>): PendingBatch[] {
    const batches: PendingBatch[] = [];
    let room = this.#options.maxRequestBytes;
    for (const lane of [...lanes]) {
      const next = lane.sequencer.next;
      if (next === undefined) {
        lanes.delete(lane);
        continue;
      }
      if (batches.length > 0 && next.bytes.length > room) break;
      room -= next.bytes.length;
      batches.push(stamp(lane.sequencer.take(), this.#options.transactionalId !== null));
      lanes.delete(lane);
      lanes.add(lane);
    }
    return batches;
  }

  #send(connection: Connection, batches: readonly PendingBatch[]): void {
    const { acks, transactionalId, requestTimeoutMs, onAnswer, onLost, onReady, cluster } = this.#options;
    this.#inFlightCount++;
    const request = { transactionalId, acks, timeoutMs: requestTimeoutMs, topicData: byTopic(batches) };
    // The broker's own timeout must come first: its answer says more than our silence.
    const timeoutMs = requestTimeoutMs + Math.min(5_000, requestTimeoutMs);
    connection
      .request(produceApi, request, { timeoutMs })
      .then(
        (response) => {
          const answers = answersByPartition(response);
          for (const batch of batches) {
            const answer = answers.get(batch.lane.topic)?.get(batch.lane.partition);
            if (answer === undefined) onLost(batch, new Error('the answer does not mention the partition'));
            else onAnswer(batch, answer);
          }
        },
        (error: unknown) => {
          cluster.logger.debug({ broker: connection.where, error: messageOf(error) }, 'a produce request was lost');
          for (const batch of batches) onLost(batch, error);
        },
      )
      .finally(() => {
        this.#inFlightCount--;
        onReady();
      });
  }
}

/** Writes the producer id, epoch and sequence into the batch; a batch sent again under the same ones stays as it is. */
function stamp(batch: PendingBatch, isTransactional: boolean): PendingBatch {
  const { identity, bytes, baseSequence } = batch;
  if (identity !== undefined && batch.stamped !== identity) {
    setProducer(bytes, 0, { ...identity, baseSequence });
    if (isTransactional) setTransactional(bytes, 0);
    sealCrc(bytes, 0);
    batch.stamped = identity;
  }
  return batch;
}

function byTopic(batches: readonly PendingBatch[]) {
  const topics = new Map<string, { index: number; records: Buffer }[]>();
  for (const { lane, bytes } of batches) {
    let partitions = topics.get(lane.topic);
    if (partitions === undefined) {
      partitions = [];
      topics.set(lane.topic, partitions);
    }
    partitions.push({ index: lane.partition, records: bytes });
  }
  return [...topics].map(([name, partitionData]) => ({ name, partitionData }));
}

function answersByPartition(response: ResponseOf<typeof produceApi>): Map<string, Map<number, PartitionAnswer>> {
  return new Map(
    response.responses.map(({ name, partitionResponses }) => [
      name,
      new Map(partitionResponses.map((answer) => [answer.index, answer])),
    ]),
  );
}
