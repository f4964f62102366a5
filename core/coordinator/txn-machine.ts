/** The states of one transactional id: pure, (state, event, now) → (state, effects). */

import { kafkaErrors } from '../protocol/kafka-errors.ts';
import type { Instant } from './group-state.ts';
import { mergePartitions, noPartitions, snapshotOf, type Txn, type TxnSnapshot } from './txn-state.ts';

interface Claim {
  readonly producerId: number;
  readonly producerEpoch: number;
}

export type TxnEvent =
  | {
      readonly kind: 'init';
      readonly token: number;
      readonly timeoutMs: number;
      /** What the producer says it is, when it asks for the next epoch of its own. */
      readonly expected: Claim | undefined;
      /** A producer id nobody has had; given when `needsProducerId` said so. */
      readonly freshId: number | undefined;
    }
  | ({ readonly kind: 'add'; readonly token: number; readonly partitions: Txn['partitions'] } & Claim)
  | ({ readonly kind: 'end'; readonly token: number; readonly isCommit: boolean } & Claim)
  /** A `store` effect ended: with NONE the record is there. */
  | { readonly kind: 'stored'; readonly storeId: number; readonly errorCode: number }
  /** Every partition has its marker, durably. */
  | { readonly kind: 'marked' }
  | { readonly kind: 'tick' }
  /** Nobody has used the id for a long time: it may go. */
  | { readonly kind: 'expire' };

export interface TxnAnswer extends Claim {
  readonly errorCode: number;
}

export type TxnEffect =
  | { readonly kind: 'answer'; readonly token: number; readonly answer: TxnAnswer }
  /** Undefined is a tombstone. One that is not urgent counts once it is written. */
  | {
      readonly kind: 'store';
      readonly storeId: number;
      readonly snapshot: TxnSnapshot | undefined;
      readonly isUrgent: boolean;
    }
  /** Write the markers of the state as it is now. */
  | { readonly kind: 'mark' };

export interface TxnStep {
  readonly txn: Txn;
  readonly effects: readonly TxnEffect[];
}

/** Kafka keeps the last epoch for fencing; from this one on a producer gets a new id instead of the next epoch. */
const lastUsableEpoch = 32_766;
const maxEpoch = 32_767;

export function stepTxn(txn: Txn, event: TxnEvent, now: Instant): TxnStep {
  switch (event.kind) {
    case 'init':
      return init(txn, event, now);
    case 'add':
      return add(txn, event, now);
    case 'end':
      return end(txn, event, now);
    case 'stored':
      return stored(txn, event, now);
    case 'marked':
      return marked(txn, now);
    case 'tick':
      return isOverdue(txn, now) ? fence(txn, now) : { txn, effects: [] };
    case 'expire':
      return expire(txn, now);
  }
}

/** Whether the next `init` gives a new producer id: the first one, or when the epochs are used up. */
export function needsProducerId(txn: Txn): boolean {
  return txn.producerId === -1 || txn.producerEpoch >= lastUsableEpoch;
}

/** The monotonic time at which `tick` must be called next. */
export function nextTxnDeadlineMs(txn: Txn): number {
  return txn.status === 'Ongoing' && txn.pending === undefined ? txn.deadlineMs : Number.POSITIVE_INFINITY;
}

/** Whether a batch of this producer may enter the partition now: NONE, or the error code of a Produce answer. */
export function checkTxnWrite(txn: Txn, claim: Claim, isPartOf: (partitions: Txn['partitions']) => boolean): number {
  if (claim.producerEpoch < txn.producerEpoch) return kafkaErrors.INVALID_PRODUCER_EPOCH;
  const isEnding = txn.pending !== undefined && txn.pending.next.status !== 'Ongoing';
  const isOpen = txn.status === 'Ongoing' && !isEnding && claim.producerEpoch === txn.producerEpoch;
  return isOpen && isPartOf(txn.partitions) ? kafkaErrors.NONE : kafkaErrors.INVALID_TXN_STATE;
}

function isOverdue(txn: Txn, now: Instant): boolean {
  return nextTxnDeadlineMs(txn) <= now.monotonicMs;
}

const isPreparing = ({ status }: Txn) => status === 'PrepareCommit' || status === 'PrepareAbort';

function init(txn: Txn, event: Extract<TxnEvent, { kind: 'init' }>, now: Instant): TxnStep {
  const { expected, token, timeoutMs } = event;
  const isFirst = txn.producerId === -1;
  if (!isFirst && expected !== undefined && !isKnown(txn, expected))
    return refuse(txn, token, kafkaErrors.PRODUCER_FENCED);
  if (txn.pending !== undefined || isPreparing(txn)) return refuse(txn, token, kafkaErrors.CONCURRENT_TRANSACTIONS);
  if (txn.status === 'Ongoing') {
    // The epoch the abort takes is the one the producer gets when it asks again.
    const fenced = fence(txn, now, expected);
    return {
      ...fenced,
      effects: [...fenced.effects, ...refuse(txn, token, kafkaErrors.CONCURRENT_TRANSACTIONS).effects],
    };
  }
  const isOther = expected !== undefined && expected.producerEpoch !== txn.producerEpoch;
  const isRepeated = isOther && !isFirst && txn.producerEpoch <= lastUsableEpoch;
  const isNewId = needsProducerId(txn) && !isRepeated;
  if (isNewId && event.freshId === undefined) return refuse(txn, token, kafkaErrors.CONCURRENT_TRANSACTIONS);
  const next: TxnSnapshot = {
    producerId: isNewId ? (event.freshId as number) : txn.producerId,
    producerEpoch: isNewId ? 0 : txn.producerEpoch + (isRepeated ? 0 : 1),
    timeoutMs,
    status: 'Empty',
    partitions: noPartitions,
    startMs: -1,
    updatedMs: now.wallMs,
  };
  const last = isRepeated ? txn : lastOf(txn, expected);
  return store(txn, next, { token, isUrgent: true, ...last });
}

/** The producer's own id and epoch, or those it had before its last request of this kind. */
function isKnown(txn: Txn, { producerId, producerEpoch }: Claim): boolean {
  if (producerId === txn.producerId && producerEpoch === txn.producerEpoch) return true;
  const isLast = producerEpoch !== -1 && producerEpoch === txn.lastProducerEpoch && producerId === txn.lastProducerId;
  return isLast && txn.status !== 'Ongoing';
}

function lastOf(txn: Txn, expected: Claim | undefined) {
  if (expected === undefined) return { lastProducerId: -1, lastProducerEpoch: -1 };
  return { lastProducerId: txn.producerId, lastProducerEpoch: txn.producerEpoch };
}

/** What stands against a request of the producer, or NONE. */
function checkClaim(txn: Txn, { producerId, producerEpoch }: Claim): number {
  if (txn.producerId === -1 || producerId !== txn.producerId) return kafkaErrors.INVALID_PRODUCER_ID_MAPPING;
  if (producerEpoch !== txn.producerEpoch) return kafkaErrors.PRODUCER_FENCED;
  return txn.pending === undefined ? kafkaErrors.NONE : kafkaErrors.CONCURRENT_TRANSACTIONS;
}

function add(txn: Txn, event: Extract<TxnEvent, { kind: 'add' }>, now: Instant): TxnStep {
  const errorCode = checkClaim(txn, event);
  if (errorCode !== kafkaErrors.NONE) return refuse(txn, event.token, errorCode);
  if (isPreparing(txn)) return refuse(txn, event.token, kafkaErrors.CONCURRENT_TRANSACTIONS);
  const isOngoing = txn.status === 'Ongoing';
  const partitions = mergePartitions(isOngoing ? txn.partitions : noPartitions, event.partitions);
  if (isOngoing && partitions === txn.partitions) return answer(txn, event.token, kafkaErrors.NONE);
  const next: TxnSnapshot = {
    ...snapshotOf(txn),
    status: 'Ongoing',
    partitions,
    startMs: isOngoing ? txn.startMs : now.wallMs,
    updatedMs: now.wallMs,
  };
  // Once the end of the last transaction is durable, this record need not be: the partitions tell what a transaction wrote.
  return store(txn, next, { ...txn, token: event.token, isUrgent: !txn.isEndDurable });
}

function end(txn: Txn, event: Extract<TxnEvent, { kind: 'end' }>, now: Instant): TxnStep {
  const errorCode = checkClaim(txn, event);
  if (errorCode !== kafkaErrors.NONE) return refuse(txn, event.token, errorCode);
  switch (txn.status) {
    case 'Ongoing':
      return prepare(txn, event.isCommit, { now, token: event.token, producerEpoch: txn.producerEpoch, last: txn });
    case 'PrepareCommit':
    case 'PrepareAbort': {
      const isSame = event.isCommit === (txn.status === 'PrepareCommit');
      return refuse(txn, event.token, isSame ? kafkaErrors.CONCURRENT_TRANSACTIONS : kafkaErrors.INVALID_TXN_STATE);
    }
    case 'CompleteCommit':
    case 'CompleteAbort': {
      const isSame = event.isCommit === (txn.status === 'CompleteCommit');
      return answer(txn, event.token, isSame ? kafkaErrors.NONE : kafkaErrors.INVALID_TXN_STATE);
    }
    default:
      return refuse(txn, event.token, kafkaErrors.INVALID_TXN_STATE);
  }
}

/** Aborts what is ongoing under the next epoch, so that its producer can write nothing more. */
function fence(txn: Txn, now: Instant, by?: Claim): TxnStep {
  const producerEpoch = Math.min(txn.producerEpoch + 1, maxEpoch);
  return prepare(txn, false, { now, token: undefined, producerEpoch, last: lastOf(txn, by) });
}

interface PrepareOptions {
  readonly now: Instant;
  readonly token: number | undefined;
  readonly producerEpoch: number;
  readonly last: { readonly lastProducerId: number; readonly lastProducerEpoch: number };
}

function prepare(txn: Txn, isCommit: boolean, { now, token, producerEpoch, last }: PrepareOptions): TxnStep {
  const status = isCommit ? 'PrepareCommit' : 'PrepareAbort';
  const next: TxnSnapshot = { ...snapshotOf(txn), status, producerEpoch, updatedMs: now.wallMs };
  const { lastProducerId, lastProducerEpoch } = last;
  return store(txn, next, { lastProducerId, lastProducerEpoch, token, isUrgent: true });
}

function stored(txn: Txn, event: Extract<TxnEvent, { kind: 'stored' }>, now: Instant): TxnStep {
  const isStored = event.errorCode === kafkaErrors.NONE;
  if (event.storeId === txn.endStoreId)
    return { txn: { ...txn, isEndDurable: txn.isEndDurable || isStored }, effects: [] };
  const { pending } = txn;
  if (pending?.storeId !== event.storeId) return { txn, effects: [] };
  if (!isStored) {
    const kept = { ...txn, pending: undefined };
    if (pending.token === undefined) return { txn: kept, effects: [] };
    return refuse(kept, pending.token, kafkaErrors.COORDINATOR_NOT_AVAILABLE);
  }
  const { next, token, lastProducerId, lastProducerEpoch } = pending;
  const isBegun = next.status === 'Ongoing' && txn.status !== 'Ongoing';
  const changed: Txn = {
    ...txn,
    ...next,
    pending: undefined,
    lastProducerId,
    lastProducerEpoch,
    deadlineMs: isBegun ? now.monotonicMs + next.timeoutMs : txn.deadlineMs,
    // Whatever was stored stands behind the end of the last transaction; nothing may be accepted on it before it is durable.
    isEndDurable: !isPreparing({ ...txn, ...next }),
  };
  if (isPreparing(changed)) return { txn: { ...changed, endToken: token }, effects: [{ kind: 'mark' }] };
  return token === undefined ? { txn: changed, effects: [] } : answer(changed, token, kafkaErrors.NONE);
}

/** The answer need not wait for this record: without it, a start finds Prepare, every marker in its place, and ends the same way. */
function marked(txn: Txn, now: Instant): TxnStep {
  if (!isPreparing(txn)) return { txn, effects: [] };
  const snapshot: TxnSnapshot = {
    ...snapshotOf(txn),
    status: txn.status === 'PrepareCommit' ? 'CompleteCommit' : 'CompleteAbort',
    partitions: noPartitions,
    updatedMs: now.wallMs,
  };
  const storeId = txn.nextStoreId;
  const ended: Txn = { ...txn, ...snapshot, endToken: undefined, endStoreId: storeId, nextStoreId: storeId + 1 };
  const effects: TxnEffect[] = [{ kind: 'store', storeId, snapshot, isUrgent: true }];
  if (txn.endToken !== undefined) effects.push(...answer(ended, txn.endToken, kafkaErrors.NONE).effects);
  return { txn: ended, effects };
}

function expire(txn: Txn, now: Instant): TxnStep {
  if (txn.pending !== undefined || isPreparing(txn) || txn.status === 'Ongoing') return { txn, effects: [] };
  const next: TxnSnapshot = { ...snapshotOf(txn), status: 'Dead', updatedMs: now.wallMs };
  return store(txn, next, { ...txn, token: undefined, isUrgent: true });
}

function store(
  txn: Txn,
  next: TxnSnapshot,
  how: { token: number | undefined; isUrgent: boolean; lastProducerId: number; lastProducerEpoch: number },
): TxnStep {
  const { token, isUrgent, lastProducerId, lastProducerEpoch } = how;
  const storeId = txn.nextStoreId;
  const pending = { storeId, next, token, lastProducerId, lastProducerEpoch };
  const snapshot = next.status === 'Dead' ? undefined : next;
  return {
    txn: { ...txn, pending, nextStoreId: storeId + 1 },
    effects: [{ kind: 'store', storeId, snapshot, isUrgent }],
  };
}

function answer(txn: Txn, token: number, errorCode: number): TxnStep {
  const { producerId, producerEpoch } = txn;
  return { txn, effects: [{ kind: 'answer', token, answer: { errorCode, producerId, producerEpoch } }] };
}

function refuse(txn: Txn, token: number, errorCode: number): TxnStep {
  return { txn, effects: [{ kind: 'answer', token, answer: { errorCode, producerId: -1, producerEpoch: -1 } }] };
}
