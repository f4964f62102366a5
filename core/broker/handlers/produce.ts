/** Produce (0): appends one batch per partition as it was received; versions 0 to 2 are advertised for old clients and refused. */

import type { AppendResult, PartitionLog } from '../../log/partition-log.ts';
import type { RequestOf, ResponseInput } from '../../protocol/api.ts';
import { produceApi } from '../../protocol/apis/produce.ts';
import {
  BATCH_HEADER_BYTES,
  batchCodec,
  batchProducerEpoch,
  batchProducerId,
  isTransactional,
} from '../../protocol/batch-header.ts';
import { codecIds } from '../../protocol/compression.ts';
import { kafkaErrors } from '../../protocol/kafka-errors.ts';
import { type ApiHandler, type Call, defineHandler, type Outcome, type Services } from '../api-handler.ts';
import { isInternalTopic } from '../topic-names.ts';

type Request = RequestOf<typeof produceApi>;
type Response = ResponseInput<typeof produceApi>;
type Acks = -1 | 0 | 1;

export function produceHandler(services: Services): ApiHandler {
  return defineHandler(produceApi, {
    leavesOut:
      'versions 0 to 2 are answered UNSUPPORTED_VERSION; timeoutMs (the answer comes when the disk has spoken); ' +
      'topics are created by Metadata only',
    handle: (request, call) => produce(services, request, call),
  });
}

/** What stands against the whole request, or NONE. */
function checkRequest(request: Request, version: number): number {
  if (version < produceApi.servedFrom) return kafkaErrors.UNSUPPORTED_VERSION;
  if (request.acks < -1 || request.acks > 1) return kafkaErrors.INVALID_REQUIRED_ACKS;
  return kafkaErrors.NONE;
}

/** Starts every append before the first wait: what one connection sends is appended in the order it was sent. */
function produce(services: Services, request: Request, call: Call): Promise<Outcome<Response>> {
  const errorCode = checkRequest(request, call.version);
  const acks = request.acks as Acks;
  const origin = request.transactionalId === null ? 'client' : 'transaction';
  const appends: Promise<AppendResult>[] = [];
  for (const topic of request.topicData) {
    const known = services.catalogue.get(topic.name);
    for (const { index, records } of topic.partitionData) {
      const partition = known?.partitions[index];
      let refusal = errorCode === kafkaErrors.NONE ? checkPartition(topic.name, partition, records, call) : errorCode;
      if (refusal === kafkaErrors.NONE && origin === 'transaction') {
        refusal = checkTransaction(services, partition as PartitionLog, records as Buffer);
      }
      if (refusal !== kafkaErrors.NONE) appends.push(Promise.resolve(refused(refusal)));
      else appends.push((partition as PartitionLog).append(records as Buffer, { acks, origin }));
    }
  }
  return answer(request, appends, call);
}

/** Nothing enters a partition as part of a transaction that is not under way: it would have no end. */
function checkTransaction({ transactions }: Services, { topic, partition }: PartitionLog, records: Buffer): number {
  if (!isTransactional(records, 0)) return kafkaErrors.NONE;
  const claim = { producerId: batchProducerId(records, 0), producerEpoch: batchProducerEpoch(records, 0) };
  return transactions.checkWrite(claim, topic, partition);
}

function checkPartition(
  topic: string,
  partition: PartitionLog | undefined,
  records: Buffer | null,
  call: Call,
): number {
  if (partition === undefined) return kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION;
  if (isInternalTopic(topic)) return kafkaErrors.INVALID_TOPIC_EXCEPTION;
  if (records === null || records.length < BATCH_HEADER_BYTES) return kafkaErrors.CORRUPT_MESSAGE;
  const isTooNew = call.version < 7 && batchCodec(records, 0) === codecIds.zstd;
  return isTooNew ? kafkaErrors.UNSUPPORTED_COMPRESSION_TYPE : kafkaErrors.NONE;
}

function refused(errorCode: number): AppendResult {
  return { errorCode, baseOffset: -1, logAppendTimeMs: -1, logStartOffset: -1 };
}

async function answer(
  request: Request,
  appends: readonly Promise<AppendResult>[],
  call: Call,
): Promise<Outcome<Response>> {
  const single = appends.length === 1 ? appends[0] : undefined;
  const results = single === undefined ? await Promise.all(appends) : [await single];
  const isStored = results.every((result) => result.errorCode === kafkaErrors.NONE);
  // A write that failed may still be under way in the operating system: then the bytes stay as they are.
  if (isStored) call.giveBackRequest();
  if (request.acks === 0) {
    return isStored ? 'none' : 'hang-up';
  }
  let next = 0;
  const responses = request.topicData.map(({ name, partitionData }) => ({
    name,
    partitionResponses: partitionData.map(({ index }) => answerOf(index, results[next++] as AppendResult)),
  }));
  return { responses };
}

function answerOf(index: number, result: AppendResult): Response['responses'][number]['partitionResponses'][number] {
  const { errorCode, baseOffset, logAppendTimeMs, logStartOffset, errorMessage = null, recordErrors = [] } = result;
  return {
    index,
    errorCode,
    baseOffset,
    logAppendTimeMs,
    logStartOffset,
    recordErrors: recordErrors.map((error) => ({ batchIndex: error.index, batchIndexErrorMessage: error.message })),
    errorMessage,
  };
}
