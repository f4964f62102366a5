/** What a broker's error code for a produced batch means for the batch, and the error its sender sees. Pure. */

import type { MillraceError } from '../base/errors.ts';
import { isRetriableKafkaError, kafkaErrorName, kafkaErrors } from '../protocol/kafka-errors.ts';
import { clientErrors } from './error-codes.ts';
import type { Attempt } from './sequencer.ts';
import { transactionFailure } from './transaction-verdict.ts';

/** Codes after which the batch may be in the log of the leader although it is not acknowledged. */
const unclear: ReadonlySet<number> = new Set([
  kafkaErrors.REQUEST_TIMED_OUT,
  kafkaErrors.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
  kafkaErrors.KAFKA_STORAGE_ERROR,
]);

/** Codes that say the partition is led elsewhere. */
const misrouted: ReadonlySet<number> = new Set([
  kafkaErrors.NOT_LEADER_OR_FOLLOWER,
  kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION,
  kafkaErrors.LEADER_NOT_AVAILABLE,
  kafkaErrors.FENCED_LEADER_EPOCH,
  kafkaErrors.UNKNOWN_LEADER_EPOCH,
  kafkaErrors.KAFKA_STORAGE_ERROR,
]);

export function isMisrouted(errorCode: number): boolean {
  return misrouted.has(errorCode);
}

export function attemptOf(errorCode: number): Attempt {
  switch (errorCode) {
    case kafkaErrors.NONE:
    // The broker has the batch, but no longer remembers at which offset.
    case kafkaErrors.DUPLICATE_SEQUENCE_NUMBER:
      return 'acked';
    case kafkaErrors.OUT_OF_ORDER_SEQUENCE_NUMBER:
    case kafkaErrors.UNKNOWN_PRODUCER_ID:
      return 'out-of-sequence';
    default:
      if (unclear.has(errorCode)) return 'unknown';
      return isRetriableKafkaError(errorCode) || misrouted.has(errorCode) ? 'rejected' : 'failed';
  }
}

/** The error for a batch that will never be accepted. */
export function refusal(errorCode: number, where: string, errorMessage: string | null): MillraceError {
  const message = `The broker says ${kafkaErrorName(errorCode)}${errorMessage === null ? '' : `: ${errorMessage}`}`;
  switch (errorCode) {
    case kafkaErrors.MESSAGE_TOO_LARGE:
    case kafkaErrors.RECORD_LIST_TOO_LARGE:
      return clientErrors.error('too-large', { message, where });
    default:
      return transactionFailure(errorCode, where, errorMessage) ?? clientErrors.error('refused', { message, where });
  }
}
