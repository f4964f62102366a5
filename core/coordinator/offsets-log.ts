/** One partition of `__consumer_offsets`: records in, applied to memory in log order once durable, and read back at start. */

import type { Clock } from '../base/clock.ts';
import type { AppendResult, PartitionLog } from '../log/partition-log.ts';
import { BatchBuilder, type BuildOptions } from '../protocol/batch-builder.ts';
import type { TransactionMarker } from '../protocol/control-batch.ts';
import { kafkaErrors } from '../protocol/kafka-errors.ts';
import { coordinatorErrors } from './error-codes.ts';
import { replayState, type StateReader, type StateRecord } from './state-log.ts';

export type OffsetsRecord = StateRecord;

export interface TxnProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
}

export class OffsetsLog {
  readonly #log: PartitionLog;
  readonly #clock: Clock;
  readonly #builder = new BatchBuilder({ initialBytes: 1024 });
  /** Settles when every append before it was applied; keeps memory equal to a replay. */
  #applied: Promise<unknown> = Promise.resolve();

  constructor(log: PartitionLog, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /**
   * Appends the records as one batch and resolves when they are durable, after `apply` ran; `apply` runs in the order
   * of the log and only for what is durable. Resolves to the error code of the log, never rejects.
   */
  append(records: readonly OffsetsRecord[], apply: () => void): Promise<number> {
    return this.#append(this.#batchOf(records, {}), apply);
  }

  /** The same for records that count once the producer's transaction is committed. */
  appendInTransaction(records: readonly OffsetsRecord[], producer: TxnProducer, apply: () => void): Promise<number> {
    const options = { producer: { ...producer, baseSequence: -1 }, isTransactional: true };
    return this.#append(this.#batchOf(records, options), apply);
  }

  /** Ends the producer's transaction in this partition. */
  appendMarker(marker: TransactionMarker, apply: () => void): Promise<number> {
    return this.#applyInOrder(this.#log.appendMarker(marker), apply);
  }

  /** Resolves when everything appended so far is applied or refused. */
  async settled(): Promise<void> {
    await this.#applied;
  }

  /** Shows everything from the first record to the last; rejects with `coordinator/offsets-damaged` when something makes no sense. */
  replay(reader: Pick<StateReader, 'onRecord' | 'onMarker'>): Promise<void> {
    const damaged: StateReader['damaged'] = (details) => coordinatorErrors.error('offsets-damaged', details);
    return replayState(this.#log, { ...reader, damaged });
  }

  #batchOf(records: readonly OffsetsRecord[], options: BuildOptions): Buffer {
    const timestampMs = this.#clock.nowMs();
    for (const { key, value } of records) this.#builder.appendRecord({ key, value, timestampMs });
    return this.#builder.build(options);
  }

  #append(batch: Buffer, apply: () => void): Promise<number> {
    return this.#applyInOrder(this.#log.append(batch, { acks: -1, origin: 'coordinator' }), apply);
  }

  #applyInOrder(appended: Promise<AppendResult>, apply: () => void): Promise<number> {
    const before = this.#applied;
    const outcome = appended.then(
      async ({ errorCode }) => {
        await before;
        if (errorCode === kafkaErrors.NONE) apply();
        return errorCode;
      },
      () => kafkaErrors.KAFKA_STORAGE_ERROR,
    );
    this.#applied = outcome;
    return outcome;
  }
}
