/** What is known of one transactional id: plain data that nobody changes, only replaces. */

/** Kafka's names, at the place of their numbers in the log. */
export const txnStatuses = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
  'Dead',
  'PrepareEpochFence',
] as const;

export type TxnStatus = (typeof txnStatuses)[number];

/** Topic → partition numbers. */
export type TxnPartitions = Map<string, Set<number>>;
type PartitionSet = ReadonlyMap<string, ReadonlySet<number>>;

/** The durable part: what a record in `__transaction_state` holds. */
export interface TxnSnapshot {
  /** -1 before the first one was given. */
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly timeoutMs: number;
  readonly status: TxnStatus;
  /** Of the transaction that is under way or being ended. */
  readonly partitions: PartitionSet;
  /** Wall time at which the last transaction began; -1 before the first one. */
  readonly startMs: number;
  readonly updatedMs: number;
}

/** A record on its way to the log; what it says holds once it is there. */
interface PendingStore {
  readonly storeId: number;
  readonly next: TxnSnapshot;
  /** Who is answered when it is there; an EndTxn waits for the markers too. */
  readonly token: number | undefined;
  readonly lastProducerId: number;
  readonly lastProducerEpoch: number;
}

export interface Txn extends TxnSnapshot {
  readonly transactionalId: string;
  /** What a producer had that asked for its next epoch, -1 unless it named it: its repeated request gets the same answer. */
  readonly lastProducerId: number;
  readonly lastProducerEpoch: number;
  /** Monotonic time at which an ongoing transaction is aborted. */
  readonly deadlineMs: number;
  readonly pending: PendingStore | undefined;
  /** The EndTxn that waits for the markers. */
  readonly endToken: number | undefined;
  /** False until a record behind Prepare is durable: before that, a crash would end the next transaction with the last one. */
  readonly isEndDurable: boolean;
  /** The record of the Complete state, which nobody waits for. */
  readonly endStoreId: number;
  readonly nextStoreId: number;
}

export const noPartitions: PartitionSet = new Map();

export function newTxn(transactionalId: string, wallMs: number): Txn {
  const nothing = { producerId: -1, producerEpoch: -1, timeoutMs: 0, startMs: -1, updatedMs: wallMs };
  return restoreTxn(
    transactionalId,
    { ...nothing, status: 'Empty', partitions: noPartitions },
    Number.POSITIVE_INFINITY,
  );
}

/** As its last record describes it. */
export function restoreTxn(transactionalId: string, snapshot: TxnSnapshot, deadlineMs: number): Txn {
  return {
    ...snapshot,
    transactionalId,
    lastProducerId: -1,
    lastProducerEpoch: -1,
    deadlineMs,
    pending: undefined,
    endToken: undefined,
    isEndDurable: true,
    endStoreId: -1,
    nextStoreId: 1,
  };
}

export function snapshotOf(txn: TxnSnapshot): TxnSnapshot {
  const { producerId, producerEpoch, timeoutMs, status, partitions, startMs, updatedMs } = txn;
  return { producerId, producerEpoch, timeoutMs, status, partitions, startMs, updatedMs };
}

/** A transaction has begun and not ended. */
export function isUnderWay({ status }: TxnSnapshot): boolean {
  return status === 'Ongoing' || status === 'PrepareCommit' || status === 'PrepareAbort';
}

export function hasPartition(partitions: PartitionSet, topic: string, partition: number): boolean {
  return partitions.get(topic)?.has(partition) === true;
}

/** Both together; `known` itself when nothing is new. */
export function mergePartitions(known: PartitionSet, added: PartitionSet): PartitionSet {
  let merged: TxnPartitions | undefined;
  for (const [topic, partitions] of added) {
    for (const partition of partitions) {
      if (hasPartition(merged ?? known, topic, partition)) continue;
      merged ??= new Map(Array.from(known, ([name, numbers]) => [name, new Set(numbers)]));
      const numbers = merged.get(topic) ?? new Set();
      merged.set(topic, numbers.add(partition));
    }
  }
  return merged ?? known;
}
