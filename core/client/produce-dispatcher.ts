/** Routes pending batches to the leaders of their partitions, and turns answers into acknowledgements, retries and failures. */

import type { Timer } from '../base/clock.ts';
import { describeError, MillraceError } from '../base/errors.ts';
import { kafkaErrorName } from '../protocol/kafka-errors.ts';
import { backoffMs, retryBackoff } from './backoff.ts';
import type { Cluster } from './cluster.ts';
import type { Purpose } from './connection-pool.ts';
import { clientErrors } from './error-codes.ts';
import { type PendingBatch, ProduceLane } from './produce-lane.ts';
import { attemptOf, isMisrouted, refusal } from './produce-outcome.ts';
import { type PartitionAnswer, ProduceSender } from './produce-sender.ts';
import { FixedIdentity, IdentitySource, type ProducerTransaction } from './producer-identity.ts';
import type { Attempt } from './sequencer.ts';

export interface DispatcherOptions {
  readonly cluster: Cluster;
  readonly acks: -1 | 1;
  readonly isIdempotent: boolean;
  readonly transaction: ProducerTransaction | undefined;
  readonly maxInFlight: number;
  readonly maxRequestBytes: number;
  readonly requestTimeoutMs: number;
  readonly closing: AbortSignal;
}

export class ProduceDispatcher {
  readonly #options: DispatcherOptions;
  readonly #cluster: Cluster;
  readonly #lanes = new Map<string, Map<number, ProduceLane>>();
  /** Lanes with something to deliver. */
  readonly #active = new Set<ProduceLane>();
  readonly #senders = new Map<number, ProduceSender>();
  readonly #identities: IdentitySource | FixedIdentity;
  readonly #purpose: Purpose;
  #isPumpScheduled = false;
  #timer: Timer | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#cluster = options.cluster;
    const { transaction } = options;
    this.#identities =
      transaction === undefined ? new IdentitySource(options.cluster, options.closing) : new FixedIdentity(transaction);
    this.#purpose = options.cluster.newPurpose('produce');
  }

  lane(topic: string, partition: number): ProduceLane {
    let lanes = this.#lanes.get(topic);
    if (lanes === undefined) {
      lanes = new Map();
      this.#lanes.set(topic, lanes);
    }
    let lane = lanes.get(partition);
    if (lane === undefined) {
      const { isIdempotent, maxInFlight } = this.#options;
      lane = new ProduceLane({ topic, partition, isIdempotent, maxInFlight });
      lanes.set(partition, lane);
    }
    return lane;
  }

  add(batch: PendingBatch): void {
    batch.lane.sequencer.add(batch);
    this.#active.add(batch.lane);
    this.#schedulePump();
  }

  /** Forgets a batch that was never sent; one that was is delivered all the same. */
  withdraw(batch: PendingBatch): void {
    if (batch.lane.sequencer.withdraw(batch)) batch.failed(notSent(batch, 'its sender went away'));
  }

  /** Fails everything, in flight or not; nothing is sent any more. */
  failAll(error: MillraceError): void {
    this.#timer?.cancel();
    for (const lane of this.#active) for (const batch of lane.sequencer.takeAll()) batch.failed(error);
    this.#active.clear();
    this.#cluster.release(this.#purpose);
  }

  /** Once per turn of the event loop, however many batches and answers came in it. */
  #schedulePump(): void {
    if (this.#isPumpScheduled) return;
    this.#isPumpScheduled = true;
    queueMicrotask(() => {
      this.#isPumpScheduled = false;
      if (!this.#options.closing.aborted) this.#pump();
    });
  }

  #pump(): void {
    const nowMs = this.#cluster.clock.monotonicMs();
    const byLeader = new Map<number, Set<ProduceLane>>();
    let wakeMs = Number.POSITIVE_INFINITY;
    for (const lane of this.#active) {
      this.#expire(lane, nowMs);
      const oldest = lane.sequencer.waiting[0];
      if (oldest === undefined) {
        if (lane.sequencer.isEmpty) this.#active.delete(lane);
        continue;
      }
      const isBackingOff = lane.notBeforeMs > nowMs;
      wakeMs = Math.min(wakeMs, oldest.deadlineMs, isBackingOff ? lane.notBeforeMs : oldest.deadlineMs);
      const leaderId = isBackingOff ? undefined : this.#route(lane);
      if (leaderId === undefined) continue;
      const lanes = byLeader.get(leaderId);
      if (lanes === undefined) byLeader.set(leaderId, new Set([lane]));
      else lanes.add(lane);
    }
    for (const [leaderId, lanes] of byLeader) this.#sender(leaderId).pump(lanes);
    this.#wakeAt(wakeMs, nowMs);
  }

  #wakeAt(wakeMs: number, nowMs: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (wakeMs !== Number.POSITIVE_INFINITY) {
      this.#timer = this.#cluster.clock.timer(Math.max(wakeMs - nowMs, 1), () => this.#schedulePump());
    }
  }

  /** The broker to send to now; undefined when something is missing that has been asked for. */
  #route(lane: ProduceLane): number | undefined {
    if (lane.sequencer.needsIdentity && !this.#giveIdentity(lane)) return undefined;
    if (lane.sequencer.next === undefined) return undefined;
    const leader = this.#cluster.leader(lane.topic, lane.partition);
    if (leader === undefined) void this.#findLeader(lane);
    return leader?.leaderId;
  }

  #giveIdentity(lane: ProduceLane): boolean {
    const identity = this.#identities.unlike(lane.lastIdentity);
    if (identity === undefined) {
      void this.#awaitIdentity(lane);
      return false;
    }
    lane.lastIdentity = identity;
    lane.sequencer.provideIdentity(identity);
    return true;
  }

  async #awaitIdentity(lane: ProduceLane): Promise<void> {
    if (lane.isAwaitingIdentity) return;
    lane.isAwaitingIdentity = true;
    await this.#identities.renew().catch((error: unknown) => this.#failWaiting(lane, error));
    lane.isAwaitingIdentity = false;
    this.#schedulePump();
  }

  async #findLeader(lane: ProduceLane): Promise<void> {
    if (lane.isFindingLeader) return;
    lane.isFindingLeader = true;
    try {
      await this.#cluster.refresh([lane.topic], this.#options.closing);
      if (this.#cluster.leader(lane.topic, lane.partition) === undefined) this.#noLeader(lane);
    } catch (error) {
      this.#backOff(lane, describeError(error));
    }
    lane.isFindingLeader = false;
    this.#schedulePump();
  }

  #noLeader(lane: ProduceLane): void {
    const error = this.#cluster.topicError(lane.topic);
    this.#cluster.markStale(lane.topic);
    if (error.retriable) this.#backOff(lane, error.message);
    else this.#failWaiting(lane, error);
  }

  #sender(nodeId: number): ProduceSender {
    let sender = this.#senders.get(nodeId);
    if (sender === undefined) {
      sender = new ProduceSender({
        ...this.#options,
        transactionalId: this.#options.transaction?.transactionalId ?? null,
        nodeId,
        purpose: this.#purpose,
        onAnswer: (batch, answer) => this.#onAnswer(batch, answer),
        onLost: (batch, error) => this.#onLost(batch, error),
        onReady: () => this.#schedulePump(),
        onUnreachable: (error) => this.#onUnreachable(nodeId, error),
      });
      this.#senders.set(nodeId, sender);
    }
    return sender;
  }

  #onUnreachable(nodeId: number, error: unknown): void {
    for (const lane of this.#active) {
      if (this.#cluster.leader(lane.topic, lane.partition)?.leaderId !== nodeId) continue;
      this.#cluster.markStale(lane.topic);
      this.#backOff(lane, describeError(error));
    }
    this.#schedulePump();
  }

  #onAnswer(batch: PendingBatch, answer: PartitionAnswer): void {
    const { lane } = batch;
    const { errorCode } = answer;
    if (isMisrouted(errorCode)) this.#cluster.markStale(lane.topic);
    const attempt = attemptOf(errorCode);
    if (attempt !== 'acked') batch.lastProblem = kafkaErrorName(errorCode);
    const refused = attempt === 'failed' ? refusal(errorCode, lane.where, answer.errorMessage) : undefined;
    this.#settle(batch, attempt, answer.baseOffset, refused);
  }

  /** Without an answer the batch may be stored; an error that trying again does not cure means it was never sent. */
  #onLost(batch: PendingBatch, error: unknown): void {
    batch.lastProblem = describeError(error);
    this.#cluster.markStale(batch.lane.topic);
    const isFinal = error instanceof MillraceError && !error.retriable && !clientErrors.is(error, 'closed');
    if (isFinal) this.#settle(batch, 'failed', -1, error);
    else this.#settle(batch, 'unknown', -1);
  }

  #settle(batch: PendingBatch, attempt: Attempt, baseOffset: number, refused?: MillraceError): void {
    const { lane } = batch;
    if (!lane.sequencer.isInFlight(batch)) return;
    const isLate = attempt !== 'acked' && attempt !== 'failed' && this.#cluster.clock.monotonicMs() >= batch.deadlineMs;
    const { outcome, dropped } = lane.sequencer.settle(batch, isLate ? 'failed' : attempt);
    if (outcome === 'done') {
      lane.failures = 0;
      batch.acked(baseOffset);
    } else if (outcome === 'retry') {
      this.#backOff(lane, batch.lastProblem);
    } else if (outcome === 'lost') {
      const message = `The broker says ${batch.lastProblem} to a batch that may be stored already`;
      batch.failed(clientErrors.error('sequence-lost', { message, where: lane.where }));
    } else {
      const own = isLate ? timedOut(batch) : attempt === 'failed' ? refused : undefined;
      batch.failed(own ?? notSent(batch, 'a batch before it failed'));
    }
    for (const other of dropped) other.failed(notSent(other, 'a batch before it failed'));
    this.#schedulePump();
  }

  /** The failures of batches that were in flight together count once. */
  #backOff(lane: ProduceLane, problem: string): void {
    const nowMs = this.#cluster.clock.monotonicMs();
    if (lane.notBeforeMs > nowMs) return;
    lane.failures++;
    const delayMs = backoffMs(retryBackoff, lane.failures, Math.random());
    lane.notBeforeMs = nowMs + delayMs;
    const fields = {
      topic: lane.topic,
      partition: lane.partition,
      failures: lane.failures,
      delayMs: Math.round(delayMs),
    };
    if (lane.failures > 1) this.#cluster.logger.warn({ ...fields, problem }, 'producing is delayed');
    else this.#cluster.logger.debug({ ...fields, problem }, 'sending batches again');
    for (const batch of lane.sequencer.waiting) batch.lastProblem = problem;
  }

  #expire(lane: ProduceLane, nowMs: number): void {
    const oldest = lane.sequencer.waiting[0];
    if (oldest === undefined || oldest.deadlineMs > nowMs) return;
    for (const batch of lane.sequencer.dropFrom(oldest)) batch.failed(timedOut(batch));
  }

  #failWaiting(lane: ProduceLane, error: unknown): void {
    const first = lane.sequencer.waiting[0];
    if (first === undefined) return;
    const own =
      error instanceof MillraceError ? error : clientErrors.error('refused', { message: describeError(error) });
    for (const batch of lane.sequencer.dropFrom(first)) batch.failed(own);
  }
}

function timedOut(batch: PendingBatch): MillraceError {
  return clientErrors.error('delivery-timeout', {
    message: `A batch of ${batch.recordCount} records was not acknowledged in time: ${batch.lastProblem}`,
    where: batch.lane.where,
  });
}

function notSent(batch: PendingBatch, reason: string): MillraceError {
  const message = `A batch of ${batch.recordCount} records was given up: ${reason}`;
  return clientErrors.error('not-sent', { message, where: batch.lane.where });
}
