/** What one partition's part of a fetch answer does to the state of that partition. Pure. */

import type { ResponseOf } from '../protocol/api.ts';
import type { fetchApi } from '../protocol/apis/fetch.ts';
import { isRetriableKafkaError, kafkaErrorName, kafkaErrors } from '../protocol/kafka-errors.ts';
import { clientErrors } from './error-codes.ts';
import { inspectFetched } from './fetched-batches.ts';
import type { PartitionFetch } from './partition-fetch.ts';

export type PartitionAnswer = ResponseOf<typeof fetchApi>['responses'][number]['partitions'][number];

export interface AnswerContext {
  readonly fetchOffset: number;
  readonly checkCrcs: boolean;
  readonly isReadCommitted: boolean;
  /** Becomes the `release` of what is held. */
  readonly release: () => void;
  /** No single answer may be larger. */
  readonly maxFrameBytes: number;
}

/** What is left to do for the partition; with `retry` it is asked again after a delay. */
export type AnswerEffect =
  | { readonly kind: 'none' | 'out-of-range' }
  | { readonly kind: 'retry'; readonly problem: string; readonly isLeaderStale: boolean };

const none: AnswerEffect = { kind: 'none' };

/** A batch that arrives damaged this many times in a row is damaged at its source. */
const mostCorruptAnswers = 5;

export function takeAnswer(state: PartitionFetch, answer: PartitionAnswer, context: AnswerContext): AnswerEffect {
  const { errorCode, records } = answer;
  if (errorCode === kafkaErrors.OFFSET_OUT_OF_RANGE) return { kind: 'out-of-range' };
  if (errorCode === kafkaErrors.CORRUPT_MESSAGE)
    return damaged(state, context.fetchOffset, 'the broker cannot read it');
  if (errorCode !== kafkaErrors.NONE) return refused(state, errorCode);
  if (records === null || records.length === 0) {
    state.succeeded();
    return none;
  }
  const aborted = context.isReadCommitted ? (answer.abortedTransactions ?? []) : [];
  const batches = inspectFetched(records, { checkCrcs: context.checkCrcs, aborted });
  if ('kind' in batches) {
    return batches.kind === 'corrupt'
      ? damaged(state, batches.offset, batches.message)
      : askForMore(state, batches.neededBytes, context);
  }
  const { topic, partition } = state;
  const { fetchOffset, release } = context;
  state.hold({ topic, partition, fetchOffset, ...batches, highWatermark: answer.highWatermark, release });
  return none;
}

function refused(state: PartitionFetch, errorCode: number): AnswerEffect {
  const problem = `The broker says ${kafkaErrorName(errorCode)}`;
  // An answer with any of these is worth a look at who leads the partition now.
  if (isRetriableKafkaError(errorCode)) return { kind: 'retry', problem, isLeaderStale: true };
  state.failure = clientErrors.error('refused', { message: problem, where: state.where });
  return none;
}

function damaged(state: PartitionFetch, offset: number, problem: string): AnswerEffect {
  if (state.failures + 1 < mostCorruptAnswers) return { kind: 'retry', problem, isLeaderStale: false };
  const message = `The batch at offset ${offset} came damaged ${mostCorruptAnswers} times: ${problem}`;
  state.failure = clientErrors.error('corrupt', { message, where: state.where });
  return none;
}

function askForMore(
  state: PartitionFetch,
  neededBytes: number,
  { maxFrameBytes, fetchOffset }: AnswerContext,
): AnswerEffect {
  if (neededBytes > maxFrameBytes) {
    const message = `The batch at offset ${fetchOffset} has ${neededBytes} bytes; ${maxFrameBytes} are accepted`;
    state.failure = clientErrors.error('too-large', { message, where: state.where });
    return none;
  }
  state.maxBytes = Math.max(neededBytes, state.maxBytes);
  return { kind: 'retry', problem: `a batch of ${neededBytes} bytes was cut short`, isLeaderStale: false };
}
