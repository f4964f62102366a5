/** What one Fetch asks for, partition by partition, and one reading pass over it. */

import type { ReadOptions } from '../log/log-reader.ts';
import type { PartitionLog } from '../log/partition-log.ts';
import type { RequestOf, ResponseInput } from '../protocol/api.ts';
import type { fetchApi } from '../protocol/apis/fetch.ts';
import { batchLastOffset } from '../protocol/batch-header.ts';
import { walkBatches } from '../protocol/batch-validate.ts';
import { kafkaErrors } from '../protocol/kafka-errors.ts';
import type { BorrowedMemory } from './borrowed-memory.ts';
import { checkLeaderEpoch } from './leader-epoch.ts';
import type { TopicCatalogue } from './topic-catalogue.ts';

type FetchRequest = RequestOf<typeof fetchApi>;
type PartitionAnswer = ResponseInput<typeof fetchApi>['responses'][number]['partitions'][number];

/** One partition of the request; `records`, `errorCode` and the sizes are filled by the last pass. */
export interface FetchPartition {
  readonly key: string;
  readonly partitionIndex: number;
  readonly fetchOffset: number;
  readonly currentLeaderEpoch: number;
  readonly maxBytes: number;
  readonly log: PartitionLog | undefined;
  errorCode: number;
  records: Buffer | null;
  /** Transactions whose records a `read_committed` reader leaves out. */
  aborted: readonly { readonly producerId: number; readonly firstOffset: number }[];
  /** Up to where the pass could have read. */
  readableOffset: number;
  /** Records behind `readableOffset` wait for the end of a transaction: they come without the log growing by their size. */
  isHeldBack: boolean;
  /** The size of the log at the pass; what it grew since then is an estimate of what arrived. */
  logBytes: number;
}

export interface FetchPlan {
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly FetchPartition[] }[];
  /** All partitions in the order in which they may take room. */
  readonly order: readonly FetchPartition[];
  readonly isCommittedOnly: boolean;
  /** What the last pass read lies in it. */
  readonly memory: BorrowedMemory;
}

export interface PassResult {
  readonly totalBytes: number;
  readonly hasError: boolean;
  /** The first partition that had records and got no room for any. */
  readonly cutAt: string | undefined;
}

export interface FetchPlanContext {
  readonly catalogue: TopicCatalogue;
  /** Where the last answer of this connection ran out of room, so that no partition starves. */
  readonly startAt: string | undefined;
  readonly memory: BorrowedMemory;
}

export function planFetch(request: FetchRequest, { catalogue, startAt, memory }: FetchPlanContext): FetchPlan {
  const order: FetchPartition[] = [];
  const topics = request.topics.map(({ topic, partitions }) => {
    const known = catalogue.get(topic);
    return {
      topic,
      partitions: partitions.map((asked) => {
        const partition: FetchPartition = {
          key: `${topic}-${asked.partition}`,
          partitionIndex: asked.partition,
          fetchOffset: asked.fetchOffset,
          currentLeaderEpoch: asked.currentLeaderEpoch,
          maxBytes: asked.partitionMaxBytes,
          log: known?.partitions[asked.partition],
          errorCode: kafkaErrors.NONE,
          records: null,
          aborted: [],
          readableOffset: 0,
          isHeldBack: false,
          logBytes: 0,
        };
        order.push(partition);
        return partition;
      }),
    };
  });
  const start = startAt === undefined ? -1 : order.findIndex((partition) => partition.key === startAt);
  const rotated = start > 0 ? [...order.slice(start), ...order.slice(0, start)] : order;
  return { topics, order: rotated, isCommittedOnly: request.isolationLevel === 1, memory };
}

/** Reads what is there now. The first batch found is taken whole, however large; the rest stays within `maxBytes`. */
export async function readPass(
  plan: FetchPlan,
  maxBytes: number,
  isLive: (log: PartitionLog) => boolean,
): Promise<PassResult> {
  let totalBytes = 0;
  let hasError = false;
  let cutAt: string | undefined;
  for (const partition of plan.order) {
    partition.errorCode = check(partition, plan.isCommittedOnly, isLive);
    partition.records = null;
    partition.aborted = [];
    hasError ||= hasFailed(partition);
    if (hasFailed(partition) || partition.fetchOffset >= partition.readableOffset) continue;
    const roomBytes = Math.max(Math.min(partition.maxBytes, maxBytes - totalBytes), 0);
    const isFirst = totalBytes === 0;
    // While the read waits for the disk a transaction may begin behind what is readable now.
    const limitOffset = plan.isCommittedOnly ? partition.readableOffset : undefined;
    const options = { maxBytes: roomBytes, minOneBatch: isFirst, limitOffset, memory: plan.memory };
    const readBytes = roomBytes > 0 || isFirst ? await read(partition, options, plan.isCommittedOnly) : 0;
    hasError ||= hasFailed(partition);
    totalBytes += readBytes;
    if (readBytes === 0 && !isFirst) cutAt ??= partition.key;
  }
  return { totalBytes, hasError, cutAt };
}

function check(partition: FetchPartition, isCommittedOnly: boolean, isLive: (log: PartitionLog) => boolean): number {
  const { log, fetchOffset } = partition;
  if (log === undefined || !isLive(log)) return kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION;
  if (log.failure !== undefined) return kafkaErrors.KAFKA_STORAGE_ERROR;
  const epochError = checkLeaderEpoch(log, partition.currentLeaderEpoch);
  if (epochError !== kafkaErrors.NONE) return epochError;
  if (fetchOffset < log.logStartOffset || fetchOffset > log.logEndOffset) return kafkaErrors.OFFSET_OUT_OF_RANGE;
  partition.readableOffset = isCommittedOnly ? log.lastStableOffset : log.highWatermark;
  partition.isHeldBack = partition.readableOffset < log.highWatermark;
  partition.logBytes = log.sizeBytes;
  return kafkaErrors.NONE;
}

const hasFailed = (partition: FetchPartition) => partition.errorCode !== kafkaErrors.NONE;

async function read(partition: FetchPartition, options: ReadOptions, isCommittedOnly: boolean): Promise<number> {
  try {
    const log = partition.log as PartitionLog;
    const records = await log.read(partition.fetchOffset, options);
    if (isCommittedOnly && log.hasAborted && records.length > 0) {
      partition.aborted = await log.abortedTransactions(partition.fetchOffset, endOf(records));
    }
    partition.records = records;
    return records.length;
  } catch {
    // Retention may have passed the offset, or the topic may have gone, between the check and the read.
    const log = partition.log as PartitionLog;
    const isBelow = partition.fetchOffset < log.logStartOffset;
    partition.errorCode = isBelow ? kafkaErrors.OFFSET_OUT_OF_RANGE : kafkaErrors.KAFKA_STORAGE_ERROR;
    return 0;
  }
}

/** A plan that waits holds no records: it reads again when it is woken. */
export function dropRecords(plan: FetchPlan): void {
  for (const partition of plan.order) partition.records = null;
  plan.memory.giveBack();
}

/** True when a partition advanced after the pass looked at it: waiting now could miss it. */
export function hasMoved(plan: FetchPlan): boolean {
  return plan.order.some(({ log, readableOffset }) => {
    if (log === undefined) return false;
    return (plan.isCommittedOnly ? log.lastStableOffset : log.highWatermark) > readableOffset;
  });
}

function endOf(records: Buffer): number {
  let end = 0;
  for (const at of walkBatches(records)) end = batchLastOffset(records, at) + 1;
  return end;
}

/** True when a transaction has ended, and with it the waiting for records that were there already. */
export function isReleased(plan: FetchPlan): boolean {
  return plan.order.some(({ log, isHeldBack, readableOffset }) => {
    return isHeldBack && log !== undefined && log.lastStableOffset > readableOffset;
  });
}

/** About how many bytes arrived in all partitions since the pass. */
export function arrivedBytes(plan: FetchPlan): number {
  let bytes = 0;
  for (const { log, logBytes } of plan.order) if (log !== undefined) bytes += Math.max(log.sizeBytes - logBytes, 0);
  return bytes;
}

const unknownOffsets = { highWatermark: -1, lastStableOffset: -1, logStartOffset: -1 };

export function describePartition(partition: FetchPartition, isCommittedOnly: boolean): PartitionAnswer {
  const { log, errorCode, partitionIndex, records, aborted } = partition;
  const isReadable = log !== undefined && errorCode !== kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION;
  const { highWatermark, lastStableOffset, logStartOffset } = isReadable ? log : unknownOffsets;
  return {
    partitionIndex,
    errorCode,
    highWatermark,
    lastStableOffset,
    logStartOffset,
    abortedTransactions: isCommittedOnly ? aborted : null,
    records: records ?? noRecords,
  };
}

const noRecords = Buffer.alloc(0);
