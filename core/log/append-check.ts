/** Whether a batch may enter a log: pure; what is not about order (that is the producer table's) but about the batch itself. */

import { MillraceError } from '../base/errors.ts';
import {
  batchAttributes,
  batchBaseSequence,
  batchBaseTimestampMs,
  batchLastOffsetDelta,
  batchMaxTimestampMs,
  batchProducerEpoch,
  batchProducerId,
  isControl,
  isLogAppendTime,
  isTransactional,
} from '../protocol/batch-header.ts';
import { type BatchProblem, validateBatch } from '../protocol/batch-validate.ts';
import { kafkaErrors } from '../protocol/kafka-errors.ts';
import { RecordCursor } from '../protocol/record-cursor.ts';
import type { LogConfig } from './log-config.ts';
import type { ProducerStamp } from './producer-table.ts';

/** Who appends: a client over the network, the broker's own topics, or a coordinator that may write control batches. */
export type AppendOrigin = 'client' | 'internal' | 'coordinator';

export interface AppendCheck {
  readonly config: LogConfig;
  readonly origin: AppendOrigin;
  readonly nowMs: number;
}

/** Attributes a client may set: codec, timestamp type, transactional, control. The delete horizon is the cleaner's. */
const knownAttributes = 0x3f;

/** Why the batch is refused, or undefined. */
export function checkBatch(batch: Buffer, check: AppendCheck): BatchProblem | undefined {
  const { config, origin } = check;
  const problem = validateBatch(batch, 0, batch.length);
  if (problem !== undefined) return problem;
  if (origin === 'client') {
    const refused = clientProblem(batch, config);
    if (refused !== undefined) return refused;
  }
  if (batch.length > config.segmentBytes) {
    const message = `the batch of ${batch.length} bytes is larger than a segment (segment.bytes ${config.segmentBytes})`;
    return { errorCode: kafkaErrors.RECORD_LIST_TOO_LARGE, message };
  }
  return (
    producerProblem(batch) ??
    timestampProblem(batch, check) ??
    (config.isCompacted && !isControl(batch, 0) ? keyProblem(batch) : undefined)
  );
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
  };
}

function clientProblem(batch: Buffer, config: LogConfig): BatchProblem | undefined {
  if (batch.length > config.maxMessageBytes) {
    const message = `the batch of ${batch.length} bytes is larger than max.message.bytes ${config.maxMessageBytes}`;
    return { errorCode: kafkaErrors.MESSAGE_TOO_LARGE, message };
  }
  if (isControl(batch, 0)) return invalid('a client may not write control batches');
  if ((batchAttributes(batch, 0) & ~knownAttributes) !== 0)
    return invalid('the batch has attributes no client may set');
  if (isTransactional(batch, 0)) {
    return { errorCode: kafkaErrors.INVALID_TXN_STATE, message: 'the partition is in no ongoing transaction' };
  }
  return undefined;
}

function producerProblem(batch: Buffer): BatchProblem | undefined {
  const producerId = batchProducerId(batch, 0);
  if (producerId < 0 || isControl(batch, 0)) return undefined;
  if (batchBaseSequence(batch, 0) < 0) return invalid(`producer ${producerId} sends no sequence`);
  if (batchProducerEpoch(batch, 0) < 0) return invalid(`producer ${producerId} sends no epoch`);
  return undefined;
}

function timestampProblem(batch: Buffer, { config, nowMs }: AppendCheck): BatchProblem | undefined {
  // The broker stamps these records itself: whatever the producer wrote is replaced.
  if (config.messageTimestampType === 'LogAppendTime') return undefined;
  if (isLogAppendTime(batch, 0)) return wrongTime('the batch says LogAppendTime, which only the broker may set');
  const firstMs = batchBaseTimestampMs(batch, 0);
  const lastMs = batchMaxTimestampMs(batch, 0);
  if (firstMs >= 0 && nowMs - firstMs > config.messageTimestampBeforeMaxMs) {
    return wrongTime(`the timestamp ${firstMs} is more than ${config.messageTimestampBeforeMaxMs} ms in the past`);
  }
  if (Math.max(firstMs, lastMs) - nowMs > config.messageTimestampAfterMaxMs) {
    return wrongTime(
      `the timestamp ${Math.max(firstMs, lastMs)} is more than ${config.messageTimestampAfterMaxMs} ms in the future`,
    );
  }
  return undefined;
}

/** The checksum was verified just before. */
const cursor = new RecordCursor({ checkCrcs: false });
const noBytes = Buffer.alloc(0);

/** In a compacted topic a record without a key could never be found again. */
function keyProblem(batch: Buffer): BatchProblem | undefined {
  try {
    cursor.reset(batch);
    while (cursor.next()) if (cursor.keyStart < 0) return invalid('a compacted topic takes no record without a key');
    return undefined;
  } catch (error) {
    if (error instanceof MillraceError) return invalid(error.message);
    throw error;
  } finally {
    cursor.reset(noBytes);
  }
}

function invalid(message: string): BatchProblem {
  return { errorCode: kafkaErrors.INVALID_RECORD, message };
}

function wrongTime(message: string): BatchProblem {
  return { errorCode: kafkaErrors.INVALID_TIMESTAMP, message };
}
