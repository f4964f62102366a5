/** A transactional producer that sends exactly what it is told to, for tests that need every step of its own. */

import { fetchApi } from '../../../core/protocol/apis/fetch.ts';
import { offsetFetchApi } from '../../../core/protocol/apis/group-offsets.ts';
import { produceApi } from '../../../core/protocol/apis/produce.ts';
import { initProducerIdApi } from '../../../core/protocol/apis/producer-ids.ts';
import {
  addOffsetsToTxnApi,
  addPartitionsToTxnApi,
  endTxnApi,
  txnOffsetCommitApi,
} from '../../../core/protocol/apis/transactions.ts';
import { BatchBuilder } from '../../../core/protocol/batch-builder.ts';
import {
  batchLastOffset,
  batchProducerId,
  batchSizeBytes,
  isControl,
  isTransactional,
} from '../../../core/protocol/batch-header.ts';
import { walkBatches } from '../../../core/protocol/batch-validate.ts';
import { decodeMarker } from '../../../core/protocol/control-batch.ts';
import { RecordCursor } from '../../../core/protocol/record-cursor.ts';
import type { RawClient } from './raw-client.ts';

export class RawProducer {
  readonly transactionalId: string;
  client: RawClient;
  producerId = -1;
  producerEpoch = -1;
  readonly #sequences = new Map<string, number>();

  constructor(client: RawClient, transactionalId: string) {
    this.client = client;
    this.transactionalId = transactionalId;
  }

  /** Each method resolves to the error code. */
  async init(transactionTimeoutMs = 60_000): Promise<number> {
    const { transactionalId } = this;
    const answer = await this.client.ask(initProducerIdApi, 4, { transactionalId, transactionTimeoutMs });
    if (answer.errorCode !== 0) return answer.errorCode;
    this.producerId = answer.producerId;
    this.producerEpoch = answer.producerEpoch;
    this.#sequences.clear();
    return 0;
  }

  async add(topic: string, ...partitions: number[]): Promise<number> {
    const topics = [{ name: topic, partitions }];
    const answer = await this.client.ask(addPartitionsToTxnApi, 3, { ...this.#identity(), topics });
    const codes = answer.resultsByTopic.flatMap(({ resultsByPartition }) =>
      resultsByPartition.map(({ partitionErrorCode }) => partitionErrorCode),
    );
    return codes.find((code) => code !== 0) ?? 0;
  }

  /** One batch; plain unless `isTransactional`. */
  async send(topic: string, partition: number, values: readonly string[], isTransactional = true): Promise<number> {
    const builder = new BatchBuilder();
    for (const value of values) builder.appendRecord({ key: null, value: Buffer.from(value), timestampMs: Date.now() });
    const place = `${topic}-${partition}`;
    const baseSequence = this.#sequences.get(place) ?? 0;
    const { producerId, producerEpoch, transactionalId } = this;
    const records = builder.build({ producer: { producerId, producerEpoch, baseSequence }, isTransactional });
    const topicData = [{ name: topic, partitionData: [{ index: partition, records }] }];
    const answer = await this.client.ask(produceApi, 9, { transactionalId, acks: -1, timeoutMs: 5_000, topicData });
    const errorCode = answer.responses[0]?.partitionResponses[0]?.errorCode ?? -1;
    if (errorCode === 0) this.#sequences.set(place, baseSequence + values.length);
    return errorCode;
  }

  async addOffsets(groupId: string): Promise<number> {
    return (await this.client.ask(addOffsetsToTxnApi, 3, { ...this.#identity(), groupId })).errorCode;
  }

  /** Commits the offset of partition 0 of the topic as part of the transaction. */
  async commitOffset(
    { groupId, topic, ...claim }: { groupId: string; topic: string; generationId?: number; memberId?: string },
    committedOffset: number,
  ): Promise<number> {
    const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata: null }];
    const request = { ...this.#identity(), groupId, ...claim, topics: [{ name: topic, partitions }] };
    const answer = await this.client.ask(txnOffsetCommitApi, 3, request);
    return answer.topics[0]?.partitions[0]?.errorCode ?? -1;
  }

  async end(committed: boolean): Promise<number> {
    return (await this.client.ask(endTxnApi, 3, { ...this.#identity(), committed })).errorCode;
  }

  #identity() {
    const { transactionalId, producerId, producerEpoch } = this;
    return { transactionalId, producerId, producerEpoch };
  }
}

/** What a group has committed for partition 0 of the topic. */
export async function fetchOffset(
  client: RawClient,
  { groupId, topic, requireStable = false }: { groupId: string; topic: string; requireStable?: boolean },
): Promise<{ readonly errorCode: number; readonly offset: number }> {
  const topics = [{ name: topic, partitionIndexes: [0] }];
  const answer = await client.ask(offsetFetchApi, 7, { groupId, topics, requireStable });
  const { errorCode = -1, committedOffset = -1n } = answer.topics[0]?.partitions[0] ?? {};
  return { errorCode, offset: Number(committedOffset) };
}

export interface FetchedRecords {
  readonly values: string[];
  readonly lastStableOffset: number;
  readonly highWatermark: number;
}

/** The values of a partition as a `read_committed` reader sees them, or all of them. */
export async function fetchValues(
  client: RawClient,
  { topic, partition = 0, isolationLevel = 1, maxWaitMs = 0, minBytes = 1, fromOffset = 0 }: FetchedFrom,
): Promise<FetchedRecords> {
  const values: string[] = [];
  const cursor = new RecordCursor();
  for (let offset = fromOffset; ; ) {
    const partitions = [{ partition, fetchOffset: offset, partitionMaxBytes: 1_000_000 }];
    // Only the first Fetch waits.
    const wait = offset === fromOffset ? { maxWaitMs, minBytes } : { maxWaitMs: 0, minBytes: 1 };
    const topics = [{ topic, partitions }];
    const request = { ...wait, isolationLevel, topics, forgottenTopicsData: [], rackId: '' };
    const answer = (await client.ask(fetchApi, 11, request)).responses[0]?.partitions[0];
    if (answer === undefined || answer.errorCode !== 0) throw new Error(`fetch got ${answer?.errorCode}`);
    const { lastStableOffset, highWatermark } = answer;
    const records = answer.records ?? Buffer.alloc(0);
    const next = showVisible(records, { cursor, offset, aborted: answer.abortedTransactions ?? [] }, values);
    if (next === offset) return { values, lastStableOffset, highWatermark };
    offset = next;
  }
}

interface FetchedFrom {
  readonly topic: string;
  readonly partition?: number;
  readonly isolationLevel?: number;
  readonly maxWaitMs?: number;
  readonly minBytes?: number;
  readonly fromOffset?: number;
}

interface Visible {
  readonly cursor: RecordCursor;
  readonly offset: number;
  readonly aborted: readonly { readonly producerId: number; readonly firstOffset: number }[];
}

/** As a client does it: a producer's batches are left out from the first offset of its aborted transaction to the marker. */
function showVisible(records: Buffer, { cursor, offset, aborted }: Visible, values: string[]): number {
  const abortedNow = new Set<number>();
  const waiting = aborted.toSorted((a, b) => a.firstOffset - b.firstOffset);
  let next = offset;
  for (const at of walkBatches(records)) {
    const batch = records.subarray(at, at + batchSizeBytes(records, at));
    const producerId = batchProducerId(batch, 0);
    next = batchLastOffset(batch, 0) + 1;
    while (waiting[0] !== undefined && waiting[0].firstOffset < next) abortedNow.add(waiting.shift()!.producerId);
    if (isControl(batch, 0)) {
      if (decodeMarker(batch, 0)?.isCommit === false) abortedNow.delete(producerId);
      continue;
    }
    if (isTransactional(batch, 0) && abortedNow.has(producerId)) continue;
    cursor.reset(batch, offset);
    while (cursor.next()) values.push(cursor.bytes.toString('utf8', cursor.valueStart, cursor.valueEnd));
  }
  return next;
}
