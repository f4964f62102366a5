/** The coordinator of all transactions of this broker: the shell around one machine per transactional id. */

import type { Clock, Timer } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { PartitionLog } from '../log/partition-log.ts';
import type { TransactionMarker } from '../protocol/control-batch.ts';
import { kafkaErrors } from '../protocol/kafka-errors.ts';
import type { Instant } from './group-state.ts';
import { type MarkerPlace, MarkerWriter } from './marker-writer.ts';
import { TxnLog } from './txn-log.ts';
import {
  checkTxnWrite,
  needsProducerId,
  nextTxnDeadlineMs,
  stepTxn,
  type TxnAnswer,
  type TxnEffect,
  type TxnEvent,
} from './txn-machine.ts';
import { adoptOpen, deadlineAtStart } from './txn-start.ts';
import { hasPartition, isUnderWay, newTxn, restoreTxn, type Txn } from './txn-state.ts';

export interface TxnSettings {
  /** The longest time a producer may ask for (`transaction.max.timeout.ms`). */
  readonly maxTimeoutMs: number;
  /** Looked for at most this often: transactions that have taken too long (`transaction.abort.timed.out.transaction.cleanup.interval.ms`). */
  readonly timeoutIntervalMs: number;
  /** An id that nobody has used for this long is forgotten (`transactional.id.expiration.ms`). */
  readonly idExpirationMs: number;
  readonly expiryIntervalMs: number;
}

const defaultTxnSettings: TxnSettings = {
  maxTimeoutMs: 900_000,
  timeoutIntervalMs: 1_000,
  idExpirationMs: 7 * 86_400_000,
  expiryIntervalMs: 3_600_000,
};

export interface TxnCoordinatorOptions {
  /** The partitions of `__transaction_state`, in order. */
  readonly partitions: readonly PartitionLog[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly nextProducerId: () => Promise<number>;
  /** Undefined when there is no such partition. */
  readonly partitionOf: (place: MarkerPlace) => PartitionLog | undefined;
  /** Every partition there is: what the transactions of the last run have left open is found there. */
  readonly allPartitions: () => Iterable<PartitionLog>;
  /** Writes a marker where its transaction may have staged offsets; resolves to an error code. */
  readonly appendMarker: (place: MarkerPlace, marker: TransactionMarker) => Promise<number>;
  readonly settings?: Partial<TxnSettings> | undefined;
}

interface InitRequest {
  readonly timeoutMs: number;
  readonly expected: { readonly producerId: number; readonly producerEpoch: number } | undefined;
}

interface ProducerClaim {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** Replays the transactions topic, ends what was being ended, and starts; rejects with `coordinator/transactions-damaged`. */
export async function openTxnCoordinator(options: TxnCoordinatorOptions): Promise<TxnCoordinator> {
  const log = new TxnLog(options.partitions, options.clock);
  const snapshots = await log.load();
  const now = { wallMs: options.clock.nowMs(), monotonicMs: options.clock.monotonicMs() };
  const txns = Array.from(snapshots, ([id, snapshot]) => restoreTxn(id, snapshot, deadlineAtStart(snapshot, now)));
  options.logger.debug({ transactionalIds: txns.length }, 'transactional ids loaded');
  const coordinator = new TxnCoordinator(options, log);
  coordinator.resume(txns, now);
  return coordinator;
}

export class TxnCoordinator {
  readonly #options: TxnCoordinatorOptions;
  readonly #settings: TxnSettings;
  readonly #log: TxnLog;
  readonly #markers: MarkerWriter;
  readonly #txns = new Map<string, Txn>();
  /** Producer id → transactional id, for every produced batch. */
  readonly #idOfProducer = new Map<number, string>();
  readonly #waiting = new Map<number, (answer: TxnAnswer) => void>();
  #nextToken = 1;
  #expiryTimer: Timer | undefined;
  /** Set while a transaction is under way: a coordinator with nothing to end wakes nobody. */
  #overdueTimer: Timer | undefined;
  /** Monotonic time at which it fires. */
  #overdueMs = Number.POSITIVE_INFINITY;
  /** When it fired last. */
  #lookedMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(options: TxnCoordinatorOptions, log: TxnLog) {
    this.#options = options;
    this.#settings = { ...defaultTxnSettings, ...options.settings };
    this.#log = log;
    this.#markers = new MarkerWriter({
      clock: options.clock,
      logger: options.logger,
      isOpen: (place, producerId) => isOpenIn(options.partitionOf(place), producerId),
      append: options.appendMarker,
    });
  }

  /** Called once, with what the log holds: markers that are missing are written, and what no transaction owns is aborted. */
  resume(txns: readonly Txn[], now: Instant): void {
    const { adopted, orphans } = adoptOpen(txns, this.#options.allPartitions(), now);
    for (const txn of adopted) {
      this.#put(txn);
      if (txn.status === 'PrepareCommit' || txn.status === 'PrepareAbort') void this.#mark(txn);
    }
    for (const { place, producerId, producerEpoch } of orphans) {
      const fields = { partition: `${place.topic}-${place.partition}`, producerId };
      this.#options.logger.warn(fields, 'a transaction that nobody can end any more is aborted');
      void this.#markers.write([place], this.#marker({ producerId, producerEpoch, isCommit: false }));
    }
    this.#scheduleExpiry();
  }

  get(transactionalId: string): Txn | undefined {
    return this.#txns.get(transactionalId);
  }

  all(): Iterable<Txn> {
    return this.#txns.values();
  }

  /** The producer's identity for this transactional id, which fences every earlier one. */
  async init(transactionalId: string, { timeoutMs, expected }: InitRequest): Promise<TxnAnswer> {
    if (timeoutMs <= 0 || timeoutMs > this.#settings.maxTimeoutMs) {
      return refused(kafkaErrors.INVALID_TRANSACTION_TIMEOUT);
    }
    const known = this.#txns.get(transactionalId);
    const needsId = known === undefined || needsProducerId(known);
    const freshId = needsId ? await this.#options.nextProducerId() : undefined;
    if (!this.#isClosed && !this.#txns.has(transactionalId)) {
      this.#put(newTxn(transactionalId, this.#options.clock.nowMs()));
    }
    return this.#ask(transactionalId, (token) => ({ kind: 'init', token, timeoutMs, expected, freshId }));
  }

  /** The partitions join the producer's transaction, which begins with the first one. */
  async addPartitions(transactionalId: string, claim: ProducerClaim, partitions: Txn['partitions']): Promise<number> {
    return (await this.#ask(transactionalId, (token) => ({ ...claim, kind: 'add', token, partitions }))).errorCode;
  }

  /** Answered when every partition has its marker, durably. */
  async end(transactionalId: string, claim: ProducerClaim, isCommit: boolean): Promise<number> {
    return (await this.#ask(transactionalId, (token) => ({ ...claim, kind: 'end', token, isCommit }))).errorCode;
  }

  /** Whether the producer may write into the partition as part of its transaction now: NONE, or what Produce answers. */
  checkWrite(claim: ProducerClaim, topic: string, partition: number): number {
    const transactionalId = this.#idOfProducer.get(claim.producerId);
    const txn = transactionalId === undefined ? undefined : this.#txns.get(transactionalId);
    if (txn === undefined || txn.producerId !== claim.producerId) return kafkaErrors.INVALID_TXN_STATE;
    return checkTxnWrite(txn, claim, (partitions) => hasPartition(partitions, topic, partition));
  }

  /**
   * An administrator ends a transaction that hangs in one partition; resolves to an error code once that is durable. One
   * that is known here is refused: it is ended in all of its partitions or in none, by its producer or by its timeout.
   */
  endHanging({ topic, partition }: MarkerPlace, marker: TransactionMarker): Promise<number> {
    if (this.#isClosed) return Promise.resolve(kafkaErrors.COORDINATOR_NOT_AVAILABLE);
    const owner = this.#txns.get(this.#idOfProducer.get(marker.producerId) ?? '');
    const isKnown = owner !== undefined && isUnderWay(owner) && hasPartition(owner.partitions, topic, partition);
    if (isKnown) return Promise.resolve(kafkaErrors.INVALID_TXN_STATE);
    // A larger epoch than ours would shut this coordinator out of the partition.
    const coordinatorEpoch = Math.min(marker.coordinatorEpoch, this.#log.coordinatorEpoch);
    return this.#options.appendMarker({ topic, partition }, { ...marker, coordinatorEpoch });
  }

  /** Everybody who waits is sent to look for the coordinator again; resolves when nothing is on its way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#expiryTimer?.cancel();
    this.#overdueTimer?.cancel();
    for (const answer of this.#waiting.values()) answer(refused(kafkaErrors.COORDINATOR_NOT_AVAILABLE));
    this.#waiting.clear();
    await this.#markers.close();
    await this.#log.settled();
  }

  #ask(transactionalId: string, eventOf: (token: number) => TxnEvent): Promise<TxnAnswer> {
    if (this.#isClosed) return Promise.resolve(refused(kafkaErrors.COORDINATOR_NOT_AVAILABLE));
    const txn = this.#txns.get(transactionalId);
    if (txn === undefined) return Promise.resolve(refused(kafkaErrors.INVALID_PRODUCER_ID_MAPPING));
    return new Promise((resolve) => {
      const token = this.#nextToken++;
      this.#waiting.set(token, resolve);
      this.#step(transactionalId, eventOf(token));
    });
  }

  #step(transactionalId: string, event: TxnEvent): void {
    const before = this.#txns.get(transactionalId);
    if (before === undefined || this.#isClosed) return;
    const now = { wallMs: this.#options.clock.nowMs(), monotonicMs: this.#options.clock.monotonicMs() };
    const { txn, effects } = stepTxn(before, event, now);
    if (txn.status === 'Dead') this.#drop(txn);
    else this.#put(txn);
    for (const effect of effects) this.#do(txn, effect);
  }

  #do(txn: Txn, effect: TxnEffect): void {
    if (effect.kind === 'answer') {
      this.#waiting.get(effect.token)?.(effect.answer);
      this.#waiting.delete(effect.token);
    } else if (effect.kind === 'mark') void this.#mark(txn);
    else {
      const { storeId, snapshot, isUrgent } = effect;
      const stored = this.#log.append(txn.transactionalId, snapshot, isUrgent);
      void stored.then((errorCode) => this.#step(txn.transactionalId, { kind: 'stored', storeId, errorCode }));
    }
  }

  async #mark({ transactionalId, producerId, producerEpoch, status, partitions }: Txn): Promise<void> {
    const places = Array.from(partitions, ([topic, numbers]) =>
      Array.from(numbers, (partition) => ({ topic, partition })),
    );
    const marker = this.#marker({ producerId, producerEpoch, isCommit: status === 'PrepareCommit' });
    if (await this.#markers.write(places.flat(), marker)) this.#step(transactionalId, { kind: 'marked' });
  }

  #marker(marker: Omit<TransactionMarker, 'coordinatorEpoch'>): TransactionMarker {
    return { ...marker, coordinatorEpoch: this.#log.coordinatorEpoch };
  }

  #put(txn: Txn): void {
    const before = this.#txns.get(txn.transactionalId);
    this.#txns.set(txn.transactionalId, txn);
    this.#watch(nextTxnDeadlineMs(txn));
    if (before?.producerId === txn.producerId) return;
    if (before !== undefined) this.#idOfProducer.delete(before.producerId);
    if (txn.producerId !== -1) this.#idOfProducer.set(txn.producerId, txn.transactionalId);
  }

  #drop(txn: Txn): void {
    this.#txns.delete(txn.transactionalId);
    this.#idOfProducer.delete(txn.producerId);
  }

  /** A transaction will be overdue at `atMs`; a timer that fires for one that has ended meanwhile finds nothing to do. */
  #watch(atMs: number): void {
    const { clock } = this.#options;
    // What cannot be aborted now, on a full disk say, is tried again after the interval and not at once.
    const dueMs = Math.max(atMs, this.#lookedMs + this.#settings.timeoutIntervalMs);
    if (dueMs >= this.#overdueMs || this.#isClosed) return;
    this.#overdueTimer?.cancel();
    this.#overdueMs = dueMs;
    this.#overdueTimer = clock.timer(Math.max(dueMs - clock.monotonicMs(), 0), () => this.#abortOverdue());
  }

  #abortOverdue(): void {
    const nowMs = this.#options.clock.monotonicMs();
    this.#lookedMs = nowMs;
    this.#overdueMs = Number.POSITIVE_INFINITY;
    for (const txn of [...this.#txns.values()]) {
      const atMs = nextTxnDeadlineMs(txn);
      if (atMs > nowMs) {
        this.#watch(atMs);
        continue;
      }
      const { transactionalId, timeoutMs } = txn;
      this.#options.logger.info({ transactionalId, timeoutMs }, 'a transaction took too long and is aborted');
      this.#step(transactionalId, { kind: 'tick' });
    }
  }

  #expire(): void {
    const beforeMs = this.#options.clock.nowMs() - this.#settings.idExpirationMs;
    for (const txn of [...this.#txns.values()]) {
      if (txn.updatedMs < beforeMs) this.#step(txn.transactionalId, { kind: 'expire' });
    }
  }

  #scheduleExpiry(): void {
    this.#expiryTimer = this.#options.clock.timer(this.#settings.expiryIntervalMs, () => {
      if (this.#isClosed) return;
      this.#expire();
      this.#scheduleExpiry();
    });
  }
}

/** What a partition has open that cannot be read is not known: it must take the marker first. */
function isOpenIn(log: PartitionLog | undefined, producerId: number): boolean {
  if (log === undefined) return false;
  return log.failure !== undefined || log.openTransactionOf(producerId) !== -1;
}

function refused(errorCode: number): TxnAnswer {
  return { errorCode, producerId: -1, producerEpoch: -1 };
}
