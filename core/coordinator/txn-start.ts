/** What a start makes of the transactions of the last run: the partitions tell what each of them has written. */

import type { OpenTransaction } from '../log/open-transactions.ts';
import type { PartitionLog } from '../log/partition-log.ts';
import type { Instant } from './group-state.ts';
import type { MarkerPlace } from './marker-writer.ts';
import { hasPartition, mergePartitions, noPartitions, type Txn, type TxnSnapshot } from './txn-state.ts';

interface Orphan {
  readonly place: MarkerPlace;
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** An ongoing transaction keeps its timer over a restart; only there the wall clock counts, and never for more than the timeout. */
export function deadlineAtStart(snapshot: TxnSnapshot, now: Instant): number {
  if (snapshot.status !== 'Ongoing') return Number.POSITIVE_INFINITY;
  const passedMs = Math.min(Math.max(now.wallMs - snapshot.startMs, 0), snapshot.timeoutMs);
  return now.monotonicMs + snapshot.timeoutMs - passedMs;
}

/**
 * Compares what the partitions have open with what the transactions say. The record that a transaction has begun, or got
 * another partition, may be lost: it is not synced. Then the partition itself is the proof, since its batch was accepted
 * only after the end of the transaction before was durable. What belongs to no transaction is to be aborted.
 */
export function adoptOpen(
  txns: readonly Txn[],
  partitions: Iterable<Pick<PartitionLog, 'topic' | 'partition' | 'openTransactions'>>,
  now: Instant,
): { adopted: Txn[]; orphans: Orphan[] } {
  const byProducer = new Map(txns.map((txn) => [txn.producerId, txn]));
  const orphans: Orphan[] = [];
  for (const log of partitions) {
    const place = { topic: log.topic, partition: log.partition };
    for (const open of log.openTransactions()) {
      const txn = byProducer.get(open.producerId);
      const owner = txn === undefined ? undefined : ownerOf(txn, { open, place, now });
      if (owner !== undefined) byProducer.set(open.producerId, owner);
      else orphans.push({ place, ...open, producerEpoch: Math.max(open.producerEpoch, txn?.producerEpoch ?? -1) });
    }
  }
  const byId = new Map(txns.map((txn) => [txn.transactionalId, txn]));
  for (const txn of byProducer.values()) byId.set(txn.transactionalId, txn);
  return { adopted: [...byId.values()], orphans };
}

/** The transaction with the partition as part of it, or undefined when the open batches cannot be its own. */
function ownerOf(
  txn: Txn,
  { open, place, now }: { open: OpenTransaction; place: MarkerPlace; now: Instant },
): Txn | undefined {
  if (txn.status === 'PrepareCommit' || txn.status === 'PrepareAbort') {
    return hasPartition(txn.partitions, place.topic, place.partition) ? txn : undefined;
  }
  if (open.producerEpoch !== txn.producerEpoch) return undefined;
  const isOngoing = txn.status === 'Ongoing';
  const added = new Map([[place.topic, new Set([place.partition])]]);
  return {
    ...txn,
    status: 'Ongoing',
    partitions: mergePartitions(isOngoing ? txn.partitions : noPartitions, added),
    startMs: isOngoing ? txn.startMs : now.wallMs,
    deadlineMs: isOngoing ? txn.deadlineMs : now.monotonicMs + txn.timeoutMs,
  };
}
