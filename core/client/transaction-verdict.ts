/** What a coordinator's error code means for a request of a transaction. Pure. */

import type { MillraceError } from '../base/errors.ts';
import { isRetriableKafkaError, kafkaErrorName, kafkaErrors } from '../protocol/kafka-errors.ts';
import { clientErrors } from './error-codes.ts';

/**
 * `done`; `wait`: the same coordinator will have an answer in a moment; `move`: another broker may coordinate by now;
 * otherwise the error the caller sees.
 */
export type TransactionVerdict = 'done' | 'wait' | 'move' | MillraceError;

/** The coordinator is busy with the transaction before, loads its log, or has not heard of a new topic yet. */
const passing: ReadonlySet<number> = new Set([
  kafkaErrors.CONCURRENT_TRANSACTIONS,
  kafkaErrors.COORDINATOR_LOAD_IN_PROGRESS,
  kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION,
  kafkaErrors.OPERATION_NOT_ATTEMPTED,
]);

/** Another producer has the transactional id now; versions differ in which of the two they say. */
const fenced: ReadonlySet<number> = new Set([kafkaErrors.INVALID_PRODUCER_EPOCH, kafkaErrors.PRODUCER_FENCED]);

/** The transaction is over for the coordinator: it was aborted, or what it knew of the producer has expired. */
const aborted: ReadonlySet<number> = new Set([
  kafkaErrors.INVALID_TXN_STATE,
  kafkaErrors.INVALID_PRODUCER_ID_MAPPING,
  kafkaErrors.UNKNOWN_PRODUCER_ID,
  kafkaErrors.TRANSACTION_ABORTABLE,
]);

/** The group whose offsets are part of the transaction has another member or generation. */
const groupFenced: ReadonlySet<number> = new Set([
  kafkaErrors.ILLEGAL_GENERATION,
  kafkaErrors.UNKNOWN_MEMBER_ID,
  kafkaErrors.FENCED_INSTANCE_ID,
]);

export function transactionVerdict(errorCode: number, where: string): TransactionVerdict {
  if (errorCode === kafkaErrors.NONE) return 'done';
  if (passing.has(errorCode)) return 'wait';
  const fatal = transactionFailure(errorCode, where, null);
  if (fatal !== undefined) return fatal;
  if (groupFenced.has(errorCode)) return clientErrors.error('group-fenced', { message: said(errorCode, null), where });
  const isMoved = isRetriableKafkaError(errorCode) || errorCode === kafkaErrors.TRANSACTION_COORDINATOR_FENCED;
  return isMoved ? 'move' : clientErrors.error('refused', { message: said(errorCode, null), where });
}

/** The error when the code ends the transaction or the producer; also for answers to Produce. */
export function transactionFailure(
  errorCode: number,
  where: string,
  errorMessage: string | null,
): MillraceError | undefined {
  if (fenced.has(errorCode)) return clientErrors.error('fenced', { message: said(errorCode, errorMessage), where });
  if (!aborted.has(errorCode)) return undefined;
  return clientErrors.error('transaction-aborted', { message: said(errorCode, errorMessage), where });
}

/** Of the answers for several partitions the one that says most: a real error before "not attempted". */
export function worstCode(codes: Iterable<number>): number {
  let worst: number = kafkaErrors.NONE;
  for (const code of codes) {
    if (code === kafkaErrors.NONE) continue;
    if (code !== kafkaErrors.OPERATION_NOT_ATTEMPTED) return code;
    worst = code;
  }
  return worst;
}

function said(errorCode: number, errorMessage: string | null): string {
  return `The broker says ${kafkaErrorName(errorCode)}${errorMessage === null ? '' : `: ${errorMessage}`}`;
}
