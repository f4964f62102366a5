/** Whether a batch may enter a log: what is not about order (that is the producer table's) but about the batch itself. */

import {
  batchAttributes,
  batchBaseSequence,
  batchLastOffsetDelta,
  batchProducerEpoch,
  batchProducerId,
  isControl,
  isTransactional,
} from '../protocol/batch-header.ts';
import { type BatchProblem, newSummary, validateBatch } from '../protocol/batch-validate.ts';
import { kafkaErrors } from '../protocol/kafka-errors.ts';
import type { LogConfig } from './log-config.ts';
import type { ProducerStamp } from './producer-table.ts';
import { checkRecords } from './record-check.ts';

/** Who appends: a client over the network, one whose transaction the coordinator vouches for, the broker's own topics, or a coordinator that may write control batches. */
export type AppendOrigin = 'client' | 'transaction' | 'internal' | 'coordinator';

export interface AppendCheck {
  readonly config: LogConfig;
  readonly origin: AppendOrigin;
  readonly nowMs: number;
}

/** Attributes a client may set: codec, timestamp type, transactional, control. The delete horizon is the cleaner's. */
const knownAttributes = 0x3f;

/** One for all calls: checking is synchronous. */
const summary = newSummary();

/** Why the batch is refused, or undefined; then a largest timestamp in its header that its records do not have was set right. */
export function checkBatch(batch: Buffer, check: AppendCheck): BatchProblem | undefined {
  const { config, origin } = check;
  const problem = validateBatch(batch, 0, batch.length, summary);
  if (problem !== undefined) return problem;
  if (origin === 'client' || origin === 'transaction') {
    const refused = clientProblem(batch, check);
    if (refused !== undefined) return refused;
  }
  if (batch.length > config.segmentBytes) {
    const message = `the batch of ${batch.length} bytes is larger than a segment (segment.bytes ${config.segmentBytes})`;
    return { errorCode: kafkaErrors.RECORD_LIST_TOO_LARGE, message };
  }
  const unknown = origin === 'coordinator' ? undefined : producerProblem(batch);
  return unknown ?? checkRecords(batch, summary, check);
}

/** The producer's part of the header, or undefined when the producer is not idempotent. Control batches have no sequence. */
export function producerStampOf(batch: Buffer, at: number): ProducerStamp | undefined {
  const producerId = batchProducerId(batch, at);
  if (producerId < 0 || isControl(batch, at)) return undefined;
  return {
    producerId,
    producerEpoch: batchProducerEpoch(batch, at),
    baseSequence: batchBaseSequence(batch, at),
    lastOffsetDelta: batchLastOffsetDelta(batch, at),
    isTransactional: isTransactional(batch, at),
  };
}

function clientProblem(batch: Buffer, { config, origin }: AppendCheck): BatchProblem | undefined {
  if (batch.length > config.maxMessageBytes) {
    const message = `the batch of ${batch.length} bytes is larger than max.message.bytes ${config.maxMessageBytes}`;
    return { errorCode: kafkaErrors.MESSAGE_TOO_LARGE, message };
  }
  if (isControl(batch, 0)) return invalid('a client may not write control batches');
  if ((batchAttributes(batch, 0) & ~knownAttributes) !== 0)
    return invalid('the batch has attributes no client may set');
  if (isTransactional(batch, 0) && origin !== 'transaction') {
    return { errorCode: kafkaErrors.INVALID_TXN_STATE, message: 'the partition is in no ongoing transaction' };
  }
  return undefined;
}

function producerProblem(batch: Buffer): BatchProblem | undefined {
  const producerId = batchProducerId(batch, 0);
  if (producerId < 0 && isTransactional(batch, 0)) return invalid('a transactional batch needs a producer id');
  if (producerId < 0 || isControl(batch, 0)) return undefined;
  if (batchBaseSequence(batch, 0) < 0) return invalid(`producer ${producerId} sends no sequence`);
  if (batchProducerEpoch(batch, 0) < 0) return invalid(`producer ${producerId} sends no epoch`);
  return undefined;
}

function invalid(message: string): BatchProblem {
  return { errorCode: kafkaErrors.INVALID_RECORD, message };
}
