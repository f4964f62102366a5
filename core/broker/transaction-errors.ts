/** What producers are told that another one has taken their place: versions that do not know PRODUCER_FENCED get an older code. */

import { kafkaErrors } from '../protocol/kafka-errors.ts';

export function olderFence(errorCode: number, knowsFenced: boolean): number {
  const isUnknown = errorCode === kafkaErrors.PRODUCER_FENCED && !knowsFenced;
  return isUnknown ? kafkaErrors.INVALID_PRODUCER_EPOCH : errorCode;
}
