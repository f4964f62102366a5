/** The partitions of `__transaction_state`: one record per state of a transactional id, the last one counts. */

import type { Clock } from '../base/clock.ts';
import type { PartitionLog } from '../log/partition-log.ts';
import { BatchBuilder } from '../protocol/batch-builder.ts';
import { kafkaErrors } from '../protocol/kafka-errors.ts';
import { coordinatorErrors } from './error-codes.ts';
import { replayState } from './state-log.ts';
import { decodeTxnKey, decodeTxnValue, encodeTxnKey, encodeTxnValue, txnPartitionOf } from './txn-records.ts';
import type { TxnSnapshot } from './txn-state.ts';

export class TxnLog {
  readonly #partitions: readonly PartitionLog[];
  readonly #clock: Clock;
  readonly #builder = new BatchBuilder({ initialBytes: 1024 });
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(partitions: readonly PartitionLog[], clock: Clock) {
    this.#partitions = partitions;
    this.#clock = clock;
  }

  /** Grows whenever markers of an earlier coordinator might still be on their way. */
  get coordinatorEpoch(): number {
    return this.#partitions[0]?.leaderEpoch ?? 0;
  }

  /** Undefined is a tombstone. Resolves to an error code once the record is durable, or written when it is not urgent; never rejects. */
  append(transactionalId: string, snapshot: TxnSnapshot | undefined, isUrgent: boolean): Promise<number> {
    const key = encodeTxnKey(transactionalId);
    const value = snapshot === undefined ? null : encodeTxnValue(snapshot);
    this.#builder.appendRecord({ key, value, timestampMs: this.#clock.nowMs() });
    const log = this.#partitions[txnPartitionOf(transactionalId, this.#partitions.length)] as PartitionLog;
    const appended = log.append(this.#builder.build(), { acks: isUrgent ? -1 : 1, origin: 'coordinator' }).then(
      ({ errorCode }) => errorCode,
      () => kafkaErrors.KAFKA_STORAGE_ERROR,
    );
    this.#underWay.add(appended);
    void appended.then(() => this.#underWay.delete(appended));
    return appended;
  }

  /** The last record of each transactional id. Rejects with `coordinator/transactions-damaged`. */
  async load(): Promise<Map<string, TxnSnapshot>> {
    const snapshots = new Map<string, TxnSnapshot>();
    for (const partition of this.#partitions) {
      await replayState(partition, {
        onRecord({ key, value }) {
          const transactionalId = decodeTxnKey(key);
          if (transactionalId === undefined) return;
          if (value === null) snapshots.delete(transactionalId);
          else snapshots.set(transactionalId, decodeTxnValue(value));
        },
        onMarker() {},
        damaged: (details) => coordinatorErrors.error('transactions-damaged', details),
      });
    }
    return snapshots;
  }

  /** Resolves when no append is on its way. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay);
  }
}
